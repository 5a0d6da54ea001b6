// A Redis Cluster: one connection to each of its masters, and who has which slot.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "resp/client.h"
#include "resp/cluster_map.h"

namespace microcloud::resp {

struct ClusterSettings {
  ClientSettings client = {};
  std::chrono::milliseconds refresh_at_most_every{100};
  std::chrono::milliseconds refresh_every{5000};            // when all is well
  std::chrono::milliseconds refresh_in_trouble_every{500};  // a master is not reachable, or a slot has none
  std::chrono::seconds forget_after{60};                    // a server that has had no slots for so long is left
};

/// Of one server, as long as it is known; another one never gets the same.
using NodeId = uint32_t;
inline constexpr NodeId kNoNode = 0;

struct ClusterEvents {
  /// The connection to a server. Down comes after the results of what was out.
  std::function<void(NodeId, ClientEvents::State, const std::string& why)> node;
  /// Slots have other owners than before.
  std::function<void()> mapped = {};
  /// Messages that answer nothing: see ClientEvents.
  std::function<void(NodeId, const Value&)> push = {};
};

/// Belongs to one loop. Servers come and go with the map, which is asked for when a server names another owner (MOVED),
/// when one is lost, and now and then. Of two maps the one of the later epoch counts: a server that is cut off has an
/// older one.
class Cluster {
 public:
  /// The server that gave the result, or was asked last; kNoNode: none was.
  using Done = std::function<void(Result, NodeId by)>;

  Cluster(Loop& loop, std::vector<Endpoint> seeds, ClusterSettings settings, ClusterEvents events);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  void start();
  /// kNoNode: nobody, as far as is known.
  NodeId owner(Slot slot) const;
  /// The connection to a server; nullptr: it is not known any more.
  Client* client(NodeId node);
  const Client* client(NodeId node) const;
  /// The server at an address that a redirection gave; a connection to it is made when there is none.
  NodeId node_at(const Endpoint& endpoint);
  /// What a server said about a slot: for those who send by client() themselves. Ask changes nothing.
  void heed(const Redirection& redirection);
  /// Asks for the map, soon.
  void refresh();

  /// Sends a command, or a whole transaction, on keys of one slot to its owner, and where it redirects to; while there
  /// is no owner that takes it (TRYAGAIN, CLUSTERDOWN, LOADING, a connection that is not there), again until `patience`
  /// is over: then the result is Retry. `done` is called later, never from inside. What may have been applied is not
  /// sent again.
  void send(Slot slot, const Commands& commands, Done done, std::chrono::milliseconds patience);

  /// Servers that have slots; those of them whose connection is ready; whether all slots have an owner.
  size_t masters() const;
  size_t masters_ready() const { return ready_masters().size(); }
  std::vector<NodeId> ready_masters() const;
  bool complete() const;
  /// All slots have an owner, and each of those is reachable.
  bool ready() const;
  /// Why it is not ready; empty: it is, or nothing was tried yet.
  std::string trouble() const;

  struct Core;

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace microcloud::resp
