#include "resp/cluster.h"

#include <algorithm>

#include "resp/cluster_core.h"

namespace microcloud::resp {
namespace {

constexpr size_t kMostNodes = 2'000;  // Redis advises against more than 1000

}  // namespace

Cluster::Core::Core(Loop& its_loop, std::vector<Endpoint> its_seeds, ClusterSettings its_settings,
                    ClusterEvents its_events)
    : loop(its_loop),
      seeds(std::move(its_seeds)),
      settings(std::move(its_settings)),
      events(std::move(its_events)),
      refreshing(its_loop),
      retrying(its_loop) {}

Cluster::Core::Node* Cluster::Core::find(NodeId node) {
  const auto found = nodes.find(node);
  return found == nodes.end() ? nullptr : &found->second;
}

NodeId Cluster::Core::add_node(const Endpoint& endpoint) {
  if (const auto found = by_endpoint.find(endpoint); found != by_endpoint.end()) return found->second;
  if (nodes.size() >= kMostNodes) return kNoNode;
  const NodeId id = ++last_id;
  by_endpoint.emplace(endpoint, id);
  Node& node = nodes[id];
  node.endpoint = endpoint;
  node.had_slots = Clock::now();
  ClientEvents its;
  its.state = [this, id](ClientEvents::State state, const std::string& why) { on_node(id, state, why); };
  if (events.push) its.push = [this, id](const Value& value) { events.push(id, value); };
  node.client = std::make_unique<Client>(loop, located_at(endpoint), settings.client, std::move(its));
  node.client->start();
  return id;
}

void Cluster::Core::add_seeds() {
  for (const Endpoint& seed : seeds) add_node(seed);
}

void Cluster::Core::on_node(NodeId id, ClientEvents::State state, const std::string& why) {
  const auto self = shared_from_this();
  Node* node = find(id);
  if (node == nullptr) return;
  node->why_down = state == ClientEvents::State::Ready ? std::string() : why;
  if (events.node) events.node(id, state, why);
  if (is_closed) return;
  refresh_in(settings.refresh_at_most_every);
  if (state == ClientEvents::State::Ready) send_waiting();
}

/// Slots without an owner, or with one that cannot be reached.
bool Cluster::Core::in_trouble() const {
  if (!is_complete) return true;
  return std::any_of(nodes.begin(), nodes.end(),
                     [](const auto& one) { return one.second.slots > 0 && !one.second.client->ready(); });
}

void Cluster::Core::refresh_in(std::chrono::milliseconds time) {
  const Clock::time_point at = std::max(Clock::now() + time, asked_at + settings.refresh_at_most_every);
  if (asking_map || (refreshing.set() && next_ask <= at)) return;
  next_ask = at;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(at - Clock::now());
  refreshing.start(std::max(left, std::chrono::milliseconds(0)), [this] { ask_map(); });
}

/// Each in turn, so that one that is cut off from the others is not believed for long.
NodeId Cluster::Core::next_to_ask() {
  NodeId first = kNoNode;
  for (const auto& [id, node] : nodes) {
    if (!node.client->ready()) continue;
    if (id > asked_last) return id;
    if (first == kNoNode) first = id;
  }
  return first;
}

void Cluster::Core::ask_map() {
  next_ask = Clock::time_point::max();
  asked_at = Clock::now();
  const NodeId id = next_to_ask();
  if (id == kNoNode) {  // all that are known are gone: perhaps the cluster lives elsewhere by now
    add_seeds();
    refresh_in(settings.refresh_in_trouble_every);
    return;
  }
  asked_last = id;
  asking_map = true;
  Commands commands;
  commands.add("CLUSTER", "INFO");
  commands.add("CLUSTER", "SLOTS");
  find(id)->client->send(
      std::move(commands), [this, id](const Result& result) { on_map(id, result); }, settings.client.connect_patience);
}

void Cluster::Core::on_map(NodeId asked, const Result& result) {
  const auto self = shared_from_this();
  asking_map = false;
  Node* node = find(asked);
  bool whole = false;
  if (result.outcome == Outcome::Ok && node != nullptr && !is_stale(result.replies[0])) {
    if (const auto ranges = parse_cluster_slots(result.replies[1], node->endpoint)) {
      take_map(*ranges);
      whole = true;
    } else if (result.replies[1].is_error()) {
      node->why_down = result.replies[1].text;
    }
  }
  if (is_closed) return;
  forget_nodes();
  refresh_in(whole && !in_trouble() ? settings.refresh_every : settings.refresh_in_trouble_every);
}

/// A later epoch was seen elsewhere, and not long ago: a cluster that was made anew begins again at 1.
bool Cluster::Core::is_stale(const Value& info) {
  constexpr std::chrono::seconds kMadeAnew{10};
  const std::string name = "cluster_current_epoch:";
  const size_t at = info.has_text() ? info.text.find(name) : std::string::npos;
  if (at == std::string::npos) return false;
  const size_t from = at + name.size();
  const auto found =
      parse_integer(std::string_view(info.text).substr(from, info.text.find_first_of("\r\n", from) - from));
  const int64_t its = found.value_or(0);
  if (its < epoch) {
    if (stale_since == Clock::time_point()) stale_since = Clock::now();
    if (Clock::now() - stale_since < kMadeAnew) return true;
  }
  stale_since = {};
  epoch = its;
  return false;
}

void Cluster::Core::take_map(const std::vector<SlotRange>& ranges) {
  std::array<NodeId, kSlots> found{};
  for (const SlotRange& range : ranges) {
    const NodeId id = add_node(range.master);
    for (size_t slot = range.first; slot <= range.last; ++slot) found[slot] = id;
  }
  // A slot that nobody has at the moment stays with whom it was: nobody else can take updates for it.
  for (size_t slot = 0; slot < kSlots; ++slot) {
    if (found[slot] == kNoNode) found[slot] = owners[slot];
  }
  has_map = true;
  const bool changed = found != owners;
  owners = found;
  is_complete = std::find(owners.begin(), owners.end(), kNoNode) == owners.end();
  for (auto& [id, node] : nodes) node.slots = 0;
  for (const NodeId id : owners) {
    if (Node* node = find(id)) ++node->slots;
  }
  const Clock::time_point now = Clock::now();
  for (auto& [id, node] : nodes) {
    if (node.slots > 0) node.had_slots = now;
  }
  if (!changed) return;
  if (events.mapped) events.mapped();
  if (!is_closed) send_waiting();
}

void Cluster::Core::forget_nodes() {
  const Clock::time_point now = Clock::now();
  for (auto one = nodes.begin(); one != nodes.end();) {
    const Node& node = one->second;
    const bool idle = node.slots == 0 && now - node.had_slots >= settings.forget_after && node.client->awaited() == 0;
    if (!idle || one->first == asked_last) {
      ++one;
      continue;
    }
    const NodeId id = one->first;
    const bool told = node.client->ready() && events.node;
    by_endpoint.erase(node.endpoint);
    one = nodes.erase(one);
    if (told) events.node(id, ClientEvents::State::Down, "it has no slots any more");
  }
}

Cluster::Cluster(Loop& loop, std::vector<Endpoint> seeds, ClusterSettings settings, ClusterEvents events)
    : core_(std::make_shared<Core>(loop, std::move(seeds), std::move(settings), std::move(events))) {}

Cluster::~Cluster() {
  core_->is_closed = true;
  core_->refreshing.cancel();
  core_->retrying.cancel();
  core_->waiting.clear();
  core_->nodes.clear();
}

void Cluster::start() {
  core_->add_seeds();
  core_->refresh_in(core_->settings.refresh_at_most_every);
}

NodeId Cluster::owner(Slot slot) const {
  return core_->owners[slot];
}

Client* Cluster::client(NodeId node) {
  Core::Node* found = core_->find(node);
  return found == nullptr ? nullptr : found->client.get();
}

const Client* Cluster::client(NodeId node) const {
  const Core::Node* found = core_->find(node);
  return found == nullptr ? nullptr : found->client.get();
}

NodeId Cluster::node_at(const Endpoint& endpoint) {
  return core_->add_node(endpoint);
}

void Cluster::Core::move_slot(Slot slot, NodeId to) {
  refresh_in({});
  if (to == owners[slot]) return;
  if (Node* node = find(owners[slot])) --node->slots;
  owners[slot] = to;
  ++find(to)->slots;
  if (events.mapped) events.mapped();
}

void Cluster::heed(const Redirection& redirection) {
  if (redirection.kind == Redirection::Kind::Ask) return;
  if (const NodeId to = core_->add_node(redirection.to); to != kNoNode) core_->move_slot(redirection.slot, to);
}

void Cluster::refresh() {
  core_->refresh_in({});
}

size_t Cluster::masters() const {
  return static_cast<size_t>(
      std::count_if(core_->nodes.begin(), core_->nodes.end(), [](const auto& one) { return one.second.slots > 0; }));
}

std::vector<NodeId> Cluster::ready_masters() const {
  std::vector<NodeId> found;
  for (const auto& [id, node] : core_->nodes) {
    if (node.slots > 0 && node.client->ready()) found.push_back(id);
  }
  return found;
}

bool Cluster::ready() const {
  return complete() && std::all_of(core_->nodes.begin(), core_->nodes.end(),
                                   [](const auto& one) { return one.second.slots == 0 || one.second.client->ready(); });
}

bool Cluster::complete() const {
  return core_->is_complete;
}

std::string Cluster::trouble() const {
  for (const auto& [id, node] : core_->nodes) {
    if (node.slots > 0 && !node.client->ready() && !node.why_down.empty()) return node.why_down;
  }
  if (complete()) return {};
  for (const auto& [id, node] : core_->nodes) {
    if (!node.why_down.empty()) return node.why_down;
  }
  return core_->has_map ? "slots of the cluster have no master" : std::string();
}

}  // namespace microcloud::resp
