// Counting by sequence numbers, and jitter.
#include "protocols/wire/rtp_counts.h"

#include <gtest/gtest.h>

namespace microcloud {
namespace {

TEST(RtpCounts, EachThirtyThirdPacketIsLost) {
  RtpCounts counts;
  uint64_t dropped = 0;
  for (uint32_t at = 0; at < 100'000; ++at) {
    if (at % 100 < 3 && at > 3) {
      ++dropped;
    } else {
      counts.add(static_cast<uint16_t>(65'000 + at));
    }
  }
  EXPECT_EQ(counts.expected(), 100'000U) << "over the wrap of the sequence numbers, more than once";
  EXPECT_EQ(counts.lost(), static_cast<int64_t>(dropped));
  EXPECT_EQ(counts.packets(), 100'000U - dropped);
  EXPECT_EQ(counts.duplicates() + counts.reordered(), 0U);
}

TEST(RtpCounts, DuplicatesAndLatePackets) {
  RtpCounts counts;
  for (const int sequence : {10, 11, 13, 12, 12, 14, 14}) counts.add(static_cast<uint16_t>(sequence));
  EXPECT_EQ(counts.packets(), 7U);
  EXPECT_EQ(counts.expected(), 5U);
  EXPECT_EQ(counts.lost(), -2);
  EXPECT_EQ(counts.duplicates(), 2U);
  EXPECT_EQ(counts.reordered(), 1U);
  EXPECT_EQ(loss_percent(counts.expected(), counts.packets(), counts.duplicates()), 0);
  EXPECT_EQ(loss_percent(100, 99, 2), 3);
  EXPECT_EQ(loss_percent(0, 0, 0), 0);
  counts.add(9);
  EXPECT_EQ(counts.expected(), 6U) << "the first one was not the first one";
}

TEST(RtpCounts, LatePacketsAroundTheWrap) {
  RtpCounts counts;
  for (const int sequence : {65'534, 0, 65'535, 1}) counts.add(static_cast<uint16_t>(sequence));
  EXPECT_EQ(counts.expected(), 4U);
  EXPECT_EQ(counts.lost(), 0);
  EXPECT_EQ(counts.reordered(), 1U);
}

TEST(RtpCounts, TheWholeWindowOfLatePackets) {
  for (uint16_t back = 1; back + 1 < RtpCounts::kMaxMisorder; ++back) {
    RtpCounts counts;
    counts.add(1000);
    counts.add(static_cast<uint16_t>(1001 + back));
    EXPECT_EQ(counts.add(1001), RtpCounts::Seen::New) << back;
    EXPECT_EQ(counts.add(1001), RtpCounts::Seen::Duplicate) << back;
    EXPECT_EQ(counts.add(1000), RtpCounts::Seen::Duplicate) << back;
  }
}

TEST(RtpCounts, ASenderThatBeginsAnew) {
  RtpCounts counts;
  for (uint16_t at = 0; at < 10; ++at) counts.add(at);
  EXPECT_EQ(counts.add(40'000), RtpCounts::Seen::Stray) << "one alone is an accident";
  EXPECT_EQ(counts.packets(), 10U);
  EXPECT_EQ(counts.add(40'001), RtpCounts::Seen::New);
  counts.add(40'002);
  EXPECT_EQ(counts.packets(), 13U);
  EXPECT_EQ(counts.expected(), 13U);
  EXPECT_EQ(counts.lost(), 0);
}

TEST(RtpCounts, TwoInARowAreNoAccident) {
  RtpCounts counts;
  counts.add(5);
  EXPECT_FALSE(counts.valid());
  counts.add(9);
  EXPECT_FALSE(counts.valid());
  counts.add(10);
  EXPECT_TRUE(counts.valid());
  EXPECT_EQ(counts.expected(), 6U) << "what came before counts, too";
}

TEST(RtpJitter, IsThatOfRfc3550) {
  RtpJitter jitter;
  jitter.add(1'000'000, 0, 8000);
  EXPECT_FALSE(jitter.known());
  jitter.add(1'020'000, 160, 8000);  // just in time
  EXPECT_EQ(jitter.max_us(), 0U);
  jitter.add(1'056'000, 320, 8000);  // 16 ms late: 1 ms after one sixteenth
  EXPECT_EQ(jitter.max_us(), 1000U);
  jitter.add(1'060'000, 480, 8000);  // and 16 ms early against it: 1000 + (16000 - 1000) / 16
  EXPECT_EQ(jitter.max_us(), 1937U);
  EXPECT_EQ(jitter.mean_us(), 979U);
}

TEST(RtpJitter, ManyPacketsComeToTheMeanDifference) {
  RtpJitter jitter;
  for (uint32_t at = 0; at < 10'000; ++at) jitter.add(20'000 * int64_t{at} + (at % 2) * 4'000, 160 * at, 8000);
  EXPECT_NEAR(jitter.mean_us(), 4'000, 40);
}

TEST(RtpJitter, AHoldIsNoDelay) {
  RtpJitter jitter;
  for (uint32_t at = 0; at < 10; ++at) jitter.add(20'000 * int64_t{at}, 160 * at, 8000);
  jitter.add(60'000'000, 1600, 8000);
  jitter.add(60'020'000, 1760, 8000);
  EXPECT_EQ(jitter.max_us(), 0U);
  jitter.add(60'040'000, 5, 16000);
  EXPECT_EQ(jitter.max_us(), 0U) << "another clock begins anew";
  jitter.add(60'060'000, 5, 0);
  EXPECT_EQ(jitter.max_us(), 0U);
}

}  // namespace
}  // namespace microcloud
