// How long to wait before a peer is tried again: longer each time, and by chance a little more or less, so that many
// do not come at once.
#pragma once

#include <chrono>
#include <cstdint>

namespace microcloud {

class BackOff {
 public:
  using Duration = std::chrono::milliseconds;
  struct Limits {
    Duration first{250};
    Duration longest{15'000};
  };
  BackOff(Limits limits, uint64_t seed) : limits_(limits), state_(seed) {}
  explicit BackOff(uint64_t seed) : BackOff(Limits{}, seed) {}

  /// The next wait: three quarters to five quarters of `first`, of twice that, and so on up to `longest`.
  Duration next();
  void reset() { step_ = Duration{0}; }

 private:
  Limits limits_;
  uint64_t state_;
  Duration step_{0};
};

}  // namespace microcloud
