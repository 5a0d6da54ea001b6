// What a lane knows of each server: whether it may be sent to, and what it has confirmed.
#include <algorithm>
#include <utility>

#include "cloud/cluster_lane.h"

namespace microcloud {
namespace {

using resp::NodeId;
using resp::Slot;

constexpr int64_t kFirstPauseMs = 50;
constexpr int64_t kLongestPauseMs = 5'000;

std::string replication_id(const resp::Value& info) {
  const std::string name = "master_replid:";
  const size_t at = info.has_text() ? info.text.find(name) : std::string::npos;
  if (at == std::string::npos) return {};
  const size_t from = at + name.size();
  return info.text.substr(from, info.text.find_first_of("\r\n", from) - from);
}

}  // namespace

void ClusterLane::up(NodeId id, const resp::NodeFacts& facts, int64_t now_ms) {
  now_ms_ = now_ms;
  Node& node = nodes_[id];
  ++node.connection;
  node.state = Node::State::Up;
  node.run_id = facts.run_id;
  node.client_id = facts.client_id;
  node.pause_until_ms = 0;
  node.next_pause_ms = kFirstPauseMs;
  node.trouble.clear();
  if (node.slots > 0) greet(id);
}

void ClusterLane::down(NodeId id) {
  Node& node = nodes_[id];
  ++node.connection;
  if (std::exchange(node.has_plain, false)) {
    node.to_kill = node.client_id;
    node.to_kill_in = node.run_id;
  }
  node.state = Node::State::Down;
}

/// Bytes of the connection before, which may still be on their way, must not be applied behind what goes checked now.
/// Is it a master, and is its data what it was? Another run or another history of replication is another one.
void ClusterLane::greet(NodeId id) {
  Node& node = nodes_[id];
  node.state = Node::State::Greeting;
  const bool other_process = !node.run_id.empty() && !node.to_kill_in.empty() && node.run_id != node.to_kill_in;
  const bool kills = node.to_kill != 0 && node.to_kill != node.client_id && !other_process;
  resp::Commands commands;
  if (kills) commands.add("CLIENT", "KILL", "ID", node.to_kill);
  commands.add("MULTI");  // where a user may not, transactions would be none
  commands.add("EXEC");
  commands.add("INFO", "replication");
  commands.add("ROLE");
  node.role_asked_ms = now_ms_;
  link_.send(id, std::move(commands),
             [this, id, kills, mine = node.connection](resp::Outcome outcome, const std::vector<resp::Value>& replies) {
               Node& its = nodes_[id];
               if (mine != its.connection) return;
               if (outcome != resp::Outcome::Ok) return hold(its, {});
               on_greeted(id, kills, replies);
             });
}

void ClusterLane::on_greeted(NodeId id, bool has_killed, const std::vector<resp::Value>& replies) {
  Node& node = nodes_[id];
  size_t at = 0;
  if (has_killed) {
    const resp::Value& killed = replies[at++];
    if (killed.is_error() && !killed.text.starts_with("ERR No such client")) return hold(node, killed.text);
  }
  if (replies[at].is_error()) return hold(node, replies[at].text);
  node.to_kill = 0;
  const std::string replication = replication_id(replies[at + 2]);
  const std::string identity =
      node.run_id.empty() || replication.empty() ? std::string() : node.run_id + " " + replication;
  const resp::Value& role = replies[at + 3];
  if (role.is_error()) return hold(node, role.text);
  if (role.elements.empty() || !role.elements[0].is("master")) return hold(node, "it is no master");
  if (identity.empty() || identity != node.identity) {
    node.confirmation.restart();
    node.acknowledged.clear();
    become_ready(id, identity);
  } else {
    node.state = Node::State::Ready;
  }
  node.trouble.clear();
  on_role(id, role);
}

/// What it acknowledged before it may have lost.
void ClusterLane::become_ready(NodeId id, const std::string& identity) {
  Node& node = nodes_[id];
  node.identity = identity;
  node.state = Node::State::Ready;
  for (size_t slot = 0; slot < resp::kSlots; ++slot) {
    if (slots_[slot].owner == id) doubt_all(static_cast<Slot>(slot));
  }
}

/// Nothing for a while, longer each time; a server that was not greeted yet is greeted anew after it.
void ClusterLane::hold(Node& node, std::string why) {
  if (node.state == Node::State::Greeting) node.state = Node::State::Up;
  if (!why.empty()) node.trouble = std::move(why);
  if (node.pause_until_ms > now_ms_) return;
  node.pause_until_ms = now_ms_ + node.next_pause_ms;
  node.next_pause_ms = std::min(std::max(2 * node.next_pause_ms, kFirstPauseMs), kLongestPauseMs);
}

void ClusterLane::ask_role(NodeId id) {
  Node& node = nodes_[id];
  node.role_asked_ms = now_ms_;
  resp::Commands commands;
  commands.add("ROLE");
  link_.send(id, std::move(commands),
             [this, id, mine = node.connection](resp::Outcome, const std::vector<resp::Value>& replies) {
               if (mine == nodes_[id].connection && !replies.empty()) on_role(id, replies.back());
             });
}

void ClusterLane::on_role(NodeId id, const resp::Value& reply) {
  Node& node = nodes_[id];
  const Confirmation::Told told = node.confirmation.take(reply, node.serial);
  if (told == Confirmation::Told::NoMaster && node.state == Node::State::Ready) {
    // Its connection lives on; when it is a master again its data is another one's.
    node.state = Node::State::Up;
    hold(node, "it is no master any more");
  }
  forget_confirmed(node);
}

void ClusterLane::mapped() {
  std::map<NodeId, std::map<NodeId, size_t>> moved;
  for (size_t at = 0; at < resp::kSlots; ++at) {
    const auto slot = static_cast<Slot>(at);
    const NodeId before = slots_[at].owner;
    const NodeId owner = link_.owner(slot);
    if (owner == before) continue;
    ++moved[before][owner];
    set_owner(slot, owner);
  }
  hand_over_replicas(moved);
  for (auto& [id, node] : nodes_) {
    if (node.slots == 0) node.open.clear();
    if (node.slots > 0 && node.state == Node::State::Up && now_ms_ >= node.pause_until_ms) greet(id);
  }
}

void ClusterLane::set_owner(Slot slot, NodeId owner) {
  SlotState& state = slots_[slot];
  Node& before = nodes_[state.owner];
  Node& after = nodes_[owner];
  if (state.owner != resp::kNoNode) --before.slots;
  ++after.slots;
  for (const UnitPointer& unit : state.kept) {
    before.kept_bytes -= unit->bytes();
    after.kept_bytes += unit->bytes();
  }
  before.kept -= state.kept.size();
  after.kept += state.kept.size();
  state.owner = owner;
  state.queued = false;
  doubt_all(slot);
}

/// A server that takes over all that another one had was its replica: until it has one of its own nothing is confirmed.
void ClusterLane::hand_over_replicas(const std::map<NodeId, std::map<NodeId, size_t>>& moved) {
  for (const auto& [before, heirs] : moved) {
    if (before == resp::kNoNode || nodes_[before].slots > 0 || heirs.size() != 1) continue;
    if (nodes_[before].confirmation.replicated()) nodes_[heirs.begin()->first].confirmation.expect_replicas();
  }
}

/// All that is kept of a slot is to be asked again.
void ClusterLane::doubt_all(Slot slot) {
  SlotState& state = slots_[slot];
  for (const UnitPointer& unit : state.kept) {
    if (unit->fate != KeyUnit::Fate::Acknowledged) continue;
    unit->fate = KeyUnit::Fate::Open;
    unit->perhaps_applied = true;
    unit->rolled_back = true;
    unit->serial = 0;
    counts_.increments -= unit->increments;
    counts_.refused -= unit->refused;
    ++state.unacknowledged;
    ++open_;
  }
  queue_open(slot);
}

void ClusterLane::forget_confirmed(Node& node) {
  while (!node.acknowledged.empty() && node.acknowledged.front().serial <= node.confirmation.confirmed())
    forget_oldest(node);
}

/// Without replicas: what the server's disk lacks is of the last seconds (before it went away, while it is away).
void ClusterLane::forget_by_time(Node& node) {
  if (node.confirmation.replicated() || (node.slots > 0 && node.state != Node::State::Ready)) return;
  while (!node.acknowledged.empty() &&
         (now_ms_ - node.acknowledged.front().at_ms >= settings_.keep_ms || node.kept_bytes >= share_of_bytes()))
    forget_oldest(node);
}

void ClusterLane::forget_oldest(Node& node) {
  const Acknowledged oldest = std::move(node.acknowledged.front());
  node.acknowledged.pop_front();
  const KeyUnit& unit = *oldest.unit;
  if (unit.fate != KeyUnit::Fate::Acknowledged || unit.serial != oldest.serial) return;  // asked again since
  forget(oldest.unit);
}

size_t ClusterLane::share_of_bytes() const {
  const auto masters =
      std::count_if(nodes_.begin(), nodes_.end(), [](const auto& one) { return one.second.slots > 0; });
  return settings_.keep_bytes / static_cast<size_t>(std::max<std::ptrdiff_t>(1, masters));
}

size_t ClusterLane::kept_bytes() const {
  size_t sum = 0;
  for (const auto& [id, node] : nodes_) sum += node.kept_bytes;
  return sum;
}

bool ClusterLane::settled() const {
  if (open_ > 0) return false;
  return std::all_of(nodes_.begin(), nodes_.end(), [](const auto& one) {
    const Node& node = one.second;
    return node.kept == 0 || (node.confirmation.known() && !node.confirmation.replicated());
  });
}

bool ClusterLane::ready() const {
  return std::all_of(nodes_.begin(), nodes_.end(), [](const auto& one) {
    const Node& node = one.second;
    return node.slots == 0 || (node.state == Node::State::Ready && node.trouble.empty());
  });
}

std::string ClusterLane::trouble() const {
  for (const auto& [id, node] : nodes_) {
    if (node.slots > 0 && !node.trouble.empty()) return node.trouble;
  }
  return {};
}

}  // namespace microcloud
