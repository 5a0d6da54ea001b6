#include "cloud/owner_cluster_way.h"

#include <algorithm>
#include <set>
#include <utility>

namespace microcloud {
namespace {

using resp::NodeId;
using resp::Outcome;
using resp::Slot;

resp::ClusterSettings cluster_settings(resp::ClientSettings client) {
  client.protocol = resp::Protocol::Resp3;
  return {.client = std::move(client)};
}

/// A slot on its way to another server serves two commands only as a transaction.
resp::Commands commands_for(const OwnerQuestion& question, const std::string& key) {
  resp::Commands commands;
  commands.add("MULTI");
  OwnerDesk::add_commands(commands, question, key);
  commands.add("EXEC");
  return commands;
}

}  // namespace

OwnerClusterWay::OwnerClusterWay(Loop& loop, OwnerDesk& desk)
    : loop_(loop),
      desk_(desk),
      cluster_(loop, desk.settings.url.endpoints, cluster_settings(desk.settings.client),
               {[this](NodeId node, resp::ClientEvents::State state, const std::string&) { on_node(node, state); },
                [this] { on_mapped(); }, [this](NodeId node, const resp::Value& push) { desk_.heed(push, node); }}) {}

AskedServer* OwnerClusterWay::find(NodeId node) {
  const auto found = servers_.find(node);
  return found == servers_.end() ? nullptr : &found->second;
}

void OwnerClusterWay::on_node(NodeId node, resp::ClientEvents::State state) {
  if (state == resp::ClientEvents::State::Ready) {
    resp::Client& client = *cluster_.client(node);
    const std::string name = client.node().endpoint.text();
    servers_.try_emplace(node, loop_, desk_, name, [this] { look_who_answers(); }).first->second.up(client);
    return;
  }
  if (AskedServer* server = find(node); server != nullptr) server->down();
  desk_.tell_all_changed(node);
  std::erase_if(servers_, [this](const auto& one) { return cluster_.client(one.first) == nullptr; });
}

/// Who has lost a slot does not hear of changes in it.
void OwnerClusterWay::on_mapped() {
  std::set<NodeId> losers;
  for (size_t slot = 0; slot < resp::kSlots; ++slot) {
    const NodeId owner = cluster_.owner(static_cast<Slot>(slot));
    const NodeId before = std::exchange(owners_[slot], owner);
    if (before != owner && before != resp::kNoNode) losers.insert(before);
  }
  for (const NodeId loser : losers) desk_.tell_all_changed(loser);
  look_who_answers();
}

void OwnerClusterWay::look_who_answers() {
  const std::set<NodeId> masters(owners_.begin(), owners_.end());
  const auto answers = [this](NodeId node) {
    const AskedServer* server = find(node);
    return server != nullptr && server->answers();
  };
  desk_.answers.store(std::any_of(masters.begin(), masters.end(), answers), std::memory_order_release);
  desk_.all_answer.store(std::all_of(masters.begin(), masters.end(), answers), std::memory_order_release);
}

void OwnerClusterWay::ask(std::vector<OwnerQuestion> questions) {
  ++go_;
  for (OwnerQuestion& question : questions) {
    const std::vector<std::string> keys = desk_.keys_of(question);
    const auto open =
        std::make_shared<Open>(Open{std::move(question), std::vector<KeyAnswer>(keys.size()), keys.size()});
    for (size_t at = 0; at < keys.size(); ++at) ask_key(open, at, keys[at]);
  }
}

void OwnerClusterWay::ask_key(const std::shared_ptr<Open>& open, size_t at, const std::string& key) {
  const Slot slot = resp::slot_of(key);
  const AskedServer* server = find(cluster_.owner(slot));
  if (server == nullptr || !server->answers()) {
    if (--open->left == 0) conclude(*open);
    return;
  }
  cluster_.send(
      slot, commands_for(open->question, key),
      [this, open, at, slot, go = go_](const resp::Result& result, NodeId by) {
        on_key(*open, at, slot, go, result, by);
      },
      desk_.settings.deadline);
}

void OwnerClusterWay::on_key(Open& open, size_t at, Slot slot, uint64_t go, const resp::Result& result, NodeId by) {
  AskedServer* server = find(by);
  if (result.outcome == Outcome::Ok) {
    const auto error = std::find_if(result.replies.begin(), result.replies.end(),
                                    [](const resp::Value& one) { return one.is_error(); });
    const std::vector<resp::Value>& said = result.replies.back().elements;
    KeyAnswer& answer = open.keys[at];
    if (error != result.replies.end()) answer = desk_.read(open.question, *error, nullptr);
    if (said.size() == 2) answer = desk_.read(open.question, said[0], &said[1]);
    // Of a slot that has no other owner meanwhile, and is not on its way to one.
    answer.tracked = server != nullptr && server->tracked() && by == cluster_.owner(slot);
    answer.server = by;
    if (server != nullptr) server->answered();
  } else if (server != nullptr && result.outcome == Outcome::Indeterminate) {
    server->late(go, result.why);
  }
  if (--open.left == 0) conclude(open);
}

void OwnerClusterWay::conclude(Open& open) {
  OwnerNews news = OwnerDesk::conclude(open.question, open.keys);
  if (news.kind == OwnerNews::Kind::NoAnswer) desk_.counts.late.add();
  std::vector<OwnerNews> told;
  told.push_back(std::move(news));
  desk_.tell(std::move(told));
}

}  // namespace microcloud
