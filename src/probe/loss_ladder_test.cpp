#include "probe/loss_ladder.h"

#include <gtest/gtest.h>

#include <numeric>

namespace microcloud {
namespace {

ProbeTotals some_totals() {
  ProbeTotals totals;
  totals.offered = 1000;
  totals.kernel_drops = 40;
  totals.loopback_copies = 60;
  totals.read = 880;  // 20 still in the ring
  totals.ignored[static_cast<size_t>(Ignored::Arp)] = 30;
  totals.ignored[static_cast<size_t>(Ignored::LostFragment)] = 5;
  totals.not_sampled = 100;
  totals.decoded = 750;
  totals.handover_drops = 7;
  totals.packets_told = 700;  // 38 in open flows
  totals.pieces = 60;
  totals.pieces_read = 50;
  totals.pieces_refused = 4;  // 6 wait until it is known whose they are
  totals.tcp_gaps = 2;
  totals.not_joined[static_cast<size_t>(NotJoined::TimedOut)] = 1;
  totals.records_put = 20;
  totals.records_taken = 15;
  totals.record_drops = 3;
  return totals;
}

uint64_t dropped(const LossStage& stage) {
  return std::accumulate(stage.dropped.begin(), stage.dropped.end(), uint64_t{0},
                         [](uint64_t sum, const auto& one) { return sum + one.second; });
}

TEST(LossLadder, EachStageClosesAndGivesWhatTheNextOneGets) {
  const auto ladder = loss_ladder(some_totals(), true);
  ASSERT_EQ(ladder.size(), 5U);
  const uint64_t held[] = {20, 0, 38, 6, 2};
  for (size_t at = 0; at < ladder.size(); ++at) {
    EXPECT_EQ(ladder[at].held(), held[at]) << ladder[at].stage;
    EXPECT_EQ(ladder[at].in, ladder[at].out + dropped(ladder[at]) + held[at]) << ladder[at].stage;
  }
  EXPECT_EQ(ladder[0].out, ladder[1].in);
  EXPECT_EQ(ladder[1].out, ladder[2].in);
}

TEST(LossLadder, OfAFileTheFilterTakesThePlaceOfTheRing) {
  ProbeTotals totals = some_totals();
  totals.offered = totals.kernel_drops = totals.loopback_copies = 0;
  totals.filtered = 9;
  const auto ladder = loss_ladder(totals, false);
  EXPECT_EQ(ladder[0].in, 889U);
  EXPECT_EQ(ladder[0].held(), 0U);
}

TEST(ProgressLine, RatesAndLosses) {
  ProbeTotals before;
  before.read = 80;
  EXPECT_EQ(progress_line(some_totals(), before, 10, true),
            "880 packets (80/s, 0.00 Mbit/s), 0 flows open (0 new/s), 20 records (2/s); dropped: ring full 40, table "
            "fragment_without_first 5, table handover_full 7, parser not_understood 4, parser tcp_gap 2, parser "
            "timed_out 1, queue record_ring_full 3");
}

}  // namespace
}  // namespace microcloud
