// How updates get from the merge buffer to where they belong: to one Redis master (node_way.h), or to those of a
// cluster (cluster_way.h). All on the loop's thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cloud/lane.h"
#include "resp/client.h"

namespace microcloud {

/// The number of the keys' schema, in the key meta.schema.
inline constexpr int64_t kCloudSchema = 1;

struct WayStatus {
  bool connected = false;
  std::string trouble;  // why nothing is applied, or why it is not connected; empty: all is well
  bool takes = false;   // what waits goes out
  std::string refusal;  // of the first command that was refused for good: its key and the server's words
  std::string fatal;    // why this writer must not go on; empty: it may
  int64_t schema = 0;   // of the keys that are there; 0: not known yet
  uint64_t batch = 0;   // the last one acknowledged
  size_t kept_batches = 0;
  size_t kept_bytes = 0;
  bool settled = false;  // what was taken from the buffer is where it belongs, and with each replica
  LaneCounts counts;
};

/// What a way's lane (Lane, ClusterLane) says of itself.
template <typename AnyLane>
void tell_lane(WayStatus& status, const AnyLane& lane) {
  status.batch = lane.acknowledged();
  status.kept_batches = lane.kept();
  status.kept_bytes = lane.kept_bytes();
  status.settled = lane.settled();
  status.takes = status.connected && lane.ready();
  status.refusal = lane.refusal();
  status.counts = lane.counts();
}

class ClusterLane;

class UpdateWay {
 public:
  virtual ~UpdateWay() = default;
  virtual void start(int64_t now_ms) = 0;
  /// Every few milliseconds.
  virtual void tick(int64_t now_ms) = 0;
  virtual WayStatus status() const = 0;
  /// Commands on one key, apart from updates; each may be applied though others are not. `done` may never be called
  /// when the way ends.
  virtual void send(std::string_view key, const resp::Commands& commands, resp::Client::Done done) = 0;
  /// How many volatile keys there are in all; not called where that cannot be told now.
  virtual void count_keys(std::function<void(uint64_t)> done) = 0;
  /// Any thread. Of a cluster: its lane, which takes nothing from the buffer and hears nothing until `at` returns; else
  /// nullptr.
  virtual void hold_still(const std::function<void(const ClusterLane* lane)>& at) const { at(nullptr); }
};

/// Asks a server how many of its keys are volatile, and how many there are, where the user may not know that.
resp::Commands count_commands();
/// The replies to them.
std::optional<uint64_t> volatile_keys(const std::vector<resp::Value>& replies);

/// Writes the number of the schema where there is none, and reads it.
resp::Commands schema_commands();
/// The reply to the last of them: why a probe must not go on with these keys; empty: it may. A probe one number behind
/// goes on; the keys of a later schema it does not know.
std::string schema_trouble(const resp::Value& reply, const std::string& where);

}  // namespace microcloud
