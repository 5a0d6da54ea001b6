#include "base/histogram.h"

#include <gtest/gtest.h>

namespace microcloud {
namespace {

TEST(Histogram, EachValueIsBetweenTheBoundsOfItsBucket) {
  for (uint64_t value = 0; value < 3'000; ++value) {
    const size_t at = HistogramCounts::bucket(value);
    EXPECT_LE(value, HistogramCounts::upper_us(at));
    if (at > 0) {
      EXPECT_GT(value, HistogramCounts::upper_us(at - 1));
    }
  }
  for (size_t at = 0; at + 1 < HistogramCounts::kBuckets; ++at) {
    const uint64_t bound = HistogramCounts::upper_us(at);
    EXPECT_EQ(HistogramCounts::bucket(bound), at);
    EXPECT_EQ(HistogramCounts::bucket(bound + 1), at + 1);
  }
  EXPECT_EQ(HistogramCounts::bucket(UINT64_MAX), HistogramCounts::kBuckets - 1);
  EXPECT_GT(HistogramCounts::upper_us(HistogramCounts::kBuckets - 2), 60'000'000U);
}

TEST(Histogram, QuantilesAreOffByAnEighthAtMost) {
  Histogram histogram;
  for (uint64_t value = 1'000; value <= 100'000; value += 10) histogram.observe(value);
  const HistogramCounts counts = histogram.read();
  EXPECT_EQ(counts.count(), 9'901U);
  EXPECT_NEAR(counts.quantile_us(0.5), 50'500, 50'500.0 / 8);
  EXPECT_NEAR(counts.quantile_us(0.99), 99'010, 99'010.0 / 8);
  EXPECT_EQ(counts.sum_us, uint64_t{9'901} * 50'500);
}

TEST(Histogram, WithoutValuesAndBeyondTheLastBound) {
  EXPECT_EQ(HistogramCounts().quantile_us(0.99), 0);
  Histogram histogram;
  histogram.observe(uint64_t{1} << 40);
  EXPECT_EQ(histogram.read().quantile_us(0.5),
            static_cast<double>(HistogramCounts::upper_us(HistogramCounts::kBuckets - 2)));
}

TEST(Histogram, CountsAddUpAndAreText) {
  Histogram one, other;
  one.observe(128);
  one.observe(1'000);
  other.observe(1'024);
  other.observe(uint64_t{1} << 40);
  HistogramCounts sum = one.read();
  sum.add(other.read());
  EXPECT_EQ(sum.text(), "128:1 1024:2 +Inf:1");
}

}  // namespace
}  // namespace microcloud
