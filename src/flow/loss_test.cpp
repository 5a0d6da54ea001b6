// Segments that come again and segments that come late: how they are told apart.
#include <gtest/gtest.h>

#include "flow/flow_test_bed.h"

namespace microcloud {
namespace {

using tools::kAck;
using tools::kFin;
using tools::kRst;
using tools::kSyn;

struct Losses {
  uint32_t retransmitted;
  uint32_t out_of_order;
  bool operator==(const Losses&) const = default;
  friend std::ostream& operator<<(std::ostream& out, const Losses& losses) {
    return out << losses.retransmitted << " retransmitted, " << losses.out_of_order << " out of order";
  }
};

/// Each test runs twice: with the client's address below and above the server's. The round trip is 30 ms.
class TcpLoss : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override { talk.handshake(0); }
  /// 100 octets of the client's, the segment `number` of its stream.
  void data(int64_t time_us, uint32_t number) { talk.client(time_us, {.seq = 1001 + 100 * number, .octets = 100}); }
  Losses losses() {
    bed.finish();
    const Told told = bed.only();
    return {told.flow.retransmitted.value_or(999), told.flow.out_of_order.value_or(999)};
  }
  FlowBed bed;
  TcpTalk talk{bed, GetParam()};
};
INSTANTIATE_TEST_SUITE_P(ClientIs, TcpLoss, testing::Bool(),
                         [](const auto& low) { return low.param ? "Low" : "High"; });

TEST_P(TcpLoss, InOrderIsNone) {
  for (uint32_t number = 0; number < 10; ++number) {
    data((40 + number) * kMs, number);
    talk.server((40 + number) * kMs, {.seq = 5001});
    talk.server((40 + number) * kMs, {.seq = 5001});
  }
  talk.server(60 * kMs, {.seq = 5001, .flags = kFin | kAck});
  talk.client(61 * kMs, {.seq = 2001, .flags = kFin | kAck});
  talk.server(62 * kMs, {.seq = 5002});
  EXPECT_EQ(losses(), (Losses{0, 0}));
}

TEST_P(TcpLoss, SegmentThatComesAgain) {
  data(40 * kMs, 0);
  data(41 * kMs, 1);
  data(80 * kMs, 0);
  data(90 * kMs, 1);
  EXPECT_EQ(losses(), (Losses{2, 0}));
}

TEST_P(TcpLoss, BothDirectionsAdd) {
  data(40 * kMs, 0);
  data(80 * kMs, 0);
  talk.server(90 * kMs, {.seq = 5001, .octets = 10});
  talk.server(95 * kMs, {.seq = 5001, .octets = 10});
  EXPECT_EQ(losses(), (Losses{2, 0}));
}

TEST_P(TcpLoss, HoleThatIsFilledWithinTheRoundTripWasOvertaken) {
  data(40 * kMs, 0);
  data(41 * kMs, 2);
  data(42 * kMs, 3);
  data(70 * kMs, 1);
  EXPECT_EQ(losses(), (Losses{0, 1}));
}

TEST_P(TcpLoss, HoleThatIsFilledLaterWasLost) {
  data(40 * kMs, 0);
  data(41 * kMs, 2);
  data(72 * kMs, 1);
  data(73 * kMs, 3);
  EXPECT_EQ(losses(), (Losses{1, 0}));
}

TEST_P(TcpLoss, HoleMayBeFilledPieceByPiece) {
  data(40 * kMs, 0);
  data(41 * kMs, 4);
  data(42 * kMs, 1);
  data(43 * kMs, 3);
  data(44 * kMs, 2);
  data(45 * kMs, 5);
  EXPECT_EQ(losses(), (Losses{0, 3}));
}

TEST_P(TcpLoss, WhatFilledTheHoleIsARepetitionTheNextTime) {
  data(40 * kMs, 0);
  data(41 * kMs, 2);
  data(42 * kMs, 1);
  data(43 * kMs, 1);
  EXPECT_EQ(losses(), (Losses{1, 1}));
}

TEST_P(TcpLoss, HoleOfOneDirectionIsNotTheOthers) {
  data(40 * kMs, 0);
  data(41 * kMs, 2);
  talk.server(42 * kMs, {.seq = 5001, .octets = 100});
  talk.server(43 * kMs, {.seq = 5001, .octets = 100});
  data(44 * kMs, 1);
  EXPECT_EQ(losses(), (Losses{1, 1}));
}

TEST_P(TcpLoss, KeepAlivesAreNone) {
  data(40 * kMs, 0);
  for (int second = 1; second < 10; ++second) {
    talk.client(second * kSecond, {.seq = 1100});
    talk.client(second * kSecond + 1, {.seq = 1100, .octets = 1});
    talk.server(second * kSecond + 2, {.seq = 5001});
  }
  data(11 * kSecond, 1);
  EXPECT_EQ(losses(), (Losses{0, 0}));
}

TEST_P(TcpLoss, RepeatedSynAndFinCount) {
  FlowBed another;
  TcpTalk again(another, GetParam());
  again.client(0, {.seq = 1000, .flags = kSyn});
  again.client(kSecond, {.seq = 1000, .flags = kSyn});
  again.server(kSecond + 1, {.seq = 5000, .flags = kSyn | kAck});
  again.server(2 * kSecond, {.seq = 5000, .flags = kSyn | kAck});
  again.client(3 * kSecond, {.seq = 1001, .flags = kFin | kAck});
  again.client(4 * kSecond, {.seq = 1001, .flags = kFin | kAck});
  another.finish();
  EXPECT_EQ(another.only().flow.retransmitted, 3U);
}

TEST_P(TcpLoss, SequenceNumbersWrap) {
  FlowBed another;
  TcpTalk wrapping(another, GetParam());
  constexpr uint32_t kBegin = 0xffffff00;
  wrapping.client(0, {.seq = kBegin, .flags = kSyn});
  for (uint32_t number = 0; number < 10; ++number) {
    if (number == 2) continue;  // it crosses the wrap
    wrapping.client(number * 100, {.seq = kBegin + 1 + number * 100, .octets = 100});
  }
  wrapping.client(1500, {.seq = kBegin + 1 + 200, .octets = 100});
  another.finish();
  const Told told = another.only();
  EXPECT_EQ(told.flow.retransmitted, 0U);
  EXPECT_EQ(told.flow.out_of_order, 1U) << "within the 3 ms that are assumed without a handshake";
}

TEST_P(TcpLoss, RepetitionThatBringsMoreIsOneAndMovesOn) {
  data(40 * kMs, 0);
  talk.client(80 * kMs, {.seq = 1001, .octets = 250});
  talk.client(81 * kMs, {.seq = 1251, .octets = 100});
  EXPECT_EQ(losses(), (Losses{1, 0}));
}

TEST_P(TcpLoss, ConnectionBegunAnewIsNone) {
  data(40 * kMs, 0);
  talk.client(5 * kSecond, {.seq = 500, .flags = kSyn});
  talk.server(5 * kSecond + 1, {.seq = 77, .flags = kSyn | kAck});
  talk.client(5 * kSecond + 2, {.seq = 501, .octets = 100});
  talk.server(5 * kSecond + 3, {.seq = 78, .octets = 100});
  EXPECT_EQ(losses(), (Losses{0, 0}));
}

TEST_P(TcpLoss, ResetsSequenceNumberMeansNothing) {
  data(40 * kMs, 0);
  talk.client(50 * kMs, {.seq = 1001, .flags = kRst, .octets = 5});
  EXPECT_EQ(losses(), (Losses{0, 0}));
}

TEST_P(TcpLoss, CaptureThatBeginsInTheMiddleCountsFromThere) {
  FlowBed another;
  TcpTalk middle(another, GetParam());
  middle.client(0, {.seq = 90'000, .octets = 100});
  middle.server(1, {.seq = 0x80000000, .octets = 100});
  middle.client(2, {.seq = 90'100, .octets = 100});
  middle.server(3, {.seq = 0x80000000, .octets = 100});
  another.finish();
  const Told told = another.only();
  EXPECT_EQ(told.flow.retransmitted, 1U);
  EXPECT_EQ(told.flow.out_of_order, 0U);
}

}  // namespace
}  // namespace microcloud
