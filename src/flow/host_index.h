// Which open flows a host has: lists through the slots of a flow table, kept when flows begin and end.
#pragma once

#include <cstdint>
#include <vector>

#include "base/address.h"
#include "base/hash.h"
#include "base/huge_array.h"
#include "flow/flow_index.h"
#include "packet/packet.h"

namespace microcloud {

/// Each flow stands in the lists of both its ends, the newest first; once where they are the same. Memory is taken as
/// flows come, about 100 bytes each.
class HostIndex {
 public:
  /// A flow in one host's list.
  struct Entry {
    uint32_t slot = FlowIndex::kNone;  // kNone: the list's end
    uint8_t end = 0;                   // which end of the flow the host is: 0 key.low, 1 key.high
    bool none() const { return slot == FlowIndex::kNone; }
  };

  HostIndex(uint32_t capacity, HashSeed seed);

  void add(uint32_t slot, const FlowKey& key);
  /// What was added.
  void remove(uint32_t slot);
  /// The host's newest flow.
  Entry newest(const IpAddress& host) const;
  /// The next older one.
  Entry older(Entry entry) const { return unpack(links_[entry.slot].older[entry.end]); }
  /// Rises from flow to flow, in the order in which they were added.
  uint64_t order(uint32_t slot) const { return links_[slot].order; }
  size_t hosts() const { return used_hosts_ - free_hosts_.size(); }

 private:
  static constexpr uint32_t kNone = FlowIndex::kNone;
  /// Entries in one word: slot * 2 + end.
  struct Links {
    uint32_t older[2];
    uint32_t newer[2];
    uint32_t host[2];  // kNone: not in a list on this end
    uint64_t order;
  };
  struct Host {
    IpAddress address;
    uint32_t tag;
    uint32_t newest;
  };

  static Entry unpack(uint32_t word) {
    return word == kNone ? Entry{} : Entry{word >> 1, static_cast<uint8_t>(word & 1)};
  }
  uint32_t tag_of(const IpAddress& host) const;
  uint32_t find(const IpAddress& host, uint32_t tag) const;
  void link(uint32_t slot, unsigned end, const IpAddress& host);
  void unlink(uint32_t slot, unsigned end);

  HashSeed seed_;
  FlowIndex index_;
  HugeArray<Links> links_;
  HugeArray<Host> hosts_;
  std::vector<uint32_t> free_hosts_;
  uint32_t used_hosts_ = 0;
  uint64_t added_ = 0;
};

}  // namespace microcloud
