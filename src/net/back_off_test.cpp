#include "net/back_off.h"

#include <gtest/gtest.h>

#include <set>

namespace microcloud {
namespace {

using std::chrono::milliseconds;

TEST(BackOff, DoublesUpToTheLongestAroundEachStep) {
  BackOff back_off({milliseconds(100), milliseconds(1000)}, 7);
  for (const int step : {100, 200, 400, 800, 1000, 1000, 1000}) {
    const auto wait = back_off.next().count();
    EXPECT_GE(wait, step * 3 / 4);
    EXPECT_LE(wait, step * 5 / 4);
  }
  back_off.reset();
  EXPECT_LE(back_off.next().count(), 125);
}

TEST(BackOff, ProbesThatBeginTogetherComeBackApart) {
  std::set<int64_t> waits;
  for (uint64_t seed = 0; seed < 100; ++seed)
    waits.insert(BackOff({milliseconds(1000), milliseconds(1000)}, seed).next().count());
  EXPECT_GT(waits.size(), 50U);
}

}  // namespace
}  // namespace microcloud
