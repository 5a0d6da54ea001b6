#include "probe/record_ring.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>

namespace microcloud {
namespace {

struct Body {
  uint64_t number = 0;
  std::array<uint8_t, 200> filling{};
};
const RecordType kType{"toy", "toy", {}, sizeof(Body)};
const RecordType kOther{"other", "other", {}, sizeof(uint64_t)};

bool put(RecordRing& ring, uint64_t number) {
  Common common;
  common.flow_id = number * 3;
  Body body;
  body.number = number;
  body.filling.fill(static_cast<uint8_t>(number));
  const uint64_t before = ring.dropped();
  ring.put({&kType, &common, &body});
  return ring.dropped() == before;
}

/// The next record, which must be there.
RecordRing::Item next(RecordRing& ring) {
  const std::optional<RecordRing::Item> item = ring.read();
  EXPECT_TRUE(item.has_value());
  return item.value_or(RecordRing::Item{});
}

void expect_record(const RecordRing::Item& item, uint64_t number) {
  ASSERT_EQ(item.type, &kType);
  EXPECT_EQ(item.common->flow_id, number * 3);
  Body body;
  std::memcpy(&body, item.body, sizeof body);
  EXPECT_EQ(body.number, number);
  EXPECT_EQ(body.filling.back(), static_cast<uint8_t>(number));
}

TEST(RecordRing, CarriesRecordsOfAnyType) {
  RecordRing ring(1 << 16, false);
  put(ring, 5);
  Common common;
  common.flow_id = 9;
  common.icmp_type_code = 0x0800;
  const uint64_t other = 77;
  ring.put({&kOther, &common, &other});
  EXPECT_FALSE(ring.read().has_value()) << "not published";
  ring.publish();
  expect_record(next(ring), 5);
  const RecordRing::Item item = next(ring);
  EXPECT_EQ(item.type, &kOther);
  EXPECT_EQ(item.common->icmp_type_code, 0x0800);
  uint64_t read = 0;
  std::memcpy(&read, item.body, sizeof read);
  EXPECT_EQ(read, 77U);
  ring.release();
  EXPECT_TRUE(ring.empty());
}

TEST(RecordRing, FullRingDropsAndCountsWhenLive) {
  RecordRing ring(1 << 14, false);
  constexpr uint64_t kPut = 500;
  uint64_t kept = 0;
  for (uint64_t number = 0; number < kPut; ++number) kept += put(ring, number) ? 1U : 0U;
  EXPECT_GT(kept, 10U);
  EXPECT_EQ(ring.dropped(), kPut - kept);
  ring.publish();
  for (uint64_t number = 0; number < kept; ++number) expect_record(next(ring), number);
  EXPECT_FALSE(ring.read().has_value());
  ring.release();
  EXPECT_TRUE(put(ring, 1)) << "there is room again";
}

/// Puts `count` records on its own thread while this one takes them slowly.
void expect_all_arrive(RecordRing& ring, uint64_t count) {
  std::thread worker([&ring, count] {
    for (uint64_t number = 0; number < count; ++number) put(ring, number);
    ring.publish();
  });
  uint64_t arrived = 0;
  const auto begun = std::chrono::steady_clock::now();
  while (arrived < count && std::chrono::steady_clock::now() - begun < std::chrono::seconds(30)) {
    if (const auto item = ring.read()) {
      expect_record(*item, arrived++);
      if (arrived % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ring.release();
  }
  worker.join();
  EXPECT_EQ(arrived, count);
  EXPECT_EQ(ring.dropped(), 0U);
}

TEST(RecordRing, FullRingMakesTheWorkerWaitOnAFile) {
  RecordRing ring(1 << 14, true);
  expect_all_arrive(ring, 5000);
}

TEST(RecordRing, WaitsOnceItIsTold) {
  RecordRing ring(1 << 14, false);
  ring.wait_when_full();
  expect_all_arrive(ring, 500);
}

}  // namespace
}  // namespace microcloud
