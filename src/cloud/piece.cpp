#include "cloud/piece.h"

#include "cloud/scripts.h"
#include "resp/commands.h"

namespace microcloud {
namespace {

class PieceWriter {
 public:
  PieceWriter(const PieceLimits& limits, int64_t since_ms) : limits_(limits) { piece_.since_ms = since_ms; }

  size_t count() const { return commands_.count(); }

  void hash(const KeyUpdate& update) {
    bool checked = update.refreshes();
    for (const KeyUpdate::Number& one : update.numbers()) {
      if (one.op == KeyUpdate::Op::Add && !checked) check(update.key(), one.value);
      checked = checked || one.op == KeyUpdate::Op::Add;
      number(update.key(), one);
    }
    for (const KeyUpdate::Text& one : update.texts()) commands_.add("HSET", update.key(), one.field, one.value);
    refresh(update);
    if (const auto& ending = update.ending())
      commands_.add("EVAL", kEndScript, 1, update.key(), ending->field, ending->value, ending->mark, ending->mark_value,
                    ending->seconds);
  }

  void refresh(const KeyUpdate& update) {
    if (!update.refreshes()) return;
    if (update.refreshes_unless().empty()) {
      commands_.add("EXPIRE", update.key(), limits_.ttl_s);
    } else {
      commands_.add("EVAL", kRefreshUnlessScript, 1, update.key(), limits_.ttl_s, update.refreshes_unless());
    }
  }

  void sorted_set(const KeyUpdate& update, const std::vector<std::pair<std::string, int64_t>>& members) {
    // Born by this it has no member that was there before: one of them tells.
    if (!update.refreshes() && !members.empty()) check(update.key(), members.front().second);
    for (const auto& [member, amount] : members) commands_.add("ZINCRBY", update.key(), amount, member);
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
  void check(const std::string& key, int64_t amount) {
    piece_.checks.push_back({static_cast<uint32_t>(commands_.count()), static_cast<uint32_t>(piece_.keys.size()),
                             static_cast<uint32_t>(key.size()), amount});
    piece_.keys += key;
  }
  void number(const std::string& key, const KeyUpdate::Number& one) {
    switch (one.op) {
      case KeyUpdate::Op::Add:
        commands_.add("HINCRBY", key, one.field, one.value);
        break;
      case KeyUpdate::Op::Latest:
        commands_.add("HSET", key, one.field, one.value);
        break;
      case KeyUpdate::Op::IfAbsent:
        commands_.add("HSETNX", key, one.field, one.value);
        break;
      case KeyUpdate::Op::Earliest:
        commands_.add("EVAL", kEarliestScript, 1, key, one.field, one.value);
        break;
    }
  }

  const PieceLimits& limits_;
  resp::Commands commands_;
  Piece piece_;
};

size_t commands_of(const KeyUpdate& update) {
  return update.numbers().size() + update.texts().size() + update.members().size() + (update.ending() ? 3 : 2);
}

}  // namespace

std::optional<Piece> cut_piece(MergeBuffer& buffer, const PieceLimits& limits) {
  if (buffer.size() == 0) return std::nullopt;
  PieceWriter writer(limits, buffer.front().since_ms());
  while (buffer.size() > 0 && writer.count() < limits.commands) {
    const KeyUpdate& update = buffer.front();
    const size_t room = limits.commands - writer.count();
    if (writer.count() > 0 && commands_of(update) > room) break;
    const uint64_t increments = update.increments();
    if (update.members().empty()) {
      writer.hash(update);
    } else {
      writer.sorted_set(update, buffer.take_members(room));
    }
    if (!update.members().empty()) {
      writer.count_increments(increments - update.increments());
      break;
    }
    writer.count_increments(increments);
    writer.note_packet(update.packet_us());
    writer.count_taken();
    buffer.pop_front();
  }
  return writer.finish();
}

}  // namespace microcloud
