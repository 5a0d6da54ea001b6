// Who owns an address, asked of the masters of a Redis Cluster: each key of its slot's owner, and each master for
// itself when it is slow or lost. What a master said is forgotten when its connection is lost or it loses a slot.
#pragma once

#include <array>
#include <map>

#include "cloud/asked_server.h"
#include "resp/cluster.h"

namespace microcloud {

class OwnerClusterWay final : public OwnerWay {
 public:
  OwnerClusterWay(Loop& loop, OwnerDesk& desk);
  void start() override { cluster_.start(); }
  void ask(std::vector<OwnerQuestion> questions) override;

 private:
  /// A question, until all its keys are answered or will not be.
  struct Open {
    OwnerQuestion question;
    std::vector<KeyAnswer> keys;
    size_t left;
  };
  void ask_key(const std::shared_ptr<Open>& open, size_t at, const std::string& key);
  void on_key(Open& open, size_t at, resp::Slot slot, uint64_t go, const resp::Result& result, resp::NodeId by);
  void conclude(Open& open);
  void on_node(resp::NodeId node, resp::ClientEvents::State state);
  void on_mapped();
  void look_who_answers();
  AskedServer* find(resp::NodeId node);

  Loop& loop_;
  OwnerDesk& desk_;
  std::map<resp::NodeId, AskedServer> servers_;  // that are, or were, connected
  std::array<resp::NodeId, resp::kSlots> owners_{};
  uint64_t go_ = 0;
  resp::Cluster cluster_;
};

}  // namespace microcloud
