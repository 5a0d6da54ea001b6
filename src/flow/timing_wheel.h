// Which flows may be due: slots in a ring of time buckets. A flow is put where it may expire at the earliest and looked
// at then; packets do not move it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/huge_array.h"

namespace microcloud {

/// A bucket is a list of blocks of a cache line, all full but the last one: a list of single slots would wait for
/// memory at each of them. What is taken out of the middle leaves its place to the bucket's last slot.
class TimingWheel {
 public:
  static constexpr uint32_t kBuckets = 4096;
  static constexpr unsigned kBucketShift = 8;  // 256 ms a bucket: the ring spans 17 minutes

  explicit TimingWheel(uint32_t slots)
      : buckets_(kBuckets), blocks_(size_t{slots} / kPerBlock + kBuckets + 1), places_(slots) {}

  /// Deadlines up to `tick_ms` lie behind; a later one is the place to begin. Called once, before add().
  void start(uint32_t tick_ms) { cursor_ = tick_ms >> kBucketShift; }

  /// A slot that is not in the wheel. A deadline beyond the ring's span is looked at when the ring comes round.
  void add(uint32_t slot, uint32_t deadline_ms) {
    uint32_t ahead = ((deadline_ms >> kBucketShift) + 1 - cursor_) & kTickMask;
    if (ahead > kTickMask / 2) ahead = 0;  // already past
    if (ahead >= kBuckets) ahead = kBuckets - 1;
    const uint32_t number = (cursor_ + ahead) & (kBuckets - 1);
    Bucket& bucket = buckets_[number];
    if (bucket.last == kNone || bucket.in_last == kPerBlock) append_block(bucket, number);
    blocks_[bucket.last].slots[bucket.in_last] = slot;
    places_[slot] = bucket.last * kPlaces + bucket.in_last++;
  }

  /// Nothing happens where it is not in the wheel.
  void remove(uint32_t slot) {
    const uint32_t place = places_[slot];
    if (place == 0) return;
    Block& block = blocks_[place / kPlaces];
    Bucket& bucket = buckets_[block.bucket];
    const uint32_t last = blocks_[bucket.last].slots[--bucket.in_last];
    block.slots[place % kPlaces] = last;
    places_[last] = place;
    places_[slot] = 0;  // after that, as it may be the last one
    if (bucket.in_last == 0) drop_last(bucket);
  }

  /// Takes out up to `room` slots that may be due by `tick_ms`, of the earliest bucket first. 0: nothing else may be.
  uint32_t take_due(uint32_t tick_ms, uint32_t* slots, uint32_t room) {
    const uint32_t now = tick_ms >> kBucketShift;
    uint32_t ahead = (now - cursor_) & kTickMask;
    if (ahead > kTickMask / 2) return 0;
    if (ahead > kBuckets) {  // the clock jumped by more than a turn: every bucket is due, once
      cursor_ = (now - kBuckets) & kTickMask;
      ahead = kBuckets;
    }
    for (;;) {
      Bucket& bucket = buckets_[cursor_ & (kBuckets - 1)];
      if (bucket.first != kNone) return take(bucket, slots, room);
      if (ahead == 0) return 0;
      cursor_ = (cursor_ + 1) & kTickMask;
      --ahead;
    }
  }

  /// Up to `room` slots, of the nearest buckets first; they stay. `horizon_ms`: a slot that is not among them has no
  /// deadline before.
  uint32_t nearest(uint32_t* slots, uint32_t room, uint32_t& horizon_ms) const {
    uint32_t count = 0;
    uint32_t ahead = 0;
    while (ahead < kBuckets && count < room) {
      count += list(buckets_[(cursor_ + ahead) & (kBuckets - 1)], slots + count, room - count);
      ++ahead;
    }
    horizon_ms = (cursor_ + ahead - 1 - (count < room ? 0 : 1))
                 << kBucketShift;  // add() puts a deadline one bucket behind its own
    return count;
  }

  /// Fetches what add() and remove() of it need.
  void prefetch(uint32_t slot) const { __builtin_prefetch(&places_[slot], 1); }

 private:
  static constexpr uint32_t kPerBlock = 13;
  static constexpr uint32_t kPlaces = 16;  // a place is a block times this, and the entry in it
  static constexpr uint32_t kNone = 0;     // no block has this number

  struct alignas(64) Block {
    uint32_t slots[kPerBlock];
    uint32_t bucket;
    uint32_t next;  // of the bucket, or of the list of free ones
    uint32_t previous;
  };
  static_assert(sizeof(Block) == 64);
  struct Bucket {
    uint32_t first = kNone;
    uint32_t last = kNone;
    uint32_t in_last = 0;  // entries in the last block
  };
  static constexpr uint32_t kTickMask = 0xffffffffU >> kBucketShift;  // ticks of milliseconds wrap at 32 bits

  void append_block(Bucket& bucket, uint32_t number) {
    uint32_t added = free_;
    if (added != kNone) {
      free_ = blocks_[added].next;
    } else {
      added = used_high_++;
    }
    blocks_[added].bucket = number;
    blocks_[added].next = kNone;
    blocks_[added].previous = bucket.last;
    (bucket.last == kNone ? bucket.first : blocks_[bucket.last].next) = added;
    bucket.last = added;
    bucket.in_last = 0;
  }

  void give_back(uint32_t block) {
    blocks_[block].next = free_;
    free_ = block;
  }

  void drop_last(Bucket& bucket) {
    const uint32_t empty = bucket.last;
    bucket.last = blocks_[empty].previous;
    bucket.in_last = bucket.last == kNone ? 0 : kPerBlock;
    (bucket.last == kNone ? bucket.first : blocks_[bucket.last].next) = kNone;
    give_back(empty);
  }

  uint32_t in_block(const Bucket& bucket, uint32_t block) const {
    return block == bucket.last ? bucket.in_last : kPerBlock;
  }

  /// The first block where there is room for it, else the last slots.
  uint32_t take(Bucket& bucket, uint32_t* slots, uint32_t room) {
    const uint32_t first = bucket.first;
    const uint32_t count = in_block(bucket, first);
    if (count > room) {
      for (uint32_t at = 0; at < room; ++at) {
        slots[at] = blocks_[bucket.last].slots[bucket.in_last - 1];
        remove(slots[at]);
      }
      return room;
    }
    for (uint32_t at = 0; at < count; ++at) {
      slots[at] = blocks_[first].slots[at];
      places_[slots[at]] = 0;
    }
    bucket.first = blocks_[first].next;
    if (bucket.first == kNone) {
      bucket = Bucket{};
    } else {
      blocks_[bucket.first].previous = kNone;
      __builtin_prefetch(&blocks_[bucket.first]);
    }
    give_back(first);
    return count;
  }

  uint32_t list(const Bucket& bucket, uint32_t* slots, uint32_t room) const {
    uint32_t count = 0;
    for (uint32_t block = bucket.first; block != kNone && count < room; block = blocks_[block].next) {
      const uint32_t here = std::min(in_block(bucket, block), room - count);
      std::copy_n(blocks_[block].slots, here, slots + count);
      count += here;
    }
    return count;
  }

  std::vector<Bucket> buckets_;
  HugeArray<Block> blocks_;  // at most one of a bucket is not full, which bounds them
  HugeArray<uint32_t> places_;
  uint32_t free_ = kNone;
  uint32_t used_high_ = kNone + 1;
  uint32_t cursor_ = 0;  // the bucket looked at, in ticks of 256 ms
};

}  // namespace microcloud
