// Times that a flow tells: halves of the handshake, and how long the first answer took.
#include <gtest/gtest.h>

#include "flow/flow_test_bed.h"

namespace microcloud {
namespace {

using tools::kAck;
using tools::kPsh;
using tools::kRst;
using tools::kSyn;
using Latency = std::optional<uint32_t>;

/// Each test runs twice: with the client's address below and above the server's.
class TcpLatency : public testing::TestWithParam<bool> {
 protected:
  FlowRecord finish() {
    bed.finish();
    return bed.only().flow;
  }
  FlowBed bed;
  TcpTalk talk{bed, GetParam()};
};
INSTANTIATE_TEST_SUITE_P(ClientIs, TcpLatency, testing::Bool(),
                         [](const auto& low) { return low.param ? "Low" : "High"; });

TEST_P(TcpLatency, HalvesOfTheHandshake) {
  talk.handshake(7, 10 * kMs, 5 * kMs + 3);
  const FlowRecord flow = finish();
  EXPECT_EQ(flow.server_latency_us, 10'000U);
  EXPECT_EQ(flow.client_latency_us, 5'003U);
  EXPECT_EQ(flow.application_latency_us, std::nullopt);
}

TEST_P(TcpLatency, LastSynBeforeTheSynAckCounts) {
  talk.client(0, {.seq = 1000, .flags = kSyn});
  talk.client(1000 * kMs, {.seq = 1000, .flags = kSyn});
  talk.server(1020 * kMs, {.seq = 5000, .flags = kSyn | kAck});
  talk.client(1030 * kMs, {.seq = 1001});
  const FlowRecord flow = finish();
  EXPECT_EQ(flow.server_latency_us, 10'000U);
  EXPECT_EQ(flow.client_latency_us, 5'000U);
}

TEST_P(TcpLatency, RepeatedSynAckLeavesTheServersHalfAndBeginsTheClients) {
  talk.client(0, {.seq = 1000, .flags = kSyn});
  talk.server(20 * kMs, {.seq = 5000, .flags = kSyn | kAck});
  talk.server(1020 * kMs, {.seq = 5000, .flags = kSyn | kAck});
  talk.client(1030 * kMs, {.seq = 1001});
  const FlowRecord flow = finish();
  EXPECT_EQ(flow.server_latency_us, 10'000U);
  EXPECT_EQ(flow.client_latency_us, 5'000U);
}

TEST_P(TcpLatency, SynRepeatedAfterALostSynAckBeginsAnew) {
  talk.client(0, {.seq = 1000, .flags = kSyn});
  talk.server(20 * kMs, {.seq = 5000, .flags = kSyn | kAck});
  talk.client(1000 * kMs, {.seq = 1000, .flags = kSyn});
  talk.server(1030 * kMs, {.seq = 5000, .flags = kSyn | kAck});
  talk.client(1034 * kMs, {.seq = 1001});
  const FlowRecord flow = finish();
  EXPECT_EQ(flow.server_latency_us, 15'000U);
  EXPECT_EQ(flow.client_latency_us, 2'000U);
}

TEST_P(TcpLatency, OneDirectionAloneTellsNone) {
  talk.client(0, {.seq = 1000, .flags = kSyn});
  talk.client(10 * kMs, {.seq = 1001});
  talk.client(20 * kMs, {.seq = 1001, .octets = 10});
  const FlowRecord flow = finish();
  EXPECT_EQ(flow.server_latency_us, std::nullopt);
  EXPECT_EQ(flow.client_latency_us, std::nullopt);
  EXPECT_EQ(flow.application_latency_us, std::nullopt);
}

TEST_P(TcpLatency, WithoutItsSynTheServersHalfIsNotKnown) {
  talk.server(0, {.seq = 5000, .flags = kSyn | kAck});
  talk.client(10 * kMs, {.seq = 1001});
  EXPECT_EQ(finish().server_latency_us, std::nullopt);
}

TEST_P(TcpLatency, IsNeverNegative) {
  talk.client(20 * kMs, {.seq = 1000, .flags = kSyn});
  talk.server(15 * kMs, {.seq = 5000, .flags = kSyn | kAck});
  talk.client(10 * kMs, {.seq = 1001, .octets = 5});
  talk.server(5 * kMs, {.seq = 5001, .octets = 5});
  const FlowRecord flow = finish();
  EXPECT_EQ(flow.server_latency_us, 0U);
  EXPECT_EQ(flow.client_latency_us, 0U);
  EXPECT_EQ(flow.application_latency_us, 0U);
}

TEST_P(TcpLatency, IsToldByEverySliceOfItsFlow) {
  FlowBed short_slices({.active_ms = 20'000, .idle_ms = 15'000});
  TcpTalk long_talk(short_slices, GetParam());
  long_talk.handshake(0);
  for (uint32_t second = 10; second <= 30; second += 10) {
    long_talk.client(second * kSecond, {.seq = 1001 + second, .octets = 10});
  }
  short_slices.finish();
  const std::vector<Told> told = short_slices.told();
  ASSERT_EQ(told.size(), 2U);
  for (const Told& slice : told) EXPECT_EQ(slice.flow.server_latency_us, 10'000U);
}

TEST_P(TcpLatency, AnswerLessTheRoundTripToTheServer) {
  talk.handshake(0);
  talk.client(40 * kMs, {.seq = 1001, .octets = 100});
  talk.server(55 * kMs, {.seq = 5001});  // a bare acknowledgement is no answer
  talk.server(100 * kMs, {.seq = 5001, .flags = kPsh | kAck, .octets = 100});
  talk.client(200 * kMs, {.seq = 1101, .octets = 100});
  talk.server(900 * kMs, {.seq = 5101, .octets = 100});
  EXPECT_EQ(finish().application_latency_us, 40'000U) << "60 ms less 20; the second exchange does not count";
}

TEST_P(TcpLatency, LastSegmentOfTheRequestCounts) {
  talk.handshake(0);
  for (uint32_t segment = 0; segment < 3; ++segment) {
    talk.client((40 + 10 * segment) * kMs, {.seq = 1001 + 100 * segment, .octets = 100});
  }
  talk.server(100 * kMs, {.seq = 5001, .octets = 100});
  EXPECT_EQ(finish().application_latency_us, 20'000U);
}

TEST_P(TcpLatency, RequestMayComeWithTheLastStepOfTheHandshake) {
  talk.client(0, {.seq = 1000, .flags = kSyn});
  talk.server(20 * kMs, {.seq = 5000, .flags = kSyn | kAck});
  talk.client(30 * kMs, {.seq = 1001, .flags = kPsh | kAck, .octets = 100});
  talk.server(80 * kMs, {.seq = 5001, .octets = 100});
  const FlowRecord flow = finish();
  EXPECT_EQ(flow.client_latency_us, 5'000U);
  EXPECT_EQ(flow.application_latency_us, 30'000U);
}

TEST_P(TcpLatency, ServerThatSpeaksFirstIsNotAnswering) {
  talk.handshake(0);
  talk.server(500 * kMs, {.seq = 5001, .octets = 50});
  talk.client(600 * kMs, {.seq = 1001, .octets = 10});
  talk.server(650 * kMs, {.seq = 5051, .octets = 50});
  EXPECT_EQ(finish().application_latency_us, 30'000U);
}

TEST_P(TcpLatency, AnswerFasterThanTheNetworkIsZero) {
  talk.handshake(0);
  talk.client(40 * kMs, {.seq = 1001, .octets = 100});
  talk.server(45 * kMs, {.seq = 5001, .octets = 100});
  EXPECT_EQ(finish().application_latency_us, 0U);
}

TEST_P(TcpLatency, ResetIsNoAnswer) {
  talk.handshake(0);
  talk.client(40 * kMs, {.seq = 1001, .octets = 100});
  talk.server(70 * kMs, {.seq = 5001, .flags = kRst});
  talk.server(80 * kMs, {.seq = 5001, .octets = 100});
  EXPECT_EQ(finish().application_latency_us, std::nullopt);
}

TEST(UdpLatency, OfTheFirstAnswer) {
  FlowBed bed;
  bed.frame(0, udp(true, 30));
  bed.frame(1 * kMs, udp(true, 30));
  bed.frame(26 * kMs, udp(false, 60));
  bed.frame(90 * kMs, udp(false, 60));
  bed.finish();
  const FlowRecord flow = bed.only().flow;
  EXPECT_EQ(flow.application_latency_us, 25'000U);
  EXPECT_EQ(flow.server_latency_us, std::nullopt);
}

TEST(UdpLatency, NeedsBothSides) {
  FlowBed bed;
  bed.frame(0, udp(true, 30));
  bed.frame(1 * kMs, udp(true, 30));
  bed.frame(2 * kMs, udp(false, 0));
  bed.finish();
  EXPECT_EQ(bed.only().flow.application_latency_us, std::nullopt);
}

}  // namespace
}  // namespace microcloud
