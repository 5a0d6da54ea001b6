#include "cloud/cluster_lane.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/wall_clock.h"
#include "resp/outcome.h"

namespace microcloud {
namespace {

using resp::NodeId;
using resp::Slot;

constexpr size_t kUnitsAtOnce = 256;  // in one write to one server

}  // namespace

ClusterLane::ClusterLane(LaneSettings settings, UnitSource& source, ClusterLink& link)
    : settings_(std::move(settings)),
      form_{.ledger = settings_.ledger, .ttl_s = settings_.ttl_s},
      source_(source),
      link_(link) {}

void ClusterLane::tick(int64_t now_ms) {
  now_ms_ = now_ms;
  for (auto& [id, node] : nodes_) {
    forget_by_time(node);
    if (node.state == Node::State::Down) continue;
    if (node.state == Node::State::Up && node.slots > 0 && now_ms_ >= node.pause_until_ms) greet(id);
    const bool ready = node.state == Node::State::Ready;
    if ((ready || !node.acknowledged.empty()) && now_ms_ - node.role_asked_ms >= settings_.role_every_ms) ask_role(id);
    if (ready) send_open(id);
  }
  if (begun()) flush();
}

void ClusterLane::flush() {
  const size_t ready = source_.ready();
  if (is_time_to_flush(settings_, now_ms_ - flushed_ms_, ready, ready > 0 || !shelved_.empty())) {
    flushed_ms_ = now_ms_;
    unshelve();
    to_flush_ = source_.ready();
  }
  while (to_flush_ > 0 && any_takes()) {
    UnitCut cut = source_.cut(std::min(to_flush_, kUnitsAtOnce), [this](Slot slot) {
      const bool taken = takes(slot);
      if (!taken && !slots_[slot].shelved) {
        slots_[slot].shelved = true;
        shelved_.push_back(slot);
      }
      return taken;
    });
    if (cut.looked_at == 0) to_flush_ = 0;
    to_flush_ -= std::min(to_flush_, cut.looked_at);
    send_units(std::move(cut));
  }
}

void ClusterLane::unshelve() {
  std::vector<Slot> back;
  std::erase_if(shelved_, [&](Slot slot) {
    if (!takes(slot)) return false;
    slots_[slot].shelved = false;
    back.push_back(slot);
    return true;
  });
  if (!back.empty()) source_.unshelve(back);
}

/// Answered, of a backlog the next goes out: a tick may be far.
void ClusterLane::go_on(NodeId by) {
  Node& node = nodes_[by];
  forget_by_time(node);
  if (node.state != Node::State::Ready) return;
  send_open(by);
  if (begun()) flush();
}

bool ClusterLane::takes(const Node& node) const {
  return node.state == Node::State::Ready && now_ms_ >= node.pause_until_ms && node.out < settings_.in_flight &&
         node.kept_bytes < share_of_bytes();
}

bool ClusterLane::takes(Slot slot) const {
  const SlotState& state = slots_[slot];
  if (state.unacknowledged > 0) return false;
  const auto node = nodes_.find(state.owner);
  return node != nodes_.end() && takes(node->second);
}

bool ClusterLane::any_takes() const {
  return std::any_of(nodes_.begin(), nodes_.end(),
                     [this](const auto& one) { return one.second.slots > 0 && takes(one.second); });
}

void ClusterLane::send_units(UnitCut cut) {
  struct Batch {
    resp::Commands commands;
    Units units;
  };
  if (!cut.units.empty()) last_number_ = std::max(*last_number_ + 1, static_cast<uint64_t>(wall_us()));
  for (const Slot slot : cut.divided) {
    if (!std::exchange(slots_[slot].shelved, true)) shelved_.push_back(slot);
  }
  std::map<NodeId, Batch> batches;
  for (KeyUnit& one : cut.units) {
    const auto unit = std::make_shared<KeyUnit>(std::move(one));
    SlotState& slot = slots_[unit->slot];
    unit->number = *last_number_;
    unit->fate = KeyUnit::Fate::Out;
    ++slot.out;
    keep(unit);
    Batch& batch = batches[slot.owner];
    append_plain(batch.commands, *unit, form_);
    batch.units.push_back(unit);
  }
  for (auto& [id, batch] : batches) {
    Node& node = nodes_[id];
    ++node.out;
    node.has_plain = true;
    link_.send(
        id, std::move(batch.commands),
        [this, to = id, units = std::move(batch.units)](
            resp::Outcome outcome, const std::vector<resp::Value>& replies) { on_units(to, units, outcome, replies); });
  }
}

void ClusterLane::on_units(NodeId by, const Units& units, resp::Outcome outcome,
                           const std::vector<resp::Value>& replies) {
  --nodes_[by].out;
  size_t at = 0;
  for (const UnitPointer& unit : units) {
    const size_t left = replies.size() - std::min(replies.size(), at);
    const size_t own = std::min(plain_replies(*unit), left);
    const UnitVerdict verdict = judge_plain(*unit, replies.data() + at, own, form_);
    if (verdict.kind == UnitVerdict::Kind::Unknown && outcome != resp::Outcome::Retry) unit->perhaps_applied = true;
    at += own;
    settle(by, unit, verdict, false);
  }
  go_on(by);
}

/// What is open in the server's slots, one unit of a slot at a time: a later one behind one that is not applied would
/// make that a repeat.
void ClusterLane::send_open(NodeId id) {
  struct Batch {
    resp::Commands commands;
    Units units;
  };
  Node& node = nodes_[id];
  if (now_ms_ < node.pause_until_ms) return;
  std::map<NodeId, Batch> batches;  // those of the slots on their way to another server by that
  size_t units = 0;
  while (!node.open.empty() && node.out < settings_.in_flight && units < kUnitsAtOnce) {
    const Slot number = node.open.front();
    node.open.pop_front();
    SlotState& slot = slots_[number];
    if (slot.owner != id) continue;
    slot.queued = false;
    const auto found = std::find_if(slot.kept.begin(), slot.kept.end(),
                                    [](const UnitPointer& one) { return one->fate == KeyUnit::Fate::Open; });
    if (slot.out > 0 || found == slot.kept.end()) continue;
    const UnitPointer& unit = *found;
    const NodeId asked = std::exchange(unit->ask, resp::kNoNode);
    Batch& batch = batches[asked != resp::kNoNode ? asked : id];
    if (asked != resp::kNoNode) batch.commands.add("ASKING");
    append_checked(batch.commands, *unit, form_);
    unit->fate = KeyUnit::Fate::Out;
    batch.units.push_back(unit);
    ++slot.out;
    ++units;
    ++counts_.sent_again;
  }
  for (auto& [to, batch] : batches) {
    const bool asking = to != id;
    ++nodes_[to].out;
    link_.send(to, std::move(batch.commands),
               [this, by = to, asking, its = std::move(batch.units)](resp::Outcome outcome,
                                                                     const std::vector<resp::Value>& replies) {
                 on_checked(by, its, asking, outcome, replies);
               });
  }
}

void ClusterLane::on_checked(NodeId by, const Units& units, bool asking, resp::Outcome outcome,
                             const std::vector<resp::Value>& replies) {
  --nodes_[by].out;
  const size_t step = asking ? 2 : 1;
  for (size_t number = 0; number < units.size(); ++number) {
    const size_t at = (number + 1) * step - 1;
    const UnitVerdict verdict = judge_checked(*units[number], at < replies.size() ? &replies[at] : nullptr);
    if (verdict.kind == UnitVerdict::Kind::Unknown && outcome != resp::Outcome::Retry)
      units[number]->perhaps_applied = true;
    settle(by, units[number], verdict, asking);
  }
  go_on(by);
}

void ClusterLane::settle(NodeId by, const UnitPointer& unit, const UnitVerdict& verdict, bool asking) {
  SlotState& slot = slots_[unit->slot];
  --slot.out;
  unit->fate = KeyUnit::Fate::Open;
  if (verdict.kind == UnitVerdict::Kind::Applied) unit->refused = verdict.refused;
  const bool answered = verdict.kind == UnitVerdict::Kind::Applied || verdict.kind == UnitVerdict::Kind::Repeat;
  if (answered && !asking && by != slot.owner) {
    unit->perhaps_applied = true;  // and the slot's owner now is to say so itself
  } else if (verdict.kind == UnitVerdict::Kind::Applied) {
    on_applied(by, unit, verdict, asking);
  } else if (verdict.kind == UnitVerdict::Kind::Repeat) {
    on_repeat(by, unit, verdict.ledger);
  } else if (verdict.kind == UnitVerdict::Kind::NotApplied) {
    on_not_applied(by, *unit, *verdict.error);
  }
  queue_open(unit->slot);
}

void ClusterLane::on_applied(NodeId by, const UnitPointer& unit, const UnitVerdict& verdict, bool asking) {
  Node& node = nodes_[by];
  node.next_pause_ms = 0;
  node.trouble.clear();
  ++counts_.applied;
  counts_.lag_ms = now_ms_ - unit->since_ms;
  counts_.refused_others += verdict.refused_others;
  if (verdict.refusal != nullptr && refusal_.empty()) refusal_ = unit->key + ": " + verdict.refusal->text;
  if (std::exchange(unit->rolled_back, false)) ++counts_.rolled_back;
  if (!verdict.not_permitted.empty()) divide(by, unit, verdict);
  acknowledge(by, unit);
  if (!verdict.not_permitted.empty() && verdict.not_permitted.front() == 0) forget(unit);
  resp::Commands commands;
  const bool is_reborn = verdict.born && !unit->begins;
  if (unit->asks_times) {
    // As early as what came since: then it is of that. A key that was alive has an earlier one.
    if (!unit->begins && verdict.first_ms && *verdict.first_ms >= unit->times.first_ms) {
      ++counts_.reborn;
      source_.reborn({{unit->key, unit->times, std::nullopt}});
    }
  } else if (unit->times.known() && ((is_reborn && !tells_first(*unit)) || verdict.was_told)) {
    ask_times(*unit);
  } else if (is_reborn && !unit->refreshes) {
    // This probe believed the key alive, and it was not: it has no time to live.
    ++counts_.reborn;
    if (!verdict.checked) commands.add("EXPIRE", unit->key, settings_.ttl_s, "NX");
  }
  if (verdict.too_many && !asking) append_trim(commands, unit->key, form_);
  if (!commands.empty()) link_.send(by, std::move(commands), [](resp::Outcome, const std::vector<resp::Value>&) {});
}

/// What the unit counts is in the key, which may have no times of it: before anything new goes there.
void ClusterLane::ask_times(const KeyUnit& unit) {
  const auto question = std::make_shared<KeyUnit>(question_of_times(unit));
  question->since_ms = now_ms_;
  question->number = last_number_.emplace(std::max(*last_number_ + 1, static_cast<uint64_t>(wall_us())));
  keep(question);
}

/// EXEC asks for rights once more, and runs what it may: where one was taken away just before, the rest is applied.
/// From now on the unit is that rest, and what was refused goes again as one of its own, checked. Where the ledger is
/// among it the rest cannot be asked again: it is not kept.
void ClusterLane::divide(NodeId by, const UnitPointer& unit, const UnitVerdict& verdict) {
  Node& owner = nodes_[slots_[unit->slot].owner];
  owner.kept_bytes -= unit->bytes();
  const auto refused = std::make_shared<KeyUnit>(take_out(*unit, verdict.not_permitted));
  owner.kept_bytes += unit->bytes();
  refused->number = last_number_.emplace(std::max(*last_number_ + 1, static_cast<uint64_t>(wall_us())));
  keep(refused);
  hold(nodes_[by], verdict.why->text);
}

void ClusterLane::keep(const UnitPointer& unit) {
  SlotState& slot = slots_[unit->slot];
  ++slot.unacknowledged;
  ++open_;
  ++kept_;
  slot.kept.push_back(unit);
  Node& node = nodes_[slot.owner];
  ++node.kept;
  node.kept_bytes += unit->bytes();
}

/// The key holds this number or a later one: so all of this key up to there is in it.
void ClusterLane::on_repeat(NodeId by, const UnitPointer& unit, uint64_t ledger) {
  if (!unit->perhaps_applied || ledger > *last_number_) {
    // Never applied: the clock was set back, or another probe has the same name.
    counts_.alarms += unit->increments;
    counts_.lost += unit->increments;
    discard(unit);
    return;
  }
  const Units all = slots_[unit->slot].kept;
  for (const UnitPointer& one : all) {
    const bool told = one->fate == KeyUnit::Fate::Open && one->perhaps_applied && one->number <= ledger;
    if (!told || one->key != unit->key) continue;
    one->rolled_back = false;
    ++counts_.applied;
    acknowledge(by, one);
    if (one->times.known()) ask_times(*one);  // it was perhaps born by it: that was not heard
  }
}

void ClusterLane::on_not_applied(NodeId by, KeyUnit& unit, const resp::Value& error) {
  const std::string_view code = resp::error_code(error);
  if (code == "ASK") {
    unit.ask = link_.heed(by, error);
    if (unit.ask != resp::kNoNode) return;
  }
  if (code == "MOVED" || code == "CLUSTERDOWN") link_.heed(by, error);
  if (code == "MOVED" && slots_[unit.slot].owner != by) return;
  hold(nodes_[by], error.text);
}

void ClusterLane::acknowledge(NodeId by, const UnitPointer& unit) {
  Node& node = nodes_[by];
  unit->fate = KeyUnit::Fate::Acknowledged;
  unit->serial = node.serial = ++serial_;
  node.acknowledged.push_back({unit, unit->serial, now_ms_});
  --slots_[unit->slot].unacknowledged;
  --open_;
  counts_.increments += unit->increments;
  counts_.refused += unit->refused;
  if (settings_.applied && unit->packet_us != 0 && !std::exchange(unit->was_told, true))
    settings_.applied({&unit->packet_us, 1});
  acknowledged_ = std::max(acknowledged_, unit->number);
}

/// A unit that is open and never will be anything else.
void ClusterLane::discard(const UnitPointer& unit) {
  --slots_[unit->slot].unacknowledged;
  --open_;
  forget(unit);
}

void ClusterLane::forget(const UnitPointer& unit) {
  SlotState& slot = slots_[unit->slot];
  const auto found = std::find(slot.kept.begin(), slot.kept.end(), unit);
  if (found == slot.kept.end()) return;
  slot.kept.erase(found);
  Node& owner = nodes_[slot.owner];
  owner.kept_bytes -= unit->bytes();
  --owner.kept;
  --kept_;
}

void ClusterLane::queue_open(Slot number) {
  SlotState& slot = slots_[number];
  if (slot.queued || slot.unacknowledged == 0 || slot.out > 0 || slot.owner == resp::kNoNode) return;
  slot.queued = true;
  nodes_[slot.owner].open.push_back(number);
}

}  // namespace microcloud
