// Traffic between the networks of -L and the rest of the world.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/prefix_set.h"
#include "flow/flow_record.h"
#include "probe/summary_text.h"

namespace microcloud {

class Localities {
 public:
  explicit Localities(PrefixSet local) : local_(std::move(local)), networks_(local_.size()) {}

  bool empty() const { return local_.empty(); }
  bool is_local(const IpAddress& address) const { return local_.contains(address); }
  /// Each direction's octets and packets count where they went; a flow counts in its initiator's direction.
  void add(const Common& common, const FlowRecord& flow);
  /// Two tables: from where to where, and each network's own (an address is in the longest prefix of those that it is
  /// in). Not where nothing was added.
  std::string text() const;

 private:
  PrefixSet local_;
  std::array<TrafficSums, 4> ways_;  // 2 * (from a local one) + (to a local one)
  std::vector<HostSums> networks_;
};

}  // namespace microcloud
