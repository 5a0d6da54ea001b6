// From a key's hash to slots: buckets of eight entries, one cache line each, compared at once; it doubles as flows
// come.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <utility>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/huge_array.h"

namespace microcloud {

/// An entry is a tag (half of the hash, never zero) and a slot. Equal tags are told apart by the caller. What does not
/// fit into its own bucket stands in one of the following ones; behind a bucket with room there is nothing of it.
class FlowIndex {
 public:
  static constexpr uint32_t kNone = 0xffffffff;

  FlowIndex() : FlowIndex(0) {}
  /// With room for so many entries: it does not grow up to there.
  explicit FlowIndex(size_t entries, Pages pages = Pages::Huge)
      : buckets_(std::max(kFewestBuckets, std::bit_ceil(entries * 8 / (kEntries * 5) + 1)), pages),
        mask_(static_cast<uint32_t>(buckets_.size() - 1)) {}

  static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash >> 32) | kTagBit; }
  void prefetch(uint32_t tag) const { __builtin_prefetch(&buckets_[home(tag)]); }

  /// The first slot with this tag for which `is_it(slot)`, or kNone.
  template <typename Match>
  uint32_t find(uint32_t tag, const Match& is_it) const {
    for (uint32_t at = home(tag);; at = (at + 1) & mask_) {
      const Bucket& bucket = buckets_[at];
      for (unsigned same = equal_tags(bucket, tag); same != 0; same &= same - 1) {
        const uint32_t slot = bucket.slots[static_cast<unsigned>(__builtin_ctz(same))];
        if (is_it(slot)) [[likely]]
          return slot;
      }
      if (equal_tags(bucket, kEmpty) != 0) [[likely]]
        return kNone;
    }
  }

  void insert(uint32_t tag, uint32_t slot) {
    if ((count_ + 1) * 8 > buckets_.size() * kEntries * 5) grow();
    place(tag, slot);
    ++count_;
  }

  /// The entry must be there.
  void erase(uint32_t tag, uint32_t slot) {
    uint32_t at = home(tag);
    unsigned entry = position(buckets_[at], tag, slot);
    while (entry == kEntries) {
      at = (at + 1) & mask_;
      entry = position(buckets_[at], tag, slot);
    }
    --count_;
    fill_hole(at, entry);
  }

 private:
  static constexpr unsigned kEntries = 8;
  static constexpr uint32_t kEmpty = 0;
  static constexpr uint32_t kTagBit = 1U << 31;  // keeps a tag from being kEmpty; homes are taken from the other bits
  static constexpr size_t kFewestBuckets = 512;

  struct alignas(64) Bucket {
    std::array<uint32_t, kEntries> tags;
    std::array<uint32_t, kEntries> slots;
  };

#ifdef __SSE2__
  static const __m128i* vector_at(const Bucket& bucket, unsigned entry) {
    return static_cast<const __m128i*>(static_cast<const void*>(&bucket.tags[entry]));
  }
#endif
  uint32_t home(uint32_t tag) const { return tag & mask_; }

  /// A bit for each entry with this tag.
  static unsigned equal_tags(const Bucket& bucket, uint32_t tag) {
#ifdef __SSE2__
    const __m128i wanted = _mm_set1_epi32(static_cast<int>(tag));
    const __m128i low = _mm_cmpeq_epi32(_mm_load_si128(vector_at(bucket, 0)), wanted);
    const __m128i high = _mm_cmpeq_epi32(_mm_load_si128(vector_at(bucket, 4)), wanted);
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(low, high), _mm_setzero_si128())));
#else
    unsigned bits = 0;
    for (unsigned entry = 0; entry < kEntries; ++entry)
      bits |= static_cast<unsigned>(bucket.tags[entry] == tag) << entry;
    return bits;
#endif
  }

  static unsigned position(const Bucket& bucket, uint32_t tag, uint32_t slot) {
    for (unsigned same = equal_tags(bucket, tag); same != 0; same &= same - 1) {
      const auto entry = static_cast<unsigned>(__builtin_ctz(same));
      if (bucket.slots[entry] == slot) return entry;
    }
    return kEntries;
  }

  void place(uint32_t tag, uint32_t slot) {
    uint32_t at = home(tag);
    unsigned empty = equal_tags(buckets_[at], kEmpty);
    while (empty == 0) {
      at = (at + 1) & mask_;
      empty = equal_tags(buckets_[at], kEmpty);
    }
    const auto entry = static_cast<unsigned>(__builtin_ctz(empty));
    buckets_[at].tags[entry] = tag;
    buckets_[at].slots[entry] = slot;
  }

  /// Empties an entry. If its bucket was full, something behind may belong to it or before it: that moves here, and
  /// leaves a hole of its own.
  void fill_hole(uint32_t hole, unsigned entry) {
    bool was_full = equal_tags(buckets_[hole], kEmpty) == 0;
    buckets_[hole].tags[entry] = kEmpty;
    for (uint32_t at = (hole + 1) & mask_; was_full; at = (at + 1) & mask_) {
      Bucket& bucket = buckets_[at];
      was_full = equal_tags(bucket, kEmpty) == 0;
      for (unsigned other = 0; other < kEntries; ++other) {
        if (bucket.tags[other] == kEmpty || ((at - home(bucket.tags[other])) & mask_) < ((at - hole) & mask_)) continue;
        buckets_[hole].tags[entry] = bucket.tags[other];
        buckets_[hole].slots[entry] = bucket.slots[other];
        bucket.tags[other] = kEmpty;
        hole = at;
        entry = other;
        break;
      }
    }
  }

  void grow() {
    HugeArray<Bucket> old = std::move(buckets_);
    buckets_ = HugeArray<Bucket>(old.size() * 2);
    mask_ = static_cast<uint32_t>(buckets_.size() - 1);
    for (size_t at = 0; at < old.size(); ++at) {
      for (unsigned entry = 0; entry < kEntries; ++entry) {
        if (old[at].tags[entry] != kEmpty) place(old[at].tags[entry], old[at].slots[entry]);
      }
    }
  }

  HugeArray<Bucket> buckets_;
  uint32_t mask_;
  size_t count_ = 0;
};

}  // namespace microcloud
