// Log-linear buckets: so many values took so long, within 1.6 %, from microseconds to over an hour; buckets of several
// observers add up.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace microcloud {

/// A bucket holds the values that have their six highest bits in common: 32 buckets in each doubling, and below 64 each
/// value its own. Its middle is at most one part in 64 off.
struct LogLinear {
  static constexpr unsigned kBits = 6;
  static constexpr size_t kBuckets = (size_t{1} << kBits) + (32 - kBits) * (size_t{1} << (kBits - 1));

  static constexpr size_t bucket(uint32_t value) {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    if (width <= kBits) return value;
    const unsigned shift = width - kBits;
    return (size_t{1} << kBits) + (shift - 1) * (size_t{1} << (kBits - 1)) + (value >> shift) -
           (size_t{1} << (kBits - 1));
  }
  /// The smallest value of a bucket.
  static constexpr uint32_t lower(size_t bucket) {
    if (bucket < size_t{1} << kBits) return static_cast<uint32_t>(bucket);
    const size_t behind = bucket - (size_t{1} << kBits);
    const auto shift = static_cast<unsigned>(behind >> (kBits - 1)) + 1;
    const size_t high = (behind & ((size_t{1} << (kBits - 1)) - 1)) + (size_t{1} << (kBits - 1));
    return static_cast<uint32_t>(high << shift);
  }
  /// What stands for all values of the bucket that begins with `lower`: its middle.
  static constexpr double middle(uint32_t lower) {
    const auto width = static_cast<unsigned>(std::bit_width(lower));
    return width <= kBits ? lower : lower + static_cast<double>((uint32_t{1} << (width - kBits)) - 1) / 2;
  }
};

}  // namespace microcloud
