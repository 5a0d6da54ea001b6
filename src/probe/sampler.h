// Random sampling of packets: one out of each N that follow one another (RFC 5475, 5.2.1: n-out-of-N with n = 1), so
// what was taken, times N, is what there was, to less than N packets. And a cheaper choice for checks.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>

namespace microcloud {

/// Draws once a packet that is taken, and costs nothing for the others. One thread's own.
class Sampler {
 public:
  /// `interval` 1 takes every packet. The same seed takes the same ones.
  Sampler(uint32_t interval, uint64_t seed) : interval_(interval), state_(seed) {
    assert(interval > 0);
    next_ = place_ = draw();
  }

  bool takes_all() const { return interval_ == 1; }

  /// Which of the next `count` packets are taken, at most 64: a bit each.
  uint64_t take(size_t count) {
    assert(count <= 64);
    uint64_t taken = 0;
    while (next_ < count) {
      taken |= uint64_t{1} << next_;
      const uint32_t place = draw();
      next_ += uint64_t{interval_} - place_ + place;
      place_ = place;
    }
    next_ -= count;
    return taken;
  }

 private:
  /// A place among N packets: splitmix64 (Steele, Lea, Flood 2014), scaled.
  uint32_t draw() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t mixed = state_;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    mixed ^= mixed >> 31;
    return static_cast<uint32_t>((mixed >> 32) * interval_ >> 32);
  }

  uint32_t interval_;
  uint64_t state_;
  uint64_t next_;       // packets until the one that is taken
  uint32_t place_ = 0;  // of that one among its N
};

/// Picks one packet out of 64 on average, at steps of 1 to 127 that are left to chance: for what shall cost next to
/// nothing, and where a share need not be exact. One thread's own.
class RandomPicks {
 public:
  static constexpr uint32_t kOneIn = 64;

  /// The same seed picks the same ones.
  explicit RandomPicks(uint64_t seed) : state_(2 * seed + 1) { next_ = step() / 2; }

  /// Which of the next `count` packets are picked, at most 64: a bit each.
  uint64_t pick(size_t count) {
    assert(count <= 64);
    uint64_t picked = 0;
    for (; next_ < count; next_ += step()) picked |= uint64_t{1} << next_;
    next_ -= count;
    return picked;
  }

 private:
  /// 0 to 127, where 0 picks the same one again: so it is as if it had been 1 to 127, on average 64. The highest bits
  /// of a multiplicative congruential generator (multiplier: Steele and Vigna 2022).
  size_t step() {
    state_ *= 0xf1357aea2e62a9c5;
    return state_ >> 57;
  }

  uint64_t state_;  // odd
  size_t next_;     // packets until the one that is picked
};

}  // namespace microcloud
