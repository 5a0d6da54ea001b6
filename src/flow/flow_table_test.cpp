// When flows end and what their records add up to: timeouts, slices, a full table, the end of a run, odd clocks.
#include "flow/flow_table.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <random>
#include <set>

#include "flow/flow_test_bed.h"

namespace microcloud {
namespace {

constexpr uint8_t kIdle = 1, kActive = 2, kForced = 4, kLackOfResources = 5;

uint64_t packets_in(const std::vector<Told>& records) {
  return std::accumulate(records.begin(), records.end(), uint64_t{0}, [](uint64_t sum, const Told& told) {
    return sum + told.flow.packets + told.flow.reverse_packets;
  });
}

TEST(FlowTable, OneFlowHasBothDirections) {
  FlowBed bed;
  bed.frame(0, udp(true, 10));
  bed.frame(3 * kMs, udp(false, 100));
  bed.frame(5 * kMs + 700, udp(true, 20));
  bed.pass(100 * kSecond);
  const Told told = bed.only();
  EXPECT_EQ(told.source(), "10.0.0.9:40000");
  EXPECT_EQ(told.destination(), "10.0.0.1:53");
  EXPECT_EQ(told.common.protocol, 17);
  EXPECT_TRUE(told.common.has_ports);
  EXPECT_EQ(told.flow.packets, 2U);
  EXPECT_EQ(told.flow.octets, 2 * 28U + 30);
  EXPECT_EQ(told.flow.reverse_packets, 1U);
  EXPECT_EQ(told.flow.reverse_octets, 128U);
  EXPECT_EQ(told.start_ms(), 0);
  EXPECT_EQ(told.end_ms(), 5);
  EXPECT_EQ(told.flow.end_reason, kIdle);
  EXPECT_EQ(told.flow.slice, 1U);
  EXPECT_EQ(told.flow.tcp_flags, std::nullopt);
  EXPECT_EQ(told.flow.retransmitted, std::nullopt);
}

TEST(FlowTable, FlowEndsOnceItWasIdleLongEnough) {
  FlowBed bed({.capacity = 100, .idle_ms = 10'000});
  bed.frame(0, udp(true, 1));
  bed.pass(9 * kSecond);
  bed.frame(9 * kSecond, udp(true, 1));
  bed.pass(18 * kSecond + 999 * kMs);
  EXPECT_TRUE(bed.told().empty()) << "a packet put its end off";
  bed.pass(19 * kSecond + 300 * kMs);
  EXPECT_EQ(bed.only().flow.packets, 2U);
}

TEST(FlowTable, PacketAfterTheIdleTimeoutBeginsAnotherFlow) {
  FlowBed bed({.capacity = 100, .idle_ms = 10'000});
  bed.frame(0, udp(true, 1));
  bed.frame(9'999 * kMs, udp(true, 1));
  bed.frame(19'999 * kMs, udp(false, 1));  // nobody looked before it came
  const Told first = bed.only();
  EXPECT_EQ(first.flow.packets, 2U);
  EXPECT_EQ(first.flow.end_reason, kIdle);
  bed.finish();
  const Told second = bed.only();
  EXPECT_EQ(second.source(), "10.0.0.1:53") << "its own first packet tells who began it";
  EXPECT_NE(second.common.flow_id, first.common.flow_id);
  EXPECT_EQ(bed.table.counters().created.get(), 2U);
}

TEST(FlowTable, FlowThatWasIdleBeforeItsActiveTimeoutEndedIdle) {
  // Nobody looked before both timeouts had passed.
  FlowBed bed;
  bed.frame(0, udp(true, 1));
  bed.frame(5 * kSecond, udp(true, 1));
  bed.pass(1000 * kSecond);
  EXPECT_EQ(bed.only().flow.end_reason, kIdle);
  bed.frame(1001 * kSecond, udp(true, 1));
  bed.frame(2000 * kSecond, udp(true, 1));
  EXPECT_EQ(bed.only().flow.end_reason, kIdle);
  bed.frame(3000 * kSecond, udp(true, 1, 7));
  bed.finish();
  for (const Told& told : bed.told()) EXPECT_EQ(told.flow.end_reason, told.common.source_port == 7 ? kForced : kIdle);
}

TEST(FlowTable, FlowIdsCountInTheirSteps) {
  FlowBed bed({.capacity = 100, .flow_id_step = 4});
  for (uint16_t port = 1; port <= 3; ++port) bed.frame(0, udp(true, 1, port));
  bed.finish();
  std::set<uint64_t> ids;
  for (const Told& told : bed.told()) ids.insert(told.common.flow_id);
  EXPECT_EQ(ids, (std::set<uint64_t>{1000, 1004, 1008}));
}

TEST(FlowTable, FirstFlowIdOfARunIsBelowTwoToThe53AndGrowsWithTime) {
  EXPECT_LT(first_flow_id(kStartUs), uint64_t{1} << 53);
  EXPECT_LT(first_flow_id(int64_t{253'402'300'799} * kSecond), uint64_t{1} << 53) << "the year 9999";
  EXPECT_EQ(first_flow_id(kStartUs + kSecond) - first_flow_id(kStartUs), 4096U * 1000);
}

TEST(FlowTable, LongFlowIsToldInSlices) {
  FlowBed bed({.capacity = 100, .active_ms = 60'000, .idle_ms = 30'000});
  uint64_t octets = 0;
  for (int second = 0; second < 150; second += 10) {
    const auto size = static_cast<size_t>(second + 1);
    bed.frame(second * kSecond, udp(second % 20 == 0, size));
    bed.pass(second * kSecond);
    octets += 28 + size;
  }
  bed.finish();
  const std::vector<Told> slices = bed.told();
  ASSERT_EQ(slices.size(), 3U);
  for (size_t at = 0; at < slices.size(); ++at) {
    EXPECT_EQ(slices[at].flow.slice, at + 1);
    EXPECT_EQ(slices[at].common.flow_id, slices[0].common.flow_id);
    EXPECT_EQ(slices[at].source(), "10.0.0.9:40000") << "the initiator stays the same";
    EXPECT_EQ(slices[at].flow.end_reason, at == 2 ? kForced : kActive);
    EXPECT_EQ(slices[at].start_ms(), static_cast<int64_t>(at) * 60'000);
  }
  EXPECT_EQ(slices[0].end_ms(), 50'000);
  EXPECT_EQ(slices[2].end_ms(), 140'000);
  EXPECT_EQ(packets_in(slices), 15U);
  uint64_t told_octets = 0;
  for (const Told& told : slices) told_octets += told.flow.octets + told.flow.reverse_octets;
  EXPECT_EQ(told_octets, octets);
}

TEST(FlowTable, SliceEndsWithThePacketThatComesAfterItEvenIfNobodyLooked) {
  FlowBed bed({.capacity = 100, .active_ms = 10'000, .idle_ms = 30'000});
  bed.frame(0, udp(true, 1));
  bed.frame(9'999 * kMs, udp(true, 1));
  EXPECT_TRUE(bed.told().empty());
  bed.frame(10'000 * kMs, udp(true, 1));
  const Told first = bed.only();
  EXPECT_EQ(first.flow.packets, 2U);
  EXPECT_EQ(first.flow.end_reason, kActive);
  bed.finish();
  const Told second = bed.only();
  EXPECT_EQ(second.flow.packets, 1U);
  EXPECT_EQ(second.flow.slice, 2U);
  EXPECT_EQ(second.start_ms(), 10'000);
}

/// Packets at 0, 20 and 39 s; the first slice is told after 40 s.
void first_slice(FlowBed& bed) {
  for (const int second : {0, 20, 39}) {
    bed.frame(second * kSecond, udp(true, 1));
    bed.pass(second * kSecond);
  }
  EXPECT_TRUE(bed.told().empty());
  bed.pass(41 * kSecond);
  const Told told = bed.only();
  EXPECT_EQ(told.flow.end_reason, kActive);
  EXPECT_EQ(told.flow.packets, 3U);
}

TEST(FlowTable, FlowThatIsSilentAfterItsSliceTellsNothingMore) {
  FlowBed bed({.active_ms = 40'000});
  first_slice(bed);
  bed.pass(100 * kSecond);
  EXPECT_TRUE(bed.told().empty());
  EXPECT_EQ(bed.table.counters().open.get(), 0U);
  EXPECT_EQ(bed.table.counters().records.get(), 1U);
}

TEST(FlowTable, SliceBeginsWithItsFirstPacketNotWithTheTimeout) {
  FlowBed bed({.active_ms = 40'000});
  first_slice(bed);
  for (const int second : {60, 80, 95}) {
    bed.frame(second * kSecond, udp(false, 1));
    bed.pass(second * kSecond);
  }
  bed.pass(99 * kSecond);
  EXPECT_TRUE(bed.told().empty()) << "40 s from its packet on";
  bed.pass(101 * kSecond);
  const Told second = bed.only();
  EXPECT_EQ(second.start_ms(), 60'000);
  EXPECT_EQ(second.flow.reverse_packets, 3U);
}

TEST(FlowTable, FinishTellsWhichFlowsHadEnded) {
  FlowBed bed({.capacity = 100, .active_ms = 1'000'000, .idle_ms = 10'000});
  bed.frame(0, udp(true, 1, 1));
  bed.frame(9 * kSecond, udp(true, 1, 2));
  bed.frame(11 * kSecond, udp(true, 1, 3));
  bed.finish();
  std::map<uint16_t, uint8_t> reasons;
  for (const Told& told : bed.told()) reasons[told.common.source_port] = told.flow.end_reason;
  EXPECT_EQ(reasons, (std::map<uint16_t, uint8_t>{{1, kIdle}, {2, kForced}, {3, kForced}}));
  EXPECT_EQ(bed.table.counters().open.get(), 0U);
  bed.finish();
  EXPECT_TRUE(bed.told().empty());
}

TEST(FlowTable, ExpiryIsBoundedByWhatIsAsked) {
  FlowBed bed({.capacity = 1000, .idle_ms = 10'000});
  for (uint16_t port = 1; port <= 300; ++port) bed.frame(0, udp(true, 1, port));
  bed.pass(20 * kSecond, 100);
  EXPECT_EQ(bed.told().size(), 100U);
  bed.pass(20 * kSecond, 150);
  EXPECT_EQ(bed.told().size(), 150U);
  bed.pass(20 * kSecond);
  EXPECT_EQ(bed.told().size(), 50U);
}

TEST(FlowTable, FullTableEndsAFlowAndCountsIt) {
  FlowBed bed({.capacity = 4});
  for (uint16_t port = 1; port <= 4; ++port) bed.frame(port * kSecond, udp(true, port, port));
  EXPECT_TRUE(bed.told().empty());
  bed.frame(5 * kSecond, udp(true, 5, 5));
  const Told evicted = bed.only();
  EXPECT_EQ(evicted.common.source_port, 1);
  EXPECT_EQ(evicted.flow.end_reason, kLackOfResources);
  EXPECT_EQ(evicted.flow.octets, 29U);
  EXPECT_EQ(bed.table.counters().evicted.get(), 1U);
  EXPECT_EQ(bed.table.counters().open.get(), 4U);
  for (uint16_t port = 2; port <= 5; ++port) bed.frame(6 * kSecond, udp(false, 0, port));
  bed.finish();
  const std::vector<Told> others = bed.told();
  ASSERT_EQ(others.size(), 4U);
  for (const Told& told : others) {
    EXPECT_EQ(told.flow.octets, 28U + told.common.source_port) << "the others are intact";
    EXPECT_EQ(told.flow.reverse_packets, 1U);
  }
}

TEST(FlowTable, FloodOfNewFlowsLosesNothing) {
  FlowBed bed({.capacity = 64, .idle_ms = 10'000});
  uint64_t sent = 0;
  for (int number = 0; number < 20'000; ++number) {
    bed.frame(number * 500, udp(true, 1, static_cast<uint16_t>(number % 5000)));
    ++sent;
  }
  bed.finish();
  EXPECT_EQ(packets_in(bed.told()), sent);
  EXPECT_EQ(bed.table.counters().open.get(), 0U);
  EXPECT_GT(bed.table.counters().evicted.get(), 19'000U);
}

TEST(FlowTable, FlowsOfOneBurstMayBeginEndAndEvictEachOther) {
  FlowBed bed({.capacity = 4, .idle_ms = 10'000});
  std::vector<std::pair<int64_t, tools::Packet>> burst;
  for (int number = 0; number < 32; ++number)
    burst.emplace_back(number * kMs, udp(true, 1, static_cast<uint16_t>(number % 8)));
  bed.burst(burst);
  std::vector<std::pair<int64_t, tools::Packet>> later;
  for (int number = 0; number < 32; ++number) {
    later.emplace_back((20 + number * 11) * kSecond, udp(number % 2 == 0, 1, static_cast<uint16_t>(number % 3)));
  }
  bed.burst(later);
  bed.finish();
  EXPECT_EQ(packets_in(bed.told()), 64U);
}

TEST(FlowTable, TimesThatJumpByYearsLoseNothing) {
  constexpr int64_t kYear = 365 * 86'400 * kSecond;
  for (const int64_t jump : {kYear, -kYear, 10 * kYear, -20 * kYear, 61 * kSecond, -61 * kSecond}) {
    FlowBed bed;
    uint64_t sent = 0;
    int64_t now = 0;
    for (int round = 0; round < 8; ++round) {
      for (int second = 0; second < 5; ++second) {
        bed.frame(now + second * kSecond, udp(second % 2 == 0, 7));
        bed.frame(now + second * kSecond, udp(true, 7, static_cast<uint16_t>(round + 1)));
        sent += 2;
        bed.pass(now + second * kSecond);
      }
      now += round % 2 == 0 ? jump : -jump / 2;
    }
    bed.finish();
    const std::vector<Told> records = bed.told();
    EXPECT_EQ(packets_in(records), sent) << jump;
    for (const Told& told : records) EXPECT_LE(told.flow.start.value, told.flow.end.value);
  }
}

TEST(FlowTable, StepBackEndsNoFlowAndJumpForwardEndsAll) {
  constexpr int64_t kDay = 86'400 * kSecond;
  FlowBed bed;
  bed.frame(0, udp(true, 1, 1));
  bed.frame(-30 * kDay, udp(true, 1, 2));
  bed.pass(-30 * kDay);
  EXPECT_TRUE(bed.told().empty());
  bed.frame(-30 * kDay + 20 * kSecond, udp(false, 1, 1));
  bed.pass(-30 * kDay + 29 * kSecond);
  EXPECT_TRUE(bed.told().empty()) << "29 s of traffic have passed";
  bed.pass(3000 * kDay);
  EXPECT_EQ(bed.told().size(), 2U);
}

TEST(FlowTable, LatePacketKeepsItsOwnTime) {
  FlowBed bed;
  bed.frame(10 * kSecond, udp(true, 1));
  bed.frame(4 * kSecond, udp(false, 1));
  bed.frame(12 * kSecond, udp(true, 1));
  bed.finish();
  const Told told = bed.only();
  EXPECT_EQ(told.start_ms(), 4'000);
  EXPECT_EQ(told.end_ms(), 12'000);
  EXPECT_EQ(told.source(), "10.0.0.9:40000") << "the first to arrive";
}

TEST(FlowTable, RandomTrafficAddsUp) {
  // Every packet is in one record, every flow's slices count on, and no two flows have an id.
  FlowBed bed({.capacity = 50, .active_ms = 20'000, .idle_ms = 5'000});
  std::mt19937 random(6);
  std::map<uint16_t, uint64_t> sent;
  int64_t now = 0;
  for (int round = 0; round < 30'000; ++round) {
    now += static_cast<int64_t>(random() % 20'000);
    const auto port = static_cast<uint16_t>(1 + random() % (round % 3000 < 1500 ? 40 : 80));
    const size_t size = random() % 100;
    bed.frame(now, udp(random() % 2 == 0, size, port));
    sent[port] += 28 + size;
    if (random() % 4 == 0) bed.pass(now, 8);
  }
  bed.finish();
  std::map<uint16_t, uint64_t> told;
  std::map<uint64_t, uint32_t> slices;
  for (const Told& record : bed.told()) {
    told[record.common.source_port == 53 ? record.common.destination_port : record.common.source_port] +=
        record.flow.octets + record.flow.reverse_octets;
    EXPECT_EQ(record.flow.slice, ++slices[record.common.flow_id]);
    EXPECT_GT(record.flow.packets + record.flow.reverse_packets, 0U);
    EXPECT_LE(record.flow.end.value - record.flow.start.value, 20'000);
  }
  EXPECT_EQ(told, sent);
  EXPECT_EQ(slices.size(), bed.table.counters().created.get());
}

TEST(FlowTable, SliceIsToldAtTheActiveTimeoutWhereThatIsTheShorterOne) {
  FlowBed bed({.active_ms = 10'000, .idle_ms = 30'000});
  bed.frame(0, udp(true, 1));
  bed.frame(5 * kSecond, udp(true, 1));
  bed.pass(11 * kSecond);
  EXPECT_EQ(bed.told().size(), 1U);
}

TEST(FlowTable, FullTableEndsTheFlowThatWasIdleLongest) {
  FlowBed bed({.capacity = 2});
  bed.frame(0, udp(true, 1, 1));
  bed.frame(1 * kSecond, udp(true, 1, 2));
  bed.frame(20 * kSecond, udp(true, 1, 1));
  bed.frame(21 * kSecond, udp(true, 1, 3));
  EXPECT_EQ(bed.only().common.source_port, 2);
}

}  // namespace
}  // namespace microcloud
