// The open flows that say something of some keys: what a worker is asked for that walks through its table.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "probe/question.h"
#include "query/key_target.h"
#include "record/community_id.h"

namespace microcloud {

/// Asked on the packet path: a flow costs a few searches, however many the keys are.
class WantedFlows final : public FlowFilter {
 public:
  /// Of keys that need a walk, and of those that hosts have.
  explicit WantedFlows(const std::vector<KeyTarget>& targets);

  bool may_take(const FlowKey& key) const override;
  bool takes(const Common& common, const FlowRecord& flow) const override;

 private:
  static uint32_t port_word(uint8_t protocol, uint16_t port) { return uint32_t{protocol} << 16 | port; }

  // Sorted, each once.
  std::vector<IpAddress> hosts_;
  std::vector<uint32_t> ports_;
  std::vector<uint16_t> vlans_;
  std::vector<Mac> macs_;
  std::vector<std::string> applications_;
  std::vector<std::string> flows_;  // Community IDs
  bool all_ = false;
  bool by_record_ = false;  // there are keys of which only the record tells
};

/// The Community ID of the flow that a record tells of.
std::array<char, kCommunityIdSize> community_id_of(const Common& common);

}  // namespace microcloud
