// From a key's hash to slots: linear probing over 8-byte entries, eight to a cache line; it doubles as flows come.
#pragma once

#include <cstdint>

#include "base/huge_array.h"

namespace microcloud {

/// An entry is the upper half of the hash and slot + 1; zero is empty. Equal hashes are told apart by the caller.
class FlowIndex {
 public:
  static constexpr uint32_t kNone = 0xffffffff;

  FlowIndex() : entries_(kSmallest), mask_(kSmallest - 1) {}

  static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }
  void prefetch(uint32_t tag) const { __builtin_prefetch(&entries_[tag & mask_]); }

  /// The first slot with this tag for which `is_it(slot)`, or kNone.
  template <typename Match>
  uint32_t find(uint32_t tag, const Match& is_it) const {
    for (uint32_t at = tag & mask_;; at = (at + 1) & mask_) {
      const uint64_t entry = entries_[at];
      if (entry == 0) return kNone;
      if (static_cast<uint32_t>(entry >> 32) == tag && is_it(static_cast<uint32_t>(entry) - 1)) return static_cast<uint32_t>(entry) - 1;
    }
  }

  void insert(uint32_t tag, uint32_t slot) {
    if ((count_ + 1) * 2 > entries_.size()) grow();
    place(static_cast<uint64_t>(tag) << 32 | (slot + 1));
    ++count_;
  }

  /// The slot must be there. The entries behind it close the gap, so that no tombstones remain.
  void erase(uint32_t tag, uint32_t slot) {
    uint32_t at = tag & mask_;
    while (static_cast<uint32_t>(entries_[at]) != slot + 1) at = (at + 1) & mask_;
    for (uint32_t next = (at + 1) & mask_; entries_[next] != 0; next = (next + 1) & mask_) {
      const auto home = static_cast<uint32_t>(entries_[next] >> 32) & mask_;
      if (((next - home) & mask_) >= ((next - at) & mask_)) {
        entries_[at] = entries_[next];
        at = next;
      }
    }
    entries_[at] = 0;
    --count_;
  }

 private:
  static constexpr size_t kSmallest = 1U << 12;

  void place(uint64_t entry) {
    uint32_t at = static_cast<uint32_t>(entry >> 32) & mask_;
    while (entries_[at] != 0) at = (at + 1) & mask_;
    entries_[at] = entry;
  }

  void grow() {
    HugeArray<uint64_t> old = std::move(entries_);
    entries_ = HugeArray<uint64_t>(old.size() * 2);
    mask_ = static_cast<uint32_t>(entries_.size() - 1);
    for (size_t at = 0; at < old.size(); ++at) {
      if (old[at] != 0) place(old[at]);
    }
  }

  HugeArray<uint64_t> entries_;
  uint32_t mask_;
  size_t count_ = 0;
};

}  // namespace microcloud
