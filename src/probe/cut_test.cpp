#include "probe/cut.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

namespace microcloud {
namespace {

struct Asked {
  std::optional<bool> made;
  Cuts::Then then() {
    return [this](bool is_made) {
      EXPECT_FALSE(made.has_value()) << "told twice";
      made = is_made;
    };
  }
};

TEST(Cuts, RingsAreHeldFromTheirMarkUntilTheLastOnes) {
  Cuts cuts(3);
  Asked asked;
  cuts.open(7, asked.then());
  EXPECT_TRUE(cuts.wanted());
  EXPECT_TRUE(cuts.meet(1, 7));
  EXPECT_TRUE(cuts.holds(1));
  EXPECT_FALSE(cuts.holds(0));
  EXPECT_TRUE(cuts.meet(0, 7));
  EXPECT_FALSE(asked.made.has_value());
  EXPECT_FALSE(cuts.meet(2, 7)) << "the last one is not held: all go on";
  EXPECT_EQ(asked.made, true);
  EXPECT_FALSE(cuts.holds(0) || cuts.holds(1) || cuts.holds(2));
  EXPECT_FALSE(cuts.wanted());
  EXPECT_EQ(cuts.counters().made.get(), 1U);
}

TEST(Cuts, MarksOfOthersHoldNothing) {
  Cuts cuts(2);
  EXPECT_FALSE(cuts.meet(0, 1)) << "nobody asked";
  Asked asked;
  cuts.open(2, asked.then());
  EXPECT_FALSE(cuts.meet(0, 1)) << "of a cut that was given up";
  EXPECT_FALSE(cuts.holds(0));
  EXPECT_TRUE(cuts.meet(0, 2));
  EXPECT_TRUE(cuts.meet(0, 2)) << "again";
  EXPECT_FALSE(asked.made.has_value());
}

TEST(Cuts, AreGivenUpWhenARingWasHeldTooLong) {
  Cuts cuts(2);
  Asked asked;
  cuts.open(1, asked.then());
  cuts.look();
  EXPECT_TRUE(cuts.meet(0, 1));
  cuts.look();
  EXPECT_FALSE(asked.made.has_value()) << "not yet";
  std::this_thread::sleep_for(Cuts::kLongest + std::chrono::milliseconds(2));
  cuts.look();
  EXPECT_EQ(asked.made, false);
  EXPECT_FALSE(cuts.holds(0));
  EXPECT_EQ(cuts.counters().given_up.get(), 1U);
  EXPECT_GE(cuts.counters().longest_us.get(), 20'000U);
  Asked again;
  cuts.open(2, again.then());
  EXPECT_FALSE(cuts.meet(1, 1)) << "the late mark of the one before";
  EXPECT_TRUE(cuts.meet(1, 2));
  EXPECT_FALSE(cuts.meet(0, 2));
  EXPECT_EQ(again.made, true);
}

TEST(Cuts, AWorkerThatHasEndedIsPassedBy) {
  Cuts cuts(2);
  Asked asked;
  cuts.pass(0);  // nothing is open: without effect
  cuts.open(1, asked.then());
  cuts.pass(0);
  cuts.pass(0);
  EXPECT_FALSE(asked.made.has_value());
  EXPECT_FALSE(cuts.meet(1, 1));
  EXPECT_EQ(asked.made, true);
}

TEST(Cuts, WhereNoRecordsComeAnyMoreAllIsOneMoment) {
  Cuts cuts(2);
  Asked open, later;
  cuts.open(1, open.then());
  EXPECT_TRUE(cuts.meet(0, 1));
  cuts.end();
  EXPECT_EQ(open.made, true);
  cuts.open(2, later.then());
  EXPECT_EQ(later.made, true);
  EXPECT_FALSE(cuts.wanted());
}

}  // namespace
}  // namespace microcloud
