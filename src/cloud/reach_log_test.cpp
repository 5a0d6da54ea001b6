#include "cloud/reach_log.h"

#include <gtest/gtest.h>

#include <vector>

namespace microcloud {
namespace {

class ReachLogTest : public testing::Test {
 protected:
  void see(Reach reach, int64_t now_ms, const std::string& why = "it is broken") {
    log_.see(reach, reach == Reach::Takes ? "" : why, now_ms);
  }
  std::vector<std::string> said() { return std::exchange(said_, {}); }

  std::vector<std::string> said_;
  ReachLog log_{"X", [this](LogLevel level, const std::string& line) {
                  said_.push_back((level == LogLevel::Info ? "info " : "warning ") + line);
                }};
};

using Lines = std::vector<std::string>;
const std::string kTakes = "info X takes updates";
const std::string kAway = "warning X is away, they wait: it is broken";

TEST_F(ReachLogTest, TroubleIsToldWhenItBeginsAndWhenItEnds) {
  for (int64_t now = 0; now < 100; now += 10) see(Reach::Takes, now);
  EXPECT_EQ(said(), Lines{kTakes});
  for (int64_t now = 100; now < 600'000; now += 1'000) see(Reach::Away, now);
  EXPECT_EQ(said(), Lines{kAway});
  for (int64_t now = 600'000; now < 700'000; now += 1'000) see(Reach::Takes, now);
  EXPECT_EQ(said(), Lines{kTakes});
  see(Reach::Refuses, 700'000, "OOM");
  see(Reach::Refuses, 700'010, "NOPERM");
  EXPECT_EQ(said(), Lines{"warning X takes no updates, they wait: OOM"});
  see(Reach::Takes, 700'020);
  log_.end(700'030);
  EXPECT_EQ(said(), Lines{kTakes});
  see(Reach::Away, 900'000);
  EXPECT_EQ(said(), Lines{});
}

TEST_F(ReachLogTest, TroubleThatComesAndGoesIsToldInASum) {
  see(Reach::Takes, 0);
  for (int64_t now = 1'000; now < 3'000; now += 100) {  // 20 times, each of 40 ms
    see(Reach::Away, now);
    see(Reach::Takes, now + 40);
  }
  EXPECT_EQ(said(), (Lines{kTakes, kAway, kTakes}));
  see(Reach::Takes, 61'039);
  EXPECT_EQ(said(), Lines{});
  see(Reach::Takes, 61'040);
  EXPECT_EQ(said(), Lines{"warning X took no updates 19 more times, 0.8 s in all, the last time: it is broken"});
  see(Reach::Away, 121'029);
  see(Reach::Takes, 121'039);
  EXPECT_EQ(said(), Lines{}) << "less than a minute since the last line";
  see(Reach::Away, 122'000);
  EXPECT_EQ(said(), Lines{kAway});
  log_.end(122'100);
  EXPECT_EQ(said(), Lines{"warning X took no updates 1 more time, 0.0 s in all, the last time: it is broken"});
}

TEST_F(ReachLogTest, TroubleThatComesBackAndStaysIsTold) {
  see(Reach::Away, 0);
  see(Reach::Takes, 100);
  see(Reach::Away, 200);
  see(Reach::Away, 5'199);
  EXPECT_EQ(said(), (Lines{kAway, kTakes}));
  see(Reach::Away, 5'200);
  EXPECT_EQ(said(), Lines{kAway});
  see(Reach::Takes, 6'000);
  EXPECT_EQ(said(), Lines{kTakes});
  log_.end(6'001);
  EXPECT_EQ(said(), Lines{});
}

TEST_F(ReachLogTest, EachKindOfTroubleIsTold) {
  see(Reach::Takes, 0);
  see(Reach::Away, 10);
  see(Reach::Refuses, 20, "CLUSTERDOWN");
  see(Reach::Refuses, 900, "CLUSTERDOWN");
  EXPECT_EQ(said(), (Lines{kTakes, kAway})) << "it comes back by and by";
  see(Reach::Refuses, 1'020, "CLUSTERDOWN");
  EXPECT_EQ(said(), Lines{"warning X takes no updates, they wait: CLUSTERDOWN"});
  see(Reach::Takes, 1'100);
  see(Reach::Refuses, 1'200, "OOM");
  see(Reach::Takes, 1'300);
  EXPECT_EQ(said(), Lines{kTakes});
  see(Reach::Away, 1'400, "closed");
  log_.end(1'900);
  EXPECT_EQ(said(), Lines{"warning X took no updates 2 more times, 0.6 s in all, the last time: closed"});
}

}  // namespace
}  // namespace microcloud
