// Which flows may be due: lists of slots in a ring of time buckets. A flow is put where it may expire at the earliest
// and looked at then; packets do not move it.
#pragma once

#include <cstdint>

#include "base/huge_array.h"

namespace microcloud {

/// Intrusive doubly linked lists over one compact array: the first kBuckets nodes are the lists' heads, then one a
/// slot.
class TimingWheel {
 public:
  static constexpr uint32_t kBuckets = 4096;
  static constexpr unsigned kBucketShift = 8;  // 256 ms a bucket: the ring spans 17 minutes

  explicit TimingWheel(uint32_t slots) : nodes_(size_t{kBuckets} + slots) {
    for (uint32_t at = 0; at < kBuckets; ++at) nodes_[at] = {at, at};
  }

  /// Deadlines up to `tick_ms` lie behind after drain(); a later one is the place to begin. Called once, before add().
  void start(uint32_t tick_ms) { cursor_ = tick_ms >> kBucketShift; }

  /// A deadline beyond the ring's span is looked at when the ring comes round.
  void add(uint32_t slot, uint32_t deadline_ms) {
    uint32_t ahead = ((deadline_ms >> kBucketShift) + 1 - cursor_) & kTickMask;
    if (ahead > kTickMask / 2) ahead = 0;  // already past
    if (ahead >= kBuckets) ahead = kBuckets - 1;
    const uint32_t head = (cursor_ + ahead) & (kBuckets - 1);
    const uint32_t node = slot + kBuckets;
    const uint32_t last = nodes_[head].previous;
    nodes_[node] = {last, head};
    nodes_[last].next = node;
    nodes_[head].previous = node;
  }

  void remove(uint32_t slot) {
    const Node node = nodes_[slot + kBuckets];
    nodes_[node.previous].next = node.next;
    nodes_[node.next].previous = node.previous;
  }

  /// Up to `room` slots that may be due by `tick_ms`, the earliest first; they stay in the wheel until removed.
  /// Fewer than `room` when nothing else may be due.
  uint32_t due(uint32_t tick_ms, uint32_t* slots, uint32_t room) {
    const uint32_t now = tick_ms >> kBucketShift;
    uint32_t ahead = (now - cursor_) & kTickMask;
    if (ahead > kTickMask / 2) return 0;
    if (ahead > kBuckets) {  // the clock jumped by more than a turn: every bucket is due, once
      cursor_ = (now - kBuckets) & kTickMask;
      ahead = kBuckets;
    }
    for (;;) {
      const uint32_t count = list(cursor_ & (kBuckets - 1), slots, room);
      if (count > 0 || ahead == 0) return count;
      cursor_ = (cursor_ + 1) & kTickMask;
      --ahead;
    }
  }

  /// Up to `room` slots, of the nearest buckets first. `horizon_ms`: a slot that is not among them has no deadline
  /// before.
  uint32_t nearest(uint32_t* slots, uint32_t room, uint32_t& horizon_ms) const {
    uint32_t count = 0;
    uint32_t ahead = 0;
    while (ahead < kBuckets && count < room) {
      count += list((cursor_ + ahead) & (kBuckets - 1), slots + count, room - count);
      ++ahead;
    }
    horizon_ms = (cursor_ + ahead - 1 - (count < room ? 0 : 1))
                 << kBucketShift;  // add() puts a deadline one bucket behind its own
    return count;
  }

 private:
  struct Node {
    uint32_t previous;
    uint32_t next;
  };
  static constexpr uint32_t kTickMask = 0xffffffffU >> kBucketShift;  // ticks of milliseconds wrap at 32 bits

  uint32_t list(uint32_t head, uint32_t* slots, uint32_t room) const {
    uint32_t count = 0;
    for (uint32_t node = nodes_[head].next; node != head && count < room; node = nodes_[node].next)
      slots[count++] = node - kBuckets;
    return count;
  }

  HugeArray<Node> nodes_;
  uint32_t cursor_ = 0;  // the bucket looked at, in ticks of 256 ms
};

}  // namespace microcloud
