// TCP connections: who initiated them, their flags, and when they end.
#include <gtest/gtest.h>

#include "flow/flow_test_bed.h"

namespace microcloud {
namespace {

using tools::kAck;
using tools::kFin;
using tools::kPsh;
using tools::kRst;
using tools::kSyn;

constexpr uint8_t kIdle = 1, kEnded = 3, kForced = 4;

/// Each test runs twice: with the client's address below and above the server's.
class TcpFlow : public testing::TestWithParam<bool> {
 protected:
  /// Handshake at 0, then FIN both ways, the last at 100 ms.
  void whole_connection() {
    talk.handshake(0);
    talk.client(40 * kMs, {.seq = 1001, .flags = kPsh | kAck, .octets = 100});
    talk.server(50 * kMs, {.seq = 5001, .flags = kPsh | kAck, .octets = 200});
    talk.client(90 * kMs, {.seq = 1101, .flags = kFin | kAck});
    talk.server(100 * kMs, {.seq = 5201, .flags = kFin | kAck});
  }
  FlowBed bed;
  TcpTalk talk{bed, GetParam()};
};
INSTANTIATE_TEST_SUITE_P(ClientIs, TcpFlow, testing::Bool(),
                         [](const auto& low) { return low.param ? "Low" : "High"; });

TEST_P(TcpFlow, EndsTwoSecondsAfterFinBothWays) {
  whole_connection();
  bed.pass(2'050 * kMs);
  EXPECT_TRUE(bed.told().empty());
  bed.pass(2'400 * kMs);
  const Told told = bed.only();
  EXPECT_EQ(told.flow.end_reason, kEnded);
  EXPECT_EQ(told.source(), talk.client_end());
  EXPECT_EQ(told.destination(), talk.server_end());
  EXPECT_EQ(told.flow.packets, 4U);
  EXPECT_EQ(told.flow.reverse_packets, 3U);
  EXPECT_EQ(told.flow.octets, 4 * 40U + 100);
  EXPECT_EQ(told.flow.tcp_flags, kSyn | kAck | kPsh | kFin);
  EXPECT_EQ(told.flow.reverse_tcp_flags, kSyn | kAck | kPsh | kFin);
  EXPECT_EQ(told.end_ms(), 100);
}

TEST_P(TcpFlow, LatePacketsBelongToTheFlowThatClosed) {
  whole_connection();
  talk.client(110 * kMs, {.seq = 1102});
  talk.server(2'099 * kMs, {.seq = 5001, .flags = kAck, .octets = 200});
  bed.pass(3 * kSecond);
  const Told told = bed.only();
  EXPECT_EQ(told.flow.packets + told.flow.reverse_packets, 9U);
  EXPECT_EQ(told.end_ms(), 2'099);
  EXPECT_EQ(told.flow.end_reason, kEnded);
}

TEST_P(TcpFlow, LateTrafficDoesNotPutTheEndOff) {
  whole_connection();
  for (int at = 200; at < 4'000; at += 100) talk.client(at * kMs, {.seq = 1102});
  const Told first = bed.only();
  EXPECT_EQ(first.flow.end_reason, kEnded);
  EXPECT_EQ(first.end_ms(), 2'000);
}

TEST_P(TcpFlow, NewSynOpensAnotherFlowAtOnce) {
  whole_connection();
  talk.client(500 * kMs, {.seq = 90'000, .flags = kSyn});
  const Told first = bed.only();
  EXPECT_EQ(first.flow.end_reason, kEnded);
  EXPECT_EQ(first.flow.packets, 4U);
  bed.finish();
  const Told second = bed.only();
  EXPECT_EQ(second.flow.packets, 1U);
  EXPECT_EQ(second.flow.slice, 1U);
  EXPECT_EQ(second.flow.tcp_flags, kSyn);
  EXPECT_EQ(second.flow.end_reason, kForced);
  EXPECT_NE(second.common.flow_id, first.common.flow_id);
}

TEST_P(TcpFlow, PacketAfterTheLingerIsAnotherFlow) {
  whole_connection();
  talk.server(2'100 * kMs, {.seq = 5202});
  EXPECT_EQ(bed.only().flow.end_reason, kEnded);
  bed.finish();
  EXPECT_EQ(bed.only().source(), talk.server_end());
}

TEST_P(TcpFlow, ResetEndsIt) {
  talk.handshake(0);
  talk.server(50 * kMs, {.seq = 5001, .flags = kRst});
  bed.pass(3 * kSecond);
  const Told told = bed.only();
  EXPECT_EQ(told.flow.end_reason, kEnded);
  EXPECT_EQ(told.flow.reverse_tcp_flags, kSyn | kAck | kRst);
}

TEST_P(TcpFlow, RefusedConnectionMayBeTriedAgain) {
  for (int attempt = 0; attempt < 3; ++attempt) {
    talk.client(attempt * kSecond, {.seq = 1000, .flags = kSyn});
    talk.server(attempt * kSecond + kMs, {.seq = 0, .flags = kRst | kAck});
  }
  bed.finish();
  const std::vector<Told> told = bed.told();
  ASSERT_EQ(told.size(), 3U);
  for (const Told& flow : told) {
    EXPECT_EQ(flow.source(), talk.client_end());
    EXPECT_EQ(flow.flow.end_reason, kEnded);
    EXPECT_EQ(flow.flow.packets, 1U);
    EXPECT_EQ(flow.flow.reverse_packets, 1U);
  }
}

TEST_P(TcpFlow, FinOfOneSideDoesNotEndIt) {
  talk.handshake(0);
  talk.client(50 * kMs, {.seq = 1001, .flags = kFin | kAck});
  talk.client(60 * kMs, {.seq = 1001, .flags = kFin | kAck});
  for (int second = 1; second < 10; ++second) {
    talk.server(second * kSecond, {.seq = 5001 + static_cast<uint32_t>(second - 1) * 100, .octets = 100});
    bed.pass(second * kSecond);
  }
  EXPECT_TRUE(bed.told().empty()) << "half closed";
  bed.pass(100 * kSecond);
  const Told told = bed.only();
  EXPECT_EQ(told.flow.end_reason, kIdle);
  EXPECT_EQ(told.flow.reverse_packets, 10U);
}

TEST_P(TcpFlow, ClosedFlowsEndByTheirEndInFinishToo) {
  whole_connection();
  bed.finish();
  EXPECT_EQ(bed.only().flow.end_reason, kEnded);
}

TEST_P(TcpFlow, SenderOfASynIsTheInitiator) {
  talk.client(0, {.seq = 1000, .flags = kSyn});
  bed.finish();
  EXPECT_EQ(bed.only().source(), talk.client_end());
}

TEST_P(TcpFlow, ReceiverOfASynAckIsTheInitiator) {
  talk.server(0, {.seq = 5000, .flags = kSyn | kAck});
  talk.client(10 * kMs, {.seq = 1001});
  bed.finish();
  const Told told = bed.only();
  EXPECT_EQ(told.source(), talk.client_end());
  EXPECT_EQ(told.flow.packets, 1U);
  EXPECT_EQ(told.flow.reverse_packets, 1U);
  EXPECT_EQ(told.flow.reverse_tcp_flags, kSyn | kAck);
}

TEST_P(TcpFlow, HandshakeOutOfOrderHasTheSameInitiator) {
  talk.server(0, {.seq = 5000, .flags = kSyn | kAck});
  talk.client(1 * kMs, {.seq = 1000, .flags = kSyn});
  talk.client(2 * kMs, {.seq = 1001});
  bed.finish();
  EXPECT_EQ(bed.only().source(), talk.client_end());
}

TEST_P(TcpFlow, AcknowledgementBeforeItsSynAckChangesNothing) {
  talk.client(0, {.seq = 1000, .flags = kSyn});
  talk.client(1 * kMs, {.seq = 1001});
  talk.server(2 * kMs, {.seq = 5000, .flags = kSyn | kAck});
  bed.finish();
  EXPECT_EQ(bed.only().source(), talk.client_end());
}

TEST_P(TcpFlow, DataBeforeTheSynIsCorrectedByIt) {
  talk.server(0, {.seq = 777, .octets = 5});  // late, of an older connection
  talk.client(1 * kMs, {.seq = 1000, .flags = kSyn});
  bed.finish();
  const Told told = bed.only();
  EXPECT_EQ(told.source(), talk.client_end());
  EXPECT_EQ(told.flow.packets, 1U);
  EXPECT_EQ(told.flow.reverse_packets, 1U);
}

TEST_P(TcpFlow, WithoutSynTheFirstSenderCounts) {
  talk.server(0, {.seq = 5001, .octets = 10});
  talk.client(1 * kMs, {.seq = 1001, .octets = 10});
  bed.finish();
  EXPECT_EQ(bed.only().source(), talk.server_end());
}

TEST_P(TcpFlow, SimultaneousOpenBelongsToTheFirst) {
  talk.client(0, {.seq = 1000, .flags = kSyn});
  talk.server(1 * kMs, {.seq = 5000, .flags = kSyn});
  talk.client(2 * kMs, {.seq = 1000, .flags = kSyn | kAck});
  talk.server(3 * kMs, {.seq = 5000, .flags = kSyn | kAck});
  bed.finish();
  EXPECT_EQ(bed.only().source(), talk.client_end());
}

TEST(TcpConnection, FlagsAndLossesAreThoseOfTheSlice) {
  for (const bool client_is_low : {false, true}) {
    FlowBed bed({.capacity = 10, .active_ms = 10'000, .idle_ms = 8'000});
    TcpTalk talk(bed, client_is_low);
    talk.handshake(0);
    talk.client(kSecond, {.seq = 1001, .octets = 10});
    talk.client(2 * kSecond, {.seq = 1001, .octets = 10});
    talk.server(9 * kSecond, {.seq = 5001, .flags = kPsh | kAck, .octets = 10});
    talk.server(12 * kSecond, {.seq = 5011, .octets = 10});
    talk.client(13 * kSecond, {.seq = 1011, .flags = kFin | kAck});
    talk.server(14 * kSecond, {.seq = 5021, .flags = kFin | kAck});
    bed.pass(20 * kSecond);
    const std::vector<Told> told = bed.told();
    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(told[0].flow.tcp_flags, kSyn | kAck);
    EXPECT_EQ(told[0].flow.reverse_tcp_flags, kSyn | kAck | kPsh);
    EXPECT_EQ(told[0].flow.retransmitted, 1U);
    EXPECT_EQ(told[1].flow.tcp_flags, kFin | kAck) << "only the first slice has a SYN";
    EXPECT_EQ(told[1].flow.reverse_tcp_flags, kFin | kAck);
    EXPECT_EQ(told[1].flow.retransmitted, 0U);
    EXPECT_EQ(told[1].flow.end_reason, kEnded);
    for (const Told& slice : told) EXPECT_EQ(slice.source(), talk.client_end());
  }
}

TEST(TcpConnection, LateSynDoesNotTurnAFlowThatHasBeenToldAround) {
  FlowBed bed({.capacity = 10, .active_ms = 10'000, .idle_ms = 8'000});
  TcpTalk talk(bed, true);
  talk.server(0, {.seq = 5001, .octets = 10});
  talk.server(5 * kSecond, {.seq = 5011, .octets = 10});
  talk.client(11 * kSecond, {.seq = 1000, .flags = kSyn});
  bed.finish();
  const std::vector<Told> told = bed.told();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].source(), talk.server_end());
  EXPECT_EQ(told[1].source(), talk.server_end());
  EXPECT_EQ(told[1].flow.reverse_packets, 1U);
}

TEST(TcpConnection, EqualAddressesAndPortsAreOneFlow) {
  FlowBed bed;
  const auto loopback = [](uint16_t source, uint16_t destination, uint8_t flags) {
    return tools::Packet().eth().ipv4("127.0.0.1", "127.0.0.1").tcp(source, destination, {.flags = flags});
  };
  bed.frame(0, loopback(5000, 80, kSyn));
  bed.frame(1 * kMs, loopback(80, 5000, kSyn | kAck));
  bed.frame(2 * kMs, loopback(5000, 80, kAck));
  bed.finish();
  const Told told = bed.only();
  EXPECT_EQ(told.source(), "127.0.0.1:5000");
  EXPECT_EQ(told.flow.packets, 2U);
  EXPECT_EQ(told.flow.reverse_packets, 1U);

  bed.frame(3 * kSecond, loopback(700, 700, kSyn));  // a connection to itself
  bed.frame(4 * kSecond, loopback(700, 700, kSyn | kAck));
  bed.finish();
  const Told itself = bed.only();
  EXPECT_EQ(itself.source(), "127.0.0.1:700");
  EXPECT_EQ(itself.flow.packets + itself.flow.reverse_packets, 2U);
}

}  // namespace
}  // namespace microcloud
