// A cluster's inside: its servers, its map, and what is on its way by way of redirections.
#pragma once

#include <array>
#include <list>

#include "resp/cluster.h"

namespace microcloud::resp {

struct Cluster::Core : std::enable_shared_from_this<Cluster::Core> {
  using Clock = std::chrono::steady_clock;
  struct Node {
    Endpoint endpoint;
    std::unique_ptr<Client> client;
    std::string why_down;
    size_t slots = 0;
    Clock::time_point had_slots;
  };
  /// What send() was given.
  struct Parcel {
    Slot slot;
    std::string bytes;
    size_t count;
    Done done;
    Clock::time_point until;
    unsigned redirected = 0;
    NodeId asking = kNoNode;
    NodeId sent_to = kNoNode;
  };

  Core(Loop& its_loop, std::vector<Endpoint> its_seeds, ClusterSettings its_settings, ClusterEvents its_events);

  NodeId add_node(const Endpoint& endpoint);
  void add_seeds();
  void on_node(NodeId node, ClientEvents::State state, const std::string& why);
  Node* find(NodeId node);

  void refresh_in(std::chrono::milliseconds time);
  void ask_map();
  NodeId next_to_ask();
  void on_map(NodeId asked, const Result& result);
  void take_map(const std::vector<SlotRange>& ranges);
  void move_slot(Slot slot, NodeId to);
  bool is_stale(const Value& info);
  void forget_nodes();
  bool in_trouble() const;

  void dispatch(std::shared_ptr<Parcel> parcel);
  void on_result(const std::shared_ptr<Parcel>& parcel, NodeId node, Result result);
  void redirect(const std::shared_ptr<Parcel>& parcel, const Redirection& redirection);
  void wait(const std::shared_ptr<Parcel>& parcel, Result result);
  void send_waiting();

  Loop& loop;
  std::vector<Endpoint> seeds;
  ClusterSettings settings;
  ClusterEvents events;
  std::map<NodeId, Node> nodes;
  std::map<Endpoint, NodeId> by_endpoint;
  std::array<NodeId, kSlots> owners{};
  NodeId last_id = kNoNode;
  NodeId asked_last = kNoNode;
  bool is_closed = false;

  Timer refreshing;
  bool has_map = false;
  bool is_complete = false;  // all slots have an owner
  bool asking_map = false;
  Clock::time_point asked_at{};
  Clock::time_point next_ask = Clock::time_point::max();
  int64_t epoch = 0;
  Clock::time_point stale_since{};

  std::list<std::shared_ptr<Parcel>> waiting;
  Timer retrying;
};

}  // namespace microcloud::resp
