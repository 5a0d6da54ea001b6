#include "cloud/piece.h"

#include <algorithm>

#include "cloud/scripts.h"
#include "resp/commands.h"

namespace microcloud {
namespace {

/// ZINCRBY takes 2.6 us where HINCRBY takes 0.9, HSET 0.8, EXPIRE 1.2, ZREMRANGEBYRANK 3.8 and a small EVAL 4.3
/// (bench/cloud/updates --commands).
constexpr size_t kWorkOfMember = 3, kWorkOfTrim = 4, kWorkOfScript = 5;

size_t work_of(const KeyUpdate& update) {
  return update.numbers().size() + update.texts().size() + kWorkOfMember * update.members().size() +
         (update.refreshes() ? 1 : 0) + (update.trims() ? kWorkOfTrim : 0) + (update.ending() ? kWorkOfScript : 0);
}

class PieceWriter {
 public:
  PieceWriter(const PieceLimits& limits, int64_t since_ms) : limits_(limits) {
    piece_.since_ms = since_ms;
    piece_.increments_of.reserve(limits.work);
  }

  void hash(const KeyUpdate& update) {
    start_check(update.key());
    Piece::Check& check = piece_.checks.back();
    check.times = update.times();
    const bool asks = !update.begins() && (check.times.known() || !update.refreshes());
    size_t at_once = update.texts().size();
    for (const KeyUpdate::Number& one : update.numbers()) {
      if (one.op != KeyUpdate::Op::Add) continue;
      if (asks) {
        piece_.amounts.push_back(one.value);
        ++check.count;
      }
      number(update.key(), one);
    }
    for (const KeyUpdate::Number& one : update.numbers()) {
      if (one.op == KeyUpdate::Op::Latest) ++at_once;
      if (one.op == KeyUpdate::Op::Add) continue;
      if (one.op == KeyUpdate::Op::IfAbsent) tell_times(check, Piece::Check::Times::Told);
      number(update.key(), one);
    }
    if (at_once > 0) {
      if (check.kind == Piece::Check::Times::None) check.times_at = static_cast<uint32_t>(commands_.count());
      set_at_once(update, at_once);
    }
    if (check.count == 0 && check.kind == Piece::Check::Times::None) drop_check();
    refresh(update);
    if (const auto& ending = update.ending())
      commands_.add("EVAL", kEndScript, 1, update.key(), ending->field, ending->value, ending->mark, ending->mark_value,
                    ending->seconds);
  }

  void times(const KeyTimes& of) {
    start_check(of.key);
    piece_.checks.back().times = of.times;
    tell_times(piece_.checks.back(), Piece::Check::Times::Asked);
    commands_.add("EVAL", kTimesScript, 1, of.key, limits_.ttl_s, of.times.first_ms, of.times.last_ms,
                  of.not_times ? std::to_string(of.not_times->first_ms) : std::string(),
                  of.not_times ? std::to_string(of.not_times->last_ms) : std::string());
  }

  void refresh(const KeyUpdate& update) {
    if (!update.refreshes()) return;
    if (update.refreshes_unless().empty()) {
      commands_.add("EXPIRE", update.key(), limits_.ttl_s);
    } else {
      commands_.add("EVAL", kRefreshUnlessScript, 1, update.key(), limits_.ttl_s, update.refreshes_unless());
    }
  }

  void sorted_set(const KeyUpdate& update, const std::vector<std::pair<std::string, KeyUpdate::Sum>>& members) {
    if (!update.refreshes() && !members.empty()) {
      start_check(update.key());
      piece_.checks.back().count = static_cast<uint32_t>(members.size());
      for (const auto& one : members) piece_.amounts.push_back(one.second.amount);
    }
    for (const auto& [member, sum] : members) {
      piece_.increments_of.set(commands_.count(), sum.increments);
      commands_.add("ZINCRBY", update.key(), sum.amount, member);
    }
    if (update.trims()) commands_.add("ZREMRANGEBYRANK", update.key(), 0, -static_cast<int64_t>(limits_.members) - 1);
    if (update.refreshes()) commands_.add("EXPIRE", update.key(), limits_.ttl_s);
  }

