// Which flow goes when the table is full, held against a list of when each had its last packet.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "flow/flow_test_bed.h"

namespace microcloud {
namespace {

constexpr int64_t kBucketMs = 256;  // the table's own precision

class Eviction : public testing::TestWithParam<uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Capacity, Eviction, testing::Values(5U, 40U, 600U), testing::PrintToStringParamName());

TEST_P(Eviction, TakesTheFlowThatWasIdleLongest) {
  const uint32_t capacity = GetParam();
  FlowBed bed({.capacity = capacity, .active_ms = 100'000'000, .idle_ms = 60'000});
  std::mt19937 random(capacity);
  std::map<uint16_t, int64_t> last_ms;  // of the flows that are open
  uint64_t evicted = 0;
  int64_t now_us = 0;
  for (uint32_t number = 0; number < 20 * capacity + 2000; ++number) {
    now_us += static_cast<int64_t>(random() % (8'000'000 / capacity));
    // A few ports come up all the time, others once in a while.
    const uint32_t spread = random() % 2 == 0 ? capacity / 4 + 1 : capacity * 5;
    const auto port = static_cast<uint16_t>(1 + random() % spread);
    bed.pass(now_us);
    for (const Told& told : bed.told()) last_ms.erase(told.common.source_port);
    bed.frame(now_us, udp(true, 1, port));
    for (const Told& told : bed.told()) {
      ASSERT_EQ(told.flow.end_reason, static_cast<uint8_t>(EndReason::LackOfResources));
      ++evicted;
      const int64_t its_last = last_ms.at(told.common.source_port);
      last_ms.erase(told.common.source_port);
      for (const auto& [other, at] : last_ms) {
        ASSERT_LE(its_last, at + kBucketMs) << "flow " << other << " was idle for longer, at packet " << number;
      }
    }
    last_ms[port] = now_us / 1000;
    ASSERT_LE(last_ms.size(), capacity);
  }
  EXPECT_GT(evicted, capacity);
  EXPECT_EQ(bed.table.counters().evicted.get(), evicted);
}

TEST(EvictionOfClosed, ConnectionThatIsOverGoesFirst) {
  FlowBed bed({.capacity = 3});
  TcpTalk talk(bed, true);
  bed.frame(0, udp(true, 1, 1));
  bed.frame(1 * kSecond, udp(true, 1, 2));
  talk.client(2 * kSecond, {.seq = 1, .flags = tools::kRst});
  bed.frame(2 * kSecond + 1, udp(true, 1, 3));
  const Told told = bed.only();
  EXPECT_EQ(told.common.protocol, 6);
  EXPECT_EQ(told.flow.end_reason, static_cast<uint8_t>(EndReason::Ended));
  EXPECT_EQ(bed.table.counters().evicted.get(), 0U) << "it had ended before";
}

}  // namespace
}  // namespace microcloud
