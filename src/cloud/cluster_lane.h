// One writer's updates on their way to the masters of a Redis Cluster, each applied exactly once. Every key gets its
// own numbered units (key_unit.h). No input or output here: whoever owns a lane connects it.
//
// Plain units go over a connection that is known to be the only one with bytes on their way: an older one is killed
// first. In a slot nothing goes out before all that went before was answered. What is open after that, and all that is
// kept of a slot after its owner changed or may have lost something, goes checked before anything new does, whether or
// not there is anything new.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/confirmation.h"
#include "cloud/key_unit.h"
#include "cloud/lane.h"
#include "resp/cluster.h"

namespace microcloud {

/// What a lane sends over, to each server. It is called back later, never from inside send(); after a break all that
/// was out is answered before down() is called.
class ClusterLink {
 public:
  using Done = LaneLink::Done;
  virtual ~ClusterLink() = default;
  virtual void send(resp::NodeId node, resp::Commands commands, Done done) = 0;
  /// kNoNode: nobody.
  virtual resp::NodeId owner(resp::Slot slot) const = 0;
  /// An error of a server that says who else has a slot, or that the cluster is not well. What it says is heeded; where
  /// it is ASK: the server to ask, else kNoNode. May call mapped().
  virtual resp::NodeId heed(resp::NodeId by, const resp::Value& error) = 0;
};

/// What waits to be written.
class UnitSource {
 public:
  virtual ~UnitSource() = default;
  virtual size_t ready() = 0;  // keys that are not laid aside
  virtual UnitCut cut(size_t most, const std::function<bool(resp::Slot)>& takes) = 0;
  virtual void unshelve(const std::vector<resp::Slot>& slots) = 0;
  /// As PieceSource::reborn().
  virtual void reborn(const std::vector<KeyTimes>& /*keys*/) {}
};

class ClusterLane {
 public:
  /// Counts of batches are of units here.
  ClusterLane(LaneSettings settings, UnitSource& source, ClusterLink& link);

  /// Numbers begin above this one: what an earlier life of this writer has used. Nothing goes out before.
  void begin(uint64_t above) {
    acknowledged_ = above;
    last_number_ = std::max<uint64_t>(above, 1);  // 0 says that nothing is known (stands_at)
  }
  bool begun() const { return last_number_.has_value(); }
  void up(resp::NodeId node, const resp::NodeFacts& facts, int64_t now_ms);
  void down(resp::NodeId node);
  /// Slots have other owners.
  void mapped();
  /// Every few milliseconds: sends what is due.
  void tick(int64_t now_ms);

  const LaneCounts& counts() const { return counts_; }
  /// The highest number of which a server said that it has it.
  uint64_t acknowledged() const { return acknowledged_; }
  /// Units that may be needed again; and those of them whose fate is open.
  size_t kept() const { return kept_; }
  size_t unacknowledged() const { return open_; }
  size_t kept_bytes() const;
  /// All is in the cluster, and with every replica that it has; what waits in the source aside.
  bool settled() const;
  /// Why some master takes nothing, in its words; empty: all is well.
  std::string trouble() const;
  /// Every master that has slots takes what waits.
  bool ready() const;
  /// Of the first command that was refused for good: its key and the server's words.
  const std::string& refusal() const { return refusal_; }
  /// What is on its way to this key and not acknowledged, in the order of the numbers.
  std::vector<const KeyUnit*> open_of(std::string_view key) const;
  /// Shows all that is on its way and not acknowledged.
  void each_open(const std::function<void(const KeyUnit&)>& look) const;
  /// Up to this number the cluster has all that went to this key, and open_of() is what is above it. 0: that is not
  /// known now, as its slot's master is not there.
  uint64_t stands_at(std::string_view key) const;
  /// The same of every key to which nothing is on its way.
  uint64_t stands_at() const;
  /// The number of the last unit that the key's master has acknowledged and may still lose; 0: there is none.
  uint64_t acknowledged_of(std::string_view key) const;

