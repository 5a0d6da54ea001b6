#include "cloud/lane_feed.h"

#include "cloud/lane_test_bed.h"

namespace microcloud {
namespace {

using cloud_test::Network;
using cloud_test::Server;

struct FeedBed {
  FairMutex mutex;
  LaneFeed feed{mutex, {.most_waiting_bytes = size_t{1} << 20, .ttl_s = 3'600, .readable = true}};
  Server server;
  Network network{server};
  Lane lane{{.ledger = "mc.led.test"}, feed, network};
  int64_t now_ms = 1'000;

  void add(const std::string& key) {
    const std::lock_guard lock(mutex);
    feed.buffer().at(key).add("n", 1);
    feed.note_ready();
  }
  void run(int64_t ms = 50) {
    for (const int64_t end = now_ms + ms; now_ms < end; now_ms += 5) {
      lane.tick(now_ms);
      network.move_all();
      feed.note_batches(lane);
      feed.settle(lane.settled());
    }
  }
  std::vector<uint64_t> open() const {
    std::vector<uint64_t> numbers;
    for (const auto& batch : feed.batches()) numbers.push_back(batch->number);
    return numbers;
  }
};

using Numbers = std::vector<uint64_t>;

TEST(LaneFeed, ABatchIsReadableUntilTheServerHasIt) {
  FeedBed bed;
  bed.lane.up(bed.now_ms);
  bed.network.move_all();
  EXPECT_TRUE(bed.feed.empty());
  bed.add("k");
  EXPECT_EQ(bed.feed.ready(), 1U);
  EXPECT_FALSE(bed.feed.empty()) << "it waits";
  bed.lane.tick(bed.now_ms += 20);
  EXPECT_EQ(bed.feed.ready(), 0U);
  EXPECT_EQ(bed.open(), Numbers{1});
  EXPECT_NE(bed.feed.batches()[0]->commands.find("HINCRBY"), std::string::npos);
  EXPECT_EQ(bed.feed.last(), 1U);
  EXPECT_EQ(bed.feed.acknowledged(), 0U);
  EXPECT_FALSE(bed.feed.empty()) << "it is on its way";
  bed.run();
  EXPECT_TRUE(bed.open().empty());
  EXPECT_EQ(bed.feed.acknowledged(), 1U);
  EXPECT_TRUE(bed.feed.empty());
}

TEST(LaneFeed, WhatTheServerHasLostIsReadableAgain) {
  FeedBed bed;
  bed.lane.up(bed.now_ms);
  for (const char* key : {"a", "b", "c"}) {
    bed.add(key);
    bed.run();
  }
  EXPECT_EQ(bed.feed.acknowledged(), 3U);
  bed.network.cut(bed.lane, false);
  bed.server.restart();
  bed.server.data.texts["mc.led.test"] = "1";
  bed.server.data.hashes = {{"a", {{"n", 1}}}};
  bed.lane.up(bed.now_ms);
  while (bed.lane.acknowledged() == 3) bed.network.move(SIZE_MAX, 1);
  bed.feed.note_batches(bed.lane);
  EXPECT_EQ(bed.feed.acknowledged(), 1U);
  EXPECT_EQ(bed.open(), (Numbers{2, 3}));
  EXPECT_EQ(bed.feed.last(), 3U);
  bed.run();
  EXPECT_TRUE(bed.open().empty());
  EXPECT_EQ(bed.server.data.hashes.size(), 3U);
}

TEST(LaneFeed, WhatWasRefusedIsABatchOfItsOwn) {
  FeedBed bed;
  bed.lane.up(bed.now_ms);
  bed.network.move_all();
  {
    const std::lock_guard lock(bed.mutex);
    bed.feed.buffer().at("k").add("n", 1);
    bed.feed.buffer().at("set").add_member("m", 1);
    bed.feed.note_ready();
  }
  bed.server.denied_at_exec = {"ZINCRBY"};
  bed.lane.tick(bed.now_ms += 20);
  bed.network.move_all();
  bed.feed.note_batches(bed.lane);
  ASSERT_EQ(bed.open(), Numbers{2});
  EXPECT_EQ(bed.feed.batches()[0]->commands.find("HINCRBY"), std::string::npos);
  EXPECT_NE(bed.feed.batches()[0]->commands.find("ZINCRBY"), std::string::npos);
  bed.server.denied_at_exec.clear();
  bed.run(1'000);
  EXPECT_TRUE(bed.feed.empty());
  EXPECT_EQ(bed.server.data.hashes.at("set").at("m"), 1);
}

}  // namespace
}  // namespace microcloud
