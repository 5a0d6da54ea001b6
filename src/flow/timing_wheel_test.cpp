#include "flow/timing_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <vector>

namespace microcloud {
namespace {

/// All that is due, taken out.
std::set<uint32_t> take_due(TimingWheel& wheel, uint32_t tick_ms, uint32_t room = 16) {
  std::set<uint32_t> all;
  std::vector<uint32_t> slots(room);
  for (;;) {
    const uint32_t count = wheel.take_due(tick_ms, slots.data(), room);
    for (uint32_t at = 0; at < count; ++at) EXPECT_TRUE(all.insert(slots[at]).second);
    if (count == 0) return all;
  }
}

TEST(TimingWheel, GivesWhatIsDueAndNothingBefore) {
  TimingWheel wheel(10);
  wheel.start(5000);
  wheel.add(1, 6000);
  wheel.add(2, 7000);
  wheel.add(3, 7001);
  EXPECT_TRUE(take_due(wheel, 5999).empty());
  EXPECT_EQ(take_due(wheel, 6000 + 256), (std::set<uint32_t>{1}));
  EXPECT_EQ(take_due(wheel, 10'000), (std::set<uint32_t>{2, 3}));
  EXPECT_TRUE(take_due(wheel, 20'000).empty());
}

TEST(TimingWheel, WhatIsTakenOrRemovedIsGone) {
  TimingWheel wheel(10);
  wheel.start(0);
  wheel.add(4, 100);
  wheel.add(5, 100);
  wheel.remove(5);
  wheel.remove(5);
  uint32_t slots[4];
  EXPECT_EQ(wheel.take_due(1000, slots, 4), 1U);
  EXPECT_EQ(slots[0], 4U);
  EXPECT_EQ(wheel.take_due(1000, slots, 4), 0U);
  wheel.remove(4);
  EXPECT_EQ(wheel.take_due(1000, slots, 4), 0U);
}

TEST(TimingWheel, RoomBoundsWhatIsGivenAtOnce) {
  TimingWheel wheel(100);
  wheel.start(0);
  for (uint32_t slot = 0; slot < 100; ++slot) wheel.add(slot, 500);
  uint32_t slots[100];
  std::set<uint32_t> taken;
  for (const uint32_t room : {1U, 7U, 16U}) {
    const uint32_t count = wheel.take_due(1000, slots, room);
    EXPECT_GT(count, 0U);
    EXPECT_LE(count, room);
    taken.insert(slots, slots + count);
  }
  taken.merge(take_due(wheel, 1000, 7));
  EXPECT_EQ(taken.size(), 100U);
}

TEST(TimingWheel, BlocksAreUsedAgain) {
  // As many slots as there may be, in as many buckets as there are, all the time: a block that got lost would be
  // missed.
  constexpr uint32_t kSlots = 3 * TimingWheel::kBuckets;
  constexpr uint32_t kBucketMs = 1U << TimingWheel::kBucketShift;
  TimingWheel wheel(kSlots);
  wheel.start(0);
  std::mt19937 random(3);
  for (uint32_t round = 0; round < 20; ++round) {
    for (uint32_t slot = 0; slot < kSlots; ++slot)
      wheel.add(slot, round % 2 == 0 ? slot % (TimingWheel::kBuckets - 2) * kBucketMs : kBucketMs);
    std::vector<uint32_t> order(kSlots);
    std::iota(order.begin(), order.end(), 0U);
    std::shuffle(order.begin(), order.end(), random);
    for (const uint32_t slot : order) wheel.remove(slot);
  }
  for (uint32_t slot = 0; slot < kSlots; ++slot) wheel.add(slot, slot % 100 * kBucketMs);
  EXPECT_EQ(take_due(wheel, 1'000'000).size(), kSlots);
}

TEST(TimingWheel, SlotThatMovesIsDueAtItsNewTimeOnly) {
  TimingWheel wheel(10);
  wheel.start(0);
  wheel.add(1, 1000);
  wheel.add(2, 1000);
  wheel.add(3, 1000);
  wheel.remove(2);
  wheel.add(2, 9000);
  EXPECT_EQ(take_due(wheel, 5000), (std::set<uint32_t>{1, 3}));
  EXPECT_EQ(take_due(wheel, 10'000), (std::set<uint32_t>{2}));
}

TEST(TimingWheel, NearestAreThoseOfTheEarliestBuckets) {
  TimingWheel wheel(10);
  wheel.start(0);
  uint32_t slots[10];
  uint32_t horizon_ms = 0;
  EXPECT_EQ(wheel.nearest(slots, 10, horizon_ms), 0U);
  wheel.add(1, 90'000);
  wheel.add(2, 60'000);
  wheel.add(3, 60'000);
  ASSERT_EQ(wheel.nearest(slots, 2, horizon_ms), 2U);
  EXPECT_EQ(slots[0], 2U);
  EXPECT_EQ(slots[1], 3U);
  EXPECT_LE(horizon_ms, 90'000U);
  ASSERT_EQ(wheel.nearest(slots, 10, horizon_ms), 3U);
  EXPECT_EQ(slots[2], 1U);
}

TEST(TimingWheel, DeadlineThatHasPassedIsDueAtOnce) {
  TimingWheel wheel(10);
  wheel.start(100'000);
  wheel.add(1, 50'000);
  EXPECT_EQ(take_due(wheel, 100'000), (std::set<uint32_t>{1}));
}

TEST(TimingWheel, JumpOfMoreThanATurnGivesEverything) {
  TimingWheel wheel(1000);
  wheel.start(0);
  for (uint32_t slot = 0; slot < 1000; ++slot) wheel.add(slot, slot * 1000);
  EXPECT_EQ(take_due(wheel, 14U * 86'400'000).size(), 1000U);
  wheel.add(5, 14U * 86'400'000 + 1000);
  EXPECT_TRUE(take_due(wheel, 14U * 86'400'000 + 999).empty());
  EXPECT_EQ(take_due(wheel, 14U * 86'400'000 + 2000).size(), 1U);
}

TEST(TimingWheel, DeadlinesBeyondItsSpanAndAcrossTheWrapOfTicks) {
  // A flow table looks at what it is given and puts it back while it is early: so does this model.
  constexpr uint32_t kSlots = 500;
  std::mt19937 random(9);
  TimingWheel wheel(kSlots);
  uint64_t now = 0xffffffffU - 3'600'000U;  // ticks wrap after an hour
  wheel.start(static_cast<uint32_t>(now));
  std::map<uint32_t, uint64_t> deadlines;
  for (int round = 0; round < 20'000; ++round) {
    const auto slot = static_cast<uint32_t>(random() % kSlots);
    if (!deadlines.contains(slot)) {
      deadlines[slot] =
          now + 1 + random() % (round % 10 == 0 ? 7'200'000 : 60'000);  // two hours: beyond the ring's 17 minutes
      wheel.add(slot, static_cast<uint32_t>(deadlines[slot]));
    }
    now += round % 1000 == 0 ? 3'000'000 : random() % 1000;
    for (const uint32_t due : take_due(wheel, static_cast<uint32_t>(now))) {
      ASSERT_TRUE(deadlines.contains(due));
      if (deadlines[due] > now) {
        wheel.add(due, static_cast<uint32_t>(deadlines[due]));
      } else {
        deadlines.erase(due);
      }
    }
    for (const auto& [left, deadline] : deadlines)
      ASSERT_GT(deadline + 256, now) << "slot " << left << " was forgotten";
  }
}

}  // namespace
}  // namespace microcloud
