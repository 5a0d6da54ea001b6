#include "probe/time_order.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace microcloud {
namespace {

/// A packet whose only octets of payload are its time.
bool put(TimeOrder& order, size_t input, int64_t time_us, size_t size = sizeof(int64_t)) {
  std::vector<uint8_t> bytes(size);
  std::memcpy(bytes.data(), &time_us, sizeof time_us);
  Packet packet{};
  packet.time_us = time_us;
  packet.frame = bytes.data();
  packet.payload_captured = static_cast<uint16_t>(size);
  packet.ip_at = kNoIp;
  return order.put(input, packet);
}

std::vector<int64_t> take(TimeOrder& order, size_t most = 64) {
  std::array<Packet, 64> packets;
  const size_t count = order.take(std::span(packets).first(most));
  std::vector<int64_t> times;
  for (const Packet& packet : std::span(packets).first(count)) {
    int64_t in_frame = 0;
    std::memcpy(&in_frame, packet.frame, sizeof in_frame);
    EXPECT_EQ(in_frame, packet.time_us);
    times.push_back(packet.time_us);
  }
  order.release();
  return times;
}

using Times = std::vector<int64_t>;

TEST(TimeOrder, BringsAllQueuesIntoOneOrder) {
  Handover inbox(1 << 16);
  TimeOrder order(2, {&inbox});
  for (const int64_t time : {10, 40, 41, 70}) put(order, 0, time);
  for (const int64_t time : {20, 50}) put(order, 1, time);
  const int64_t late = 30;
  Packet packet{};
  packet.time_us = late;
  packet.frame = reinterpret_cast<const uint8_t*>(&late);
  packet.payload_captured = sizeof late;
  packet.ip_at = kNoIp;
  ASSERT_TRUE(put_packet(inbox.ring, packet));
  inbox.ring.publish();
  for (const size_t input : {0U, 1U}) order.complete(input, Handover::kEnded);
  inbox.complete_us.store(Handover::kEnded);
  EXPECT_EQ(take(order, 3), (Times{10, 20, 30})) << "no more than there is room for";
  EXPECT_FALSE(order.ended());
  EXPECT_EQ(take(order), (Times{40, 41, 50, 70}));
  EXPECT_TRUE(order.ended());
}

TEST(TimeOrder, WaitsForWhatMayComeFromBefore) {
  TimeOrder order(2, {});
  put(order, 0, 1000);
  put(order, 0, 3000);
  EXPECT_EQ(take(order), Times{}) << "nothing is known of the other input";
  order.complete(1, 999);
  EXPECT_EQ(take(order), Times{});
  order.complete(1, 1000);
  EXPECT_EQ(take(order), Times{1000});
  put(order, 1, 2000);
  EXPECT_EQ(take(order), Times{2000}) << "3000 waits again";
  order.complete(1, 2500);
  EXPECT_EQ(take(order), Times{});
  order.complete(1, Handover::kEnded);
  EXPECT_EQ(take(order), Times{3000});
  EXPECT_FALSE(order.ended()) << "the first input may go on";
  order.complete(0, Handover::kEnded);
  EXPECT_TRUE(order.ended());
}

TEST(TimeOrder, WhatComesTooLateIsTakenAtOnce) {
  TimeOrder order(2, {});
  put(order, 0, 5000);
  order.complete(1, 6000);
  EXPECT_EQ(take(order), Times{5000});
  put(order, 1, 4000);
  EXPECT_EQ(take(order), Times{}) << "the first input said 0, it may still bring 3000";
  order.complete(0, 5000);
  EXPECT_EQ(take(order), Times{4000});
}

TEST(TimeOrder, WaitsForNoneThatIsTooFarBehind) {
  TimeOrder order(2, {});
  order.complete(1, 0);
  put(order, 0, 1000);
  order.complete(0, 999 + TimeOrder::kLongestHoldUs);
  EXPECT_EQ(take(order), Times{});
  order.complete(0, 1000 + TimeOrder::kLongestHoldUs);
  EXPECT_EQ(take(order), Times{1000});
}

TEST(TimeOrder, NothingIsLostWhenAQueueIsFull) {
  constexpr size_t kSize = 60'000;
  TimeOrder order(2, {});
  int64_t number = 0;
  while (number * static_cast<int64_t>(kSize) < static_cast<int64_t>(Handover::kLiveBytes) * 2 / 5) {
    ASSERT_TRUE(put(order, 0, number++, kSize));
    EXPECT_EQ(take(order), Times{});
  }
  while (put(order, 0, number, kSize)) ++number;
  int64_t expected = 0;
  Times times;
  while (!(times = take(order)).empty()) {
    for (const int64_t time : times) EXPECT_EQ(time, expected++);
  }
  EXPECT_LT(expected, number) << "less than half of it waits again";
  EXPECT_GT(expected, number / 3);
  EXPECT_TRUE(put(order, 0, number++, kSize));
  order.complete(1, Handover::kEnded);
  while (!(times = take(order)).empty()) {
    for (const int64_t time : times) EXPECT_EQ(time, expected++);
  }
  EXPECT_EQ(expected, number);
}

}  // namespace
}  // namespace microcloud
