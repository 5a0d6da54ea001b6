#include "base/log_linear.h"

#include <gtest/gtest.h>

#include <cmath>

namespace microcloud {
namespace {

TEST(LogLinear, EachBucketBeginsWhereTheOneBeforeEnds) {
  for (size_t at = 0; at < LogLinear::kBuckets; ++at) {
    const uint32_t lower = LogLinear::lower(at);
    EXPECT_EQ(LogLinear::bucket(lower), at);
    if (at > 0) {
      EXPECT_EQ(LogLinear::bucket(lower - 1), at - 1);
    }
  }
  EXPECT_EQ(LogLinear::bucket(UINT32_MAX), LogLinear::kBuckets - 1);
}

TEST(LogLinear, TheMiddleIsWithinTwoPercentOfEachValue) {
  double worst = 0;
  for (uint64_t value = 1; value <= UINT32_MAX; value += 1 + value / 1000) {
    const auto exact = static_cast<uint32_t>(value);
    const double told = LogLinear::middle(LogLinear::lower(LogLinear::bucket(exact)));
    worst = std::max(worst, std::abs(told - exact) / exact);
  }
  EXPECT_LE(worst, 1.0 / 64);
  EXPECT_GT(worst, 0.01) << "the test reaches the edges of buckets";
}

}  // namespace
}  // namespace microcloud