 private:
  using UnitPointer = std::shared_ptr<KeyUnit>;
  using Units = std::vector<UnitPointer>;
  struct SlotState {
    resp::NodeId owner = resp::kNoNode;
    uint32_t out = 0;
    uint32_t unacknowledged = 0;
    bool queued = false;  // among a node's `open`
    bool shelved = false;
    Units kept;  // in the order of their numbers
  };
  struct Acknowledged {
    UnitPointer unit;
    uint64_t serial;
    int64_t at_ms;
  };
  struct Node {
    enum class State : uint8_t { Down, Up, Greeting, Ready };
    State state = State::Down;
    uint64_t connection = 0;  // answers of older ones do not count
    std::string run_id;
    int64_t client_id = 0;
    std::string identity;    // of its data, when it was last ready
    bool has_plain = false;  // plain units went over this connection
    int64_t to_kill = 0;     // an older one over which they did, of this process:
    std::string to_kill_in;
    size_t slots = 0;
    size_t out = 0;  // sends that are not answered
    std::deque<resp::Slot> open;
    int64_t pause_until_ms = 0;
    int64_t next_pause_ms = 0;
    std::string trouble;
    size_t kept_bytes = 0;  // of its slots
    size_t kept = 0;
    Confirmation confirmation;
    uint64_t serial = 0;  // of the last one it acknowledged
    std::deque<Acknowledged> acknowledged;
    int64_t role_asked_ms = 0;
  };

  // Servers (cluster_lane_nodes.cpp)
  void greet(resp::NodeId id);
  void on_greeted(resp::NodeId id, bool has_killed, const std::vector<resp::Value>& replies);
  void become_ready(resp::NodeId id, const std::string& identity);
  void hold(Node& node, std::string why);
  void ask_role(resp::NodeId id);
  void on_role(resp::NodeId id, const resp::Value& reply);
  void set_owner(resp::Slot slot, resp::NodeId owner);
  void hand_over_replicas(const std::map<resp::NodeId, std::map<resp::NodeId, size_t>>& moved);
  void doubt_all(resp::Slot slot);
  void forget_confirmed(Node& node);
  void forget_by_time(Node& node);
  void forget_oldest(Node& node);
  size_t share_of_bytes() const;

  // Units (cluster_lane.cpp; what is seen of them: cluster_lane_view.cpp)
  void flush();
  void unshelve();
  void go_on(resp::NodeId by);
  bool takes(const Node& node) const;
  bool takes(resp::Slot slot) const;
  bool any_takes() const;
  void send_units(UnitCut cut);
  void on_units(resp::NodeId by, const Units& units, resp::Outcome outcome, const std::vector<resp::Value>& replies);
  void send_open(resp::NodeId id);
  void on_checked(resp::NodeId by, const Units& units, bool asking, resp::Outcome outcome,
                  const std::vector<resp::Value>& replies);
  void settle(resp::NodeId by, const UnitPointer& unit, const UnitVerdict& verdict, bool asking);
  void on_applied(resp::NodeId by, const UnitPointer& unit, const UnitVerdict& verdict, bool asking);
  void ask_times(const KeyUnit& unit);
  void divide(resp::NodeId by, const UnitPointer& unit, const UnitVerdict& verdict);
  void on_repeat(resp::NodeId by, const UnitPointer& unit, uint64_t ledger);
  void on_not_applied(resp::NodeId by, KeyUnit& unit, const resp::Value& error);
  void acknowledge(resp::NodeId by, const UnitPointer& unit);
  void discard(const UnitPointer& unit);
  void forget(const UnitPointer& unit);
  void keep(const UnitPointer& unit);
  void queue_open(resp::Slot slot);

  LaneSettings settings_;
  const UnitForm form_;
  UnitSource& source_;
  ClusterLink& link_;
  int64_t now_ms_ = 0;
  int64_t flushed_ms_ = 0;
  size_t to_flush_ = 0;  // keys
  std::optional<uint64_t> last_number_;
  uint64_t acknowledged_ = 0;

  std::vector<SlotState> slots_{resp::kSlots};
  std::map<resp::NodeId, Node> nodes_;
  std::vector<resp::Slot> shelved_;
  size_t open_ = 0;
  size_t kept_ = 0;
  uint64_t serial_ = 0;

  LaneCounts counts_;
  std::string refusal_;
};

}  // namespace microcloud