  void count_increments(uint64_t increments) { piece_.increments += increments; }
  void count_taken() { ++piece_.taken; }

  void note_packet(int64_t packet_us) {
    if (packet_us != 0) piece_.packets_us.push_back(packet_us);
  }

  Piece finish() {
    piece_.count = commands_.count();
    piece_.commands = commands_.take();
    return std::move(piece_);
  }

 private:
  /// Of the next commands; their amounts follow.
  void start_check(const std::string& key) {
    piece_.checks.push_back({static_cast<uint32_t>(commands_.count()), 0, static_cast<uint32_t>(piece_.amounts.size()),
                             static_cast<uint32_t>(piece_.keys.size()), static_cast<uint32_t>(key.size())});
    piece_.keys += key;
  }
  void drop_check() {
    piece_.keys.resize(piece_.checks.back().key_at);
    piece_.checks.pop_back();
  }
  /// By the next command.
  void tell_times(Piece::Check& check, Piece::Check::Times kind) {
    check.kind = kind;
    check.times_at = static_cast<uint32_t>(commands_.count());
  }
  void number(const std::string& key, const KeyUpdate::Number& one) {
    switch (one.op) {
      case KeyUpdate::Op::Add:
        piece_.increments_of.set(commands_.count(), one.increments);
        commands_.add("HINCRBY", key, one.field, one.value);
        break;
      case KeyUpdate::Op::Latest:  // set_at_once()
        break;
      case KeyUpdate::Op::IfAbsent:
        commands_.add("HSETNX", key, one.field, one.value);
        break;
      case KeyUpdate::Op::Earliest:
        commands_.add("EVAL", kEarliestScript, 1, key, one.field, one.value);
        break;
    }
  }

  void set_at_once(const KeyUpdate& update, size_t fields) {
    commands_.start(2 + 2 * fields);
    commands_.argument("HSET");
    commands_.argument(update.key());
    for (const KeyUpdate::Number& one : update.numbers()) {
      if (one.op != KeyUpdate::Op::Latest) continue;
      commands_.argument(one.field);
      commands_.argument(one.value);
    }
    for (const KeyUpdate::Text& one : update.texts()) {
      commands_.argument(one.field);
      commands_.argument(one.value);
    }
  }

  const PieceLimits& limits_;
  resp::Commands commands_;
  Piece piece_;
};

}  // namespace

uint64_t CommandIncrements::at(size_t command) const {
  if (command >= few_.size()) return 0;
  if (few_[command] != kMany) return few_[command];
  const auto before = std::count(few_.begin(), few_.begin() + static_cast<std::ptrdiff_t>(command), kMany);
  return many_[static_cast<size_t>(before)];
}

Piece times_piece(std::span<const KeyTimes> keys, uint32_t ttl_s, int64_t now_ms) {
  const PieceLimits limits{.ttl_s = ttl_s};
  PieceWriter writer(limits, now_ms);
  for (const KeyTimes& one : keys) writer.times(one);
  return writer.finish();
}

std::optional<Piece> cut_piece(MergeBuffer& buffer, const PieceLimits& limits) {
  if (buffer.ready() == 0) return std::nullopt;
  PieceWriter writer(limits, buffer.front().since_ms());
  size_t room = limits.work;
  for (bool is_first = true; buffer.ready() > 0; is_first = false) {
    const KeyUpdate& update = buffer.front();
    const size_t work = work_of(update);
    if (!is_first && work > room) break;
    const uint64_t increments = update.increments();
    if (update.members().empty()) {
      writer.hash(update);
    } else {
      writer.sorted_set(update, buffer.take_members(std::max<size_t>(1, room / kWorkOfMember)));
    }
    if (!update.members().empty()) {
      writer.count_increments(increments - update.increments());
      break;
    }
    writer.count_increments(increments);
    writer.note_packet(update.packet_us());
    writer.count_taken();
    buffer.pop_front();
    room -= std::min(room, work);
  }
  return writer.finish();
}

}  // namespace microcloud
