// How long something took, many times: counts in log-linear buckets, four in each doubling, from 128 us to over a
// minute.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/counter.h"

namespace microcloud {

/// Counts of a histogram at one moment; those of several add up.
struct HistogramCounts {
  static constexpr unsigned kFirstBit = 7;  // the first bucket ends at 128 us
  static constexpr unsigned kDoublings = 19;
  static constexpr unsigned kParts = 4;
  /// The last one holds all that is longer than the others.
  static constexpr size_t kBuckets = kDoublings * kParts + 2;

  std::array<uint64_t, kBuckets> counts{};
  uint64_t sum_us = 0;

  /// The largest value that bucket `at` holds; of the last one there is none (UINT64_MAX).
  static uint64_t upper_us(size_t at);
  static size_t bucket(uint64_t value_us);

  void add(const HistogramCounts& more);
  uint64_t count() const;
  /// So large are at most `share` (0 to 1) of the values: within a bucket by its width, so by an eighth off at most;
  /// beyond the last bound that bound. 0: there are no values.
  double quantile_us(double share) const;
  /// `1024:5 1280:9`: upper bounds in us and counts of the buckets that hold something; `+Inf` is the last one's.
  std::string text() const;
};

/// One thread observes, any thread reads.
class Histogram {
 public:
  void observe(uint64_t value_us) {
    counts_[HistogramCounts::bucket(value_us)].add();
    sum_us_.add(value_us);
  }
  HistogramCounts read() const;

 private:
  std::array<Counter, HistogramCounts::kBuckets> counts_{};
  Counter sum_us_;
};

}  // namespace microcloud
