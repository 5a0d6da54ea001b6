#include "cloud/merge_buffer.h"

#include <algorithm>
#include <utility>

#include "cloud/spilled_update.h"

namespace microcloud {
namespace {

constexpr uint64_t kMostIncrements = (uint64_t{1} << 56) - 1;  // that a Number can tell of
// What an entry and its parts take, the containers around them included.
constexpr size_t kBytesOfKey = sizeof(KeyUpdate) + 96;
constexpr size_t kBytesOfMember = 80;

/// Numbers of Redis have 63 bits.
bool fits(int64_t sum, uint64_t amount) {
  return amount <= static_cast<uint64_t>(INT64_MAX - std::max<int64_t>(0, sum));
}

}  // namespace

inline KeyUpdate::Number* KeyUpdate::find(std::string_view field, Op op) {
  // Names are the program's own, so that mostly the same text is at the same place.
  for (Number& one : numbers_) {
    if (one.field.data() == field.data() && one.op == op) return &one;
  }
  for (Number& one : numbers_) {
    if (one.op == op && one.field == field) return &one;
  }
  return nullptr;
}

void KeyUpdate::add(std::string_view field, uint64_t amount, uint64_t increments) {
  Number* one = find(field, Op::Add);
  if (!fits(one == nullptr ? 0 : one->value, amount)) return refuse(increments);
  count_increments(increments);
  const auto value = static_cast<int64_t>(amount);
  if (one != nullptr) {
    one->value += value;
    one->increments = (one->increments + increments) & kMostIncrements;
    return;
  }
  numbers_.push_back({field, value, Op::Add, increments & kMostIncrements});
  grew(sizeof(Number));
}

/// Of what is no sum.
void KeyUpdate::number(std::string_view field, int64_t value, Op op) {
  if (Number* one = find(field, op); one != nullptr) {
    one->value = op == Op::Latest ? std::max(one->value, value) : std::min(one->value, value);
    return;
  }
  numbers_.push_back({field, value, op});
  grew(sizeof(Number));
}

void KeyUpdate::set(std::string_view field, std::string_view value) {
  for (Text& one : texts_) {
    if (one.field != field) continue;
    one.value = value;
    return;
  }
  texts_.push_back({std::string(field), std::string(value)});
  grew(sizeof(Text) + field.size() + value.size());
}

void KeyUpdate::end(Ending ending) {
  if (!ending_)
    grew(sizeof(Ending) + ending.field.size() + ending.value.size() + ending.mark.size() + ending.mark_value.size());
  ending_ = std::move(ending);
}

void KeyUpdate::add_member(std::string_view member, uint64_t amount, uint64_t increments) {
  if (!fits(0, amount)) return refuse(increments);
  const auto [at, is_new] = members_.try_emplace(std::string(member));
  if (is_new) grew(kBytesOfMember + member.size());
  if (!fits(at->second.amount, amount)) return refuse(increments);
  count_increments(increments);
  at->second.amount += static_cast<int64_t>(amount);
  at->second.increments += increments;
}

void KeyUpdate::merge(const Number& one) {
  if (one.op == Op::Add) {
    add(one.field, static_cast<uint64_t>(one.value), one.increments);
  } else {
    number(one.field, one.value, one.op);
  }
}

void KeyUpdate::merge(const KeyUpdate& other) {
  for (const Number& one : other.numbers_) merge(one);
  for (const Text& one : other.texts_) set(one.field, one.value);
  for (const auto& [member, sum] : other.members_)
    add_member(member, static_cast<uint64_t>(sum.amount), sum.increments);
}

/// As if all that made it had come to this one.
void KeyUpdate::follow(const SpilledUpdate& later) {
  for (const Number& one : later.numbers) merge(one);
  for (const auto& [field, value] : later.texts) set(field, value);
  for (const auto& [member, sum] : later.members) add_member(member, static_cast<uint64_t>(sum.amount), sum.increments);
  times_.include(later.times);
  begins_ = begins_ || later.begins;
  if (later.refreshes && later.refreshes_unless.empty()) refresh();
  if (!later.refreshes_unless.empty()) refresh_unless(later.refreshes_unless);
  if (later.ending) end(*later.ending);
  trim_ = trim_ || later.trims;
  since_ms_ = std::min(since_ms_, later.since_ms);
  if (later.packet_us != 0 && (packet_us_ == 0 || later.packet_us < packet_us_)) packet_us_ = later.packet_us;
}

void KeyUpdate::start(std::string_view key) {
  key_ = key;
  numbers_.clear();
  texts_.clear();
  members_.clear();
  times_ = {};
  begins_ = false;
  refresh_ = false;
  unless_ = {};
  ending_.reset();
  trim_ = false;
  increments_ = 0;
  own_bytes_ = 0;
  grew(kBytesOfKey + key.size());
}

MergeBuffer::MergeBuffer(size_t most_bytes, HashSeed seed)
    : most_bytes_(most_bytes), seed_(seed), index_(0, TextHash{seed}) {}

KeyUpdate& MergeBuffer::at(std::string_view key, Updates& queue) {
  if (const auto found = index_.find(key); found != index_.end()) {
    KeyUpdate& update = *found->second;
    if (packet_us_ != 0 && (update.packet_us_ == 0 || packet_us_ < update.packet_us_)) update.packet_us_ = packet_us_;
    return update;
  }
  while (totals_.bytes >= most_bytes_ && size() > 0) give_up_oldest();
  if (spare_.empty()) spare_.push_back(std::make_unique<KeyUpdate>(totals_, seed_));
  KeyUpdate& update = *queue.emplace_back(std::move(spare_.back()));
  spare_.pop_back();
  update.start(key);
  update.since_ms_ = now_ms_;
  update.packet_us_ = packet_us_;
  index_.emplace(update.key(), &update);
  return update;
}

const KeyUpdate* MergeBuffer::find(std::string_view key) const {
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : found->second;
}

void MergeBuffer::put_back(const SpilledUpdate& update) {
  const bool is_new = !index_.contains(update.key);
  KeyUpdate& waiting = at(update.key);
  if (is_new) waiting.since_ms_ = update.since_ms;
  waiting.follow(update);
}

void MergeBuffer::release(int64_t now_ms) {
  const auto is_due = [this, now_ms] {
    return hurried_ || now_ms - leisurely_.front()->since_ms_ >= kLeisureMs || leisurely_.size() > kMostAtLeisure ||
           totals_.bytes >= most_bytes_ / 2;
  };
  while (!leisurely_.empty() && is_due()) release_front(now_ms);
}

void MergeBuffer::release_front(int64_t now_ms) {
  leisurely_.front()->since_ms_ = now_ms;
  waiting_.push_back(std::move(leisurely_.front()));
  leisurely_.pop_front();
  ++released_;
}

void MergeBuffer::hurry() {
  hurried_ = true;
  release(now_ms_);
}

bool MergeBuffer::each_from(Position& position, size_t most, const std::function<void(const KeyUpdate&)>& look) const {
  const size_t buckets = index_.bucket_count();
  if (std::exchange(position.buckets, buckets) != buckets) position.bucket = 0;  // all have other places now
  for (; most > 0 && position.bucket < buckets; ++position.bucket) {
    size_t keys = 0;
    for (auto at = index_.begin(position.bucket); at != index_.end(position.bucket); ++at, ++keys) look(*at->second);
    most -= std::min(most, std::max<size_t>(1, keys));
  }
  return position.bucket < buckets;
}

void MergeBuffer::pop_front() {
  std::unique_ptr<KeyUpdate> update = std::move(waiting_.front());
  waiting_.pop_front();
  ++gone_;
  discard(std::move(update));
}

void MergeBuffer::discard(std::unique_ptr<KeyUpdate> update) {
  index_.erase(update->key());
  totals_.bytes -= update->own_bytes_;
  if (spare_.size() < kMostSpare) spare_.push_back(std::move(update));
}

/// What was laid aside is older than what was not.
void MergeBuffer::give_up_oldest() {
  while (!shelved_order_.empty()) {
    const auto [number, filling] = shelved_order_.front();
    shelved_order_.pop_front();
    const auto shelf = shelves_.find(number);
    if (shelf == shelves_.end() || shelf->second.filling != filling) continue;
    std::vector<std::unique_ptr<KeyUpdate>>& updates = shelf->second.updates;
    give_up(*updates.front());
    --shelved_;
    discard(std::move(updates.front()));
    updates.erase(updates.begin());
    if (updates.empty()) shelves_.erase(shelf);
    return;
  }
  if (waiting_.empty()) release_front(now_ms_);
  give_up(front());
  pop_front();
}

void MergeBuffer::give_up(const KeyUpdate& update) {
  if (spill_ && spill_(update)) return;
  totals_.lost += update.increments();
  if (update.increments() == 0) ++totals_.others_lost;
}

void MergeBuffer::shelve_front(uint32_t shelf) {
  if (shelved_ == 0) shelved_order_.clear();
  const auto [at, is_new] = shelves_.try_emplace(shelf);
  if (is_new) at->second.filling = ++fillings_;
  at->second.updates.push_back(std::move(waiting_.front()));
  waiting_.pop_front();
  ++gone_;
  shelved_order_.emplace_back(shelf, at->second.filling);
  ++shelved_;
  if (shelved_order_.size() <= 2 * shelved_ + kMostSpare) return;
  std::erase_if(shelved_order_, [this](const auto& one) {
    const auto found = shelves_.find(one.first);
    return found == shelves_.end() || found->second.filling != one.second;
  });
}

void MergeBuffer::unshelve(uint32_t shelf) {
  const auto found = shelves_.find(shelf);
  if (found == shelves_.end()) return;
  std::vector<std::unique_ptr<KeyUpdate>>& updates = found->second.updates;
  shelved_ -= updates.size();
  gone_ -= updates.size();
  for (; !updates.empty(); updates.pop_back()) waiting_.push_front(std::move(updates.back()));
  shelves_.erase(found);
}

std::vector<std::pair<std::string, KeyUpdate::Sum>> MergeBuffer::take_members(size_t count) {
  std::vector<std::pair<std::string, KeyUpdate::Sum>> taken;
  KeyUpdate& update = front();
  while (taken.size() < count && !update.members_.empty()) {
    auto node = update.members_.extract(update.members_.begin());
    const size_t bytes = kBytesOfMember + node.key().size();
    update.own_bytes_ -= bytes;
    totals_.bytes -= bytes;
    update.increments_ -= node.mapped().increments;
    taken.emplace_back(std::move(node.key()), node.mapped());
  }
  return taken;
}

}  // namespace microcloud
