// The time that drives timeouts: the packets' own, made to never go back.
#pragma once

#include <cstdint>

namespace microcloud {

/// The clock is the largest timestamp seen, and earlier packets do not move it. A step back of more than a minute
/// starts a new epoch: the clock follows, ticks stand still, so nothing expires by it. A jump forward counts as
/// kLongestStep at most: long enough to end every flow, short enough for 32 bits of milliseconds to stay unambiguous.
class FlowClock {
 public:
  static constexpr int64_t kEpochStepUs = 60'000'000;
  static constexpr int64_t kLongestStepUs = int64_t{14} * 86'400 * 1'000'000;

  /// Takes a packet's time (microseconds since 1970) and returns the tick in milliseconds.
  uint32_t advance(int64_t time_us) {
    const int64_t step = time_us - latest_us_;
    if (step > 0) [[likely]] {
      latest_us_ = time_us;
      ticked_us_ += static_cast<uint64_t>(step < kLongestStepUs ? step : kLongestStepUs);
    } else if (step < -kEpochStepUs) {
      latest_us_ = time_us;
    }
    return tick_ms();
  }
  uint32_t tick_ms() const { return static_cast<uint32_t>(ticked_us_ / 1000); }
  int64_t latest_us() const { return latest_us_; }

 private:
  int64_t latest_us_ = 0;  // the first packet is a jump like others
  uint64_t ticked_us_ = 0;
};

}  // namespace microcloud
