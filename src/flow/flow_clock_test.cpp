#include "flow/flow_clock.h"

#include <gtest/gtest.h>

#include <random>

namespace microcloud {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kStart = 1'700'000'000 * kSecond;
constexpr int64_t kYear = 365 * 86'400 * kSecond;

/// A clock that has seen its first packet.
class Clock {
 public:
  explicit Clock(int64_t first_us = kStart) { from_ = clock.advance(first_us); }
  /// Milliseconds since the first packet.
  uint32_t tick(int64_t time_us) { return clock.advance(time_us) - from_; }
  FlowClock clock;

 private:
  uint32_t from_;
};

TEST(FlowClock, FollowsTheLargestTimeSeen) {
  Clock clock;
  EXPECT_EQ(clock.tick(kStart + 1500), 1U);
  EXPECT_EQ(clock.tick(kStart + 10 * kSecond), 10'000U);
  EXPECT_EQ(clock.clock.latest_us(), kStart + 10 * kSecond);
}

TEST(FlowClock, FractionsOfMillisecondsAddUp) {
  Clock clock;
  for (int step = 1; step <= 10'000; ++step) clock.clock.advance(kStart + step * 100);
  EXPECT_EQ(clock.tick(kStart + 10'000 * 100), 1000U);
}

TEST(FlowClock, SmallStepBackDoesNotMoveIt) {
  Clock clock;
  EXPECT_EQ(clock.tick(kStart + 100 * kSecond), 100'000U);
  EXPECT_EQ(clock.tick(kStart + 40 * kSecond), 100'000U) << "a minute is still small";
  EXPECT_EQ(clock.clock.latest_us(), kStart + 100 * kSecond);
  EXPECT_EQ(clock.tick(kStart + 99 * kSecond), 100'000U);
  EXPECT_EQ(clock.tick(kStart + 101 * kSecond), 101'000U);
}

TEST(FlowClock, LargeStepBackBeginsANewEpochInWhichTimeGoesOn) {
  Clock clock;
  EXPECT_EQ(clock.tick(kStart + 100 * kSecond), 100'000U);
  EXPECT_EQ(clock.tick(kStart + 39 * kSecond), 100'000U) << "nothing expires by it";
  EXPECT_EQ(clock.clock.latest_us(), kStart + 39 * kSecond);
  EXPECT_EQ(clock.tick(kStart + 40 * kSecond), 101'000U);
  EXPECT_EQ(clock.tick(kStart - kYear), 101'000U);
  EXPECT_EQ(clock.tick(kStart - kYear + 2 * kSecond), 103'000U);
}

TEST(FlowClock, JumpOfYearsCountsAsTwoWeeks) {
  Clock clock;
  constexpr uint32_t kTwoWeeksMs = 14 * 86'400 * 1000;
  EXPECT_EQ(clock.tick(kStart + 10 * kYear), kTwoWeeksMs);
  EXPECT_EQ(clock.clock.latest_us(), kStart + 10 * kYear);
  EXPECT_EQ(clock.tick(kStart + 10 * kYear + kSecond), kTwoWeeksMs + 1000);
}

TEST(FlowClock, TimesBefore1970AndExtremesAreTaken) {
  Clock before(-5 * kSecond);
  EXPECT_EQ(before.tick(-4 * kSecond) <= 1000U, true);
  Clock clock;
  clock.tick(int64_t{1} << 62);
  const uint32_t tick = clock.tick(0);
  EXPECT_EQ(clock.tick(kSecond), tick + 1000);
}

TEST(FlowClock, NeverGoesBackWhateverTheTimes) {
  std::mt19937_64 random(4);
  Clock clock;
  uint32_t last = 0;
  int64_t time_us = kStart;
  for (int round = 0; round < 100'000; ++round) {
    switch (random() % 50) {
      case 0:
        time_us += static_cast<int64_t>(random() % kYear);
        break;
      case 1:
        time_us -= static_cast<int64_t>(random() % kYear);
        break;
      default:
        time_us += static_cast<int64_t>(random() % (4 * kSecond)) - kSecond;
        break;
    }
    const uint32_t tick = clock.tick(time_us);
    ASSERT_LT(tick - last, 0x80000000U);
    last = tick;
  }
}

}  // namespace
}  // namespace microcloud
