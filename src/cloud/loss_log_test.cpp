#include "cloud/loss_log.h"

#include <gtest/gtest.h>

#include <vector>

namespace microcloud {
namespace {

using Lines = std::vector<std::string>;

TEST(LossLog, EachReasonIsToldWhenItBeginsAndAnHourLater) {
  Lines said;
  LossLog log("X", [&said](LogLevel level, const std::string& line) {
    EXPECT_EQ(level, LogLevel::Warning);
    said.push_back(line);
  });
  log.see({}, 0);
  EXPECT_EQ(said, Lines{});
  log.see({.overflowed = 7, .lost = 3}, 1'000);
  EXPECT_EQ(said, (Lines{"X: 7 increments of counters are lost so far, as too much waits",
                         "X: 3 increments of counters are lost so far, which it had acknowledged and has no more"}));
  said.clear();
  log.see(
      {.overflowed = 9, .refused = 2, .refused_others = 1, .lost = 3, .rolled_back = 1, .refusal = "ip.a: WRONGTYPE"},
      2'000);
  EXPECT_EQ(said,
            (Lines{"X: 2 increments of counters are lost so far, as it does not take them: ip.a: WRONGTYPE",
                   "X: 1 commands that bring no increment are lost so far, as it does not take them: ip.a: WRONGTYPE",
                   "X: 1 batches are sent again so far, which it had acknowledged and had no more"}));
  said.clear();
  const Losses later = {.overflowed = 11,
                        .others_overflowed = 5,
                        .refused = 2,
                        .refused_others = 1,
                        .lost = 3,
                        .rolled_back = 1,
                        .refusal = "ip.a: WRONGTYPE"};
  log.see(later, 3'600'999);
  EXPECT_EQ(said, Lines{"X: 5 updates of texts are lost so far, as too much waits"});
  said.clear();
  for (int64_t now = 3'601'000; now < 10'000'000; now += 1'000) log.see(later, now);
  EXPECT_EQ(said, Lines{"X: 11 increments of counters are lost so far, as too much waits"});
}

}  // namespace
}  // namespace microcloud
