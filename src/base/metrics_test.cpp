#include "base/metrics.h"

#include <gtest/gtest.h>

namespace microcloud {
namespace {

TEST(MetricsPage, FamiliesStandTogetherWhoeverTellsThem) {
  MetricsRegistry registry;
  registry.add([](MetricsPage& page) {
    page.counter("microcloud_a_total", "What a is.", {{"kind", "x"}}, 3);
    page.gauge("microcloud_b", "What b is.", {}, 0.5);
  });
  registry.add([](MetricsPage& page) { page.counter("microcloud_a_total", "What a is.", {{"kind", "y"}}, 4); });
  EXPECT_EQ(registry.text(),
            "# HELP microcloud_a_total What a is.\n# TYPE microcloud_a_total counter\n"
            "microcloud_a_total{kind=\"x\"} 3\nmicrocloud_a_total{kind=\"y\"} 4\n"
            "# HELP microcloud_b What b is.\n# TYPE microcloud_b gauge\nmicrocloud_b 0.5\n");
}

TEST(MetricsPage, LargeCountersAreExactAndLabelsEscaped) {
  MetricsPage page;
  page.counter("microcloud_a_total", "A.", {{"name", "a\"b\\c\nd"}}, 18446744073709551615ULL);
  EXPECT_NE(page.text().find("microcloud_a_total{name=\"a\\\"b\\\\c d\"} 18446744073709551615\n"), std::string::npos);
}

TEST(MetricsPage, HistogramsAreCumulative) {
  Histogram histogram;
  histogram.observe(100);
  histogram.observe(200);
  histogram.observe(uint64_t{1} << 40);
  MetricsPage page;
  page.histogram("microcloud_a_seconds", "A.", {{"kind", "x"}}, histogram.read());
  const std::string text = page.text();
  EXPECT_NE(text.find("# TYPE microcloud_a_seconds histogram\n"), std::string::npos);
  EXPECT_NE(text.find("microcloud_a_seconds_bucket{kind=\"x\",le=\"0.000128\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("microcloud_a_seconds_bucket{kind=\"x\",le=\"0.000224\"} 2\n"), std::string::npos);
  EXPECT_NE(text.find("microcloud_a_seconds_bucket{kind=\"x\",le=\"+Inf\"} 3\n"), std::string::npos);
  EXPECT_NE(text.find("microcloud_a_seconds_count{kind=\"x\"} 3\n"), std::string::npos);
}

TEST(MetricsPage, StagesOfOneNameAddUp) {
  MetricsPage page;
  page.ladder({"export", 10, 7, {{"away", 2}}});
  page.ladder({"export", 5, 5, {{"away", 0}}});
  const std::string text = page.text();
  EXPECT_NE(text.find("microcloud_stage_in_total{stage=\"export\"} 15\n"), std::string::npos);
  EXPECT_NE(text.find("microcloud_stage_out_total{stage=\"export\"} 12\n"), std::string::npos);
  EXPECT_NE(text.find("microcloud_stage_held{stage=\"export\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("microcloud_dropped_total{stage=\"export\",reason=\"away\"} 2\n"), std::string::npos);
}

TEST(LossLadder, StagesKeepTheirOrderAndAddUp) {
  LossLadder ladder;
  ladder.add({"queue", 9, 9, {}});
  ladder.add({"export", 10, 7, {{"away", 2}}});
  ladder.add({"export", 5, 2, {{"full", 1}, {"away", 1}}});
  ASSERT_EQ(ladder.stages().size(), 2U);
  const LossStage& sum = ladder.stages()[1];
  EXPECT_EQ(sum.stage, "export");
  EXPECT_EQ(sum.in, 15U);
  EXPECT_EQ(sum.out, 9U);
  EXPECT_EQ(sum.dropped, (std::vector<std::pair<std::string_view, uint64_t>>{{"away", 3}, {"full", 1}}));
  EXPECT_EQ(sum.held(), 2U);
}

TEST(LossStage, HeldIsTheRestAndNeverNegative) {
  EXPECT_EQ((LossStage{"ring", 10, 4, {{"full", 3}, {"filter", 1}}}.held()), 2U);
  EXPECT_EQ((LossStage{"ring", 10, 12, {}}.held()), 0U);
}

}  // namespace
}  // namespace microcloud
