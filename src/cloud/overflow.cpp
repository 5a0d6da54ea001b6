#include "cloud/overflow.h"

#include <algorithm>
#include <utility>

#include "cloud/scripts.h"

namespace microcloud {
namespace {

constexpr size_t kReadsAtOnce = 4;                   // blocks, while records wait
constexpr size_t kLeastReturning = size_t{1} << 20;  // bytes: what was just read is not skipped

}  // namespace

Overflow::Overflow(const OverflowSettings& settings, size_t returning_bytes, MergeBuffer& buffer, bool of_cluster)
    : buffer_(buffer),
      file_(std::make_unique<SpillFile>(settings.directory, settings.most_bytes, HashSeed::random())),
      returning_(of_cluster ? std::max(returning_bytes, kLeastReturning) : SIZE_MAX, HashSeed::random()) {
  buffer_.spill_to([this](const KeyUpdate& update) { return take(update); });
  if (!of_cluster) return;
  skipped_ = std::make_unique<SpillFile>(settings.directory, settings.most_bytes, HashSeed::random());
  of_slot_.resize(resp::kSlots);
  skipped_of_slot_.resize(resp::kSlots);
  returning_.spill_to([this](const KeyUpdate& update) { return skip(update); });
}

/// All that returns may have to be skipped: there is room for it.
bool Overflow::take(const KeyUpdate& update) {
  const uint64_t elsewhere = skipped_ ? skipped_->bytes() + returning_.bytes() : 0;
  if (!file_->push(update, elsewhere)) return false;
  if (skipped_) ++of_slot_[resp::slot_of(update.key())];
  return true;
}

bool Overflow::skip(const KeyUpdate& update) {
  const resp::Slot slot = resp::slot_of(update.key());
  // Nobody tells when this slot takes something: it was not asked.
  if (returning_.ready() == returning_.size()) takes_skipped_ = true;
  if (skipped_->push(update)) {
    ++skipped_of_slot_[slot];
    return true;
  }
  if (--of_slot_[slot] == 0) buffer_.unshelve(slot);
  return false;
}

bool Overflow::may_hide(std::string_view key) const {
  return has_spilled() && (of_slot_.empty() || of_slot_[resp::slot_of(key)] > 0);
}

size_t Overflow::ready() const {
  return returning_.ready() + file_->updates() + (takes_skipped_ ? skipped_->updates() : 0);
}

Overflow::Counts Overflow::counts() const {
  Counts counts;
  for (const SpillFile* file : {file_.get(), skipped_.get()}) {
    if (file == nullptr) continue;
    counts.updates += file->updates();
    counts.bytes += file->bytes();
    counts.lost += file->lost();
    counts.failures += file->failures();
  }
  counts.overflowed = returning_.totals().lost;
  return counts;
}

/// False: there is no more that may leave.
bool Overflow::read_some() {
  if (file_->empty() && takes_skipped_) begin_anew();
  if (file_->empty()) return false;
  file_->pop([this](const SpilledUpdate& update) {
    if (skipped_ && returning_.find(update.key) != nullptr) --of_slot_[resp::slot_of(update.key)];
    put_back(update);
  });
  if (const uint64_t lost = counts().lost; skipped_ && file_->empty() && lost != lost_) {
    lost_ = lost;
    recount();
  }
  return true;
}

void Overflow::put_back(const SpilledUpdate& update) {
  returning_.put_back(update);
  if (tells_times_ && update.times.known()) returning_.at(update.key).earliest(kFirstSeenField, update.times.first_ms);
}

/// What returns is younger than what was skipped of its slot.
void Overflow::begin_anew() {
  takes_skipped_ = false;
  while (returning_.size() > 0) returning_.give_up_oldest();
  takes_skipped_ = false;
  std::swap(file_, skipped_);
  std::fill(skipped_of_slot_.begin(), skipped_of_slot_.end(), 0);
}

std::optional<Piece> Overflow::cut(const PieceLimits& limits) {
  tells_times_ = tells_times_ && !empty();
  while (returning_.ready() == 0 && read_some()) {
  }
  return cut_piece(returning_, limits);
}

UnitCut Overflow::cut(size_t most, const std::function<bool(resp::Slot)>& takes) {
  tells_times_ = tells_times_ && !empty();
  UnitCut cut;
  for (size_t reads = 0; cut.units.empty(); ++reads) {
    if (returning_.ready() == 0 && (reads == kReadsAtOnce || !read_some())) break;
    UnitCut more =
        cut_units(returning_, most, [&](resp::Slot slot) { return takes(slot) && skipped_of_slot_[slot] == 0; });
    more.looked_at += cut.looked_at;
    count_gone(more);
    cut = std::move(more);
  }
  // Not together: no key may be twice in what leaves at once.
  if (!cut.units.empty()) return cut;
  UnitCut others = cut_units(buffer_, most, [&](resp::Slot slot) { return of_slot_[slot] == 0 && takes(slot); });
  others.looked_at += cut.looked_at;
  return others;
}

void Overflow::count_gone(const UnitCut& cut) {
  for (const resp::Slot slot : cut.divided) ++of_slot_[slot];
  for (const KeyUnit& unit : cut.units) {
    if (of_slot_[unit.slot] > 0 && --of_slot_[unit.slot] == 0) buffer_.unshelve(unit.slot);
  }
}

/// What could not be read back was of some slots, too. When the first file is empty.
void Overflow::recount() {
  std::vector<uint32_t> now = skipped_of_slot_;
  MergeBuffer::Position position;
  returning_.each_from(position, SIZE_MAX, [&now](const KeyUpdate& one) { ++now[resp::slot_of(one.key())]; });
  of_slot_.swap(now);
  for (size_t slot = 0; slot < of_slot_.size(); ++slot) {
    if (of_slot_[slot] == 0 && now[slot] > 0) buffer_.unshelve(static_cast<uint32_t>(slot));
  }
}

void Overflow::unshelve(const std::vector<resp::Slot>& slots) {
  for (const resp::Slot slot : slots) {
    returning_.unshelve(slot);
    takes_skipped_ = takes_skipped_ || skipped_of_slot_[slot] > 0;
  }
}

}  // namespace microcloud
