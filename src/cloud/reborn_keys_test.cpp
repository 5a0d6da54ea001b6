#include "cloud/reborn_keys.h"

#include "cloud/lane_test_bed.h"

namespace microcloud {
namespace {

using namespace cloud_test;

/// Updates of a few keys with their times, and what each key must hold: what came since it was deleted last, whatever
/// else happened. What it tells of times it tells as the accounting does.
class TimedCounters final : public PieceSource {
 public:
  struct Update {
    int64_t amount;
    SeenTimes times;
  };
  std::map<std::string, std::vector<Update>> made;
  MergeBuffer buffer{size_t{1} << 20, HashSeed{}};

  void add(const std::string& key, int64_t amount, const SeenTimes& times, bool refreshes = false) {
    made[key].push_back({amount, times});
    KeyUpdate& update = buffer.at(key);
    update.add("n", static_cast<uint64_t>(amount));
    update.seen(times);
    const auto known = told_.find(key);
    if (known == told_.end()) {
      update.if_absent("firstSeen", update.times().first_ms);
    } else if (times.first_ms < known->second.first_ms || refreshes) {
      update.earliest("firstSeen", update.times().first_ms);
    }
    if (known == told_.end() || times.last_ms > known->second.last_ms) update.latest("lastSeen", times.last_ms);
    if (known == told_.end()) update.begin();
    if (refreshes) update.refresh();
    told_[key].include(times);
  }
  size_t waiting() override { return buffer.ready(); }
  std::optional<Piece> cut() override { return cut_piece(buffer, {.work = 12}); }
  void reborn(const std::vector<KeyTimes>& keys) override {
    for (const KeyTimes& one : keys) {
      SeenTimes& told = told_[one.key] = one.times;
      const KeyUpdate* waiting = buffer.find(one.key);
      if (waiting == nullptr) continue;
      const SeenTimes times = waiting->times();
      KeyUpdate& update = buffer.at(one.key);
      if (times.first_ms < told.first_ms) update.earliest("firstSeen", times.first_ms);
      if (times.last_ms > told.last_ms) update.latest("lastSeen", times.last_ms);
      told.include(times);
    }
  }
  /// Of the last updates whose amounts make this sum; nothing: there are no such ones.
  std::optional<SeenTimes> times_of_last(const std::string& key, int64_t sum) const {
    SeenTimes times;
    const std::vector<Update>& all = made.at(key);
    for (auto at = all.rbegin(); at != all.rend() && sum > 0; ++at) {
      sum -= at->amount;
      times.include(at->times);
    }
    return sum == 0 ? std::optional(times) : std::nullopt;
  }

 private:
  std::map<std::string, SeenTimes> told_;
};

struct TimedBed {
  Server server;
  Network network{server};
  TimedCounters counters;
  Lane lane{{.ledger = "mc.led.test"}, counters, network};
  int64_t now_ms = 1'000;

  TimedBed() { lane.up(now_ms); }
  void run(int64_t ms) {
    for (const int64_t end = now_ms + ms; now_ms < end; now_ms += 5) {
      lane.tick(now_ms);
      network.move_all();
    }
  }
  void remove(const std::string& key) {
    server.data.hashes.erase(key);
    server.expires.erase(key);
  }
  int64_t at(const std::string& key, const std::string& field) {
    const auto& hash = server.data.hashes[key];
    const auto found = hash.find(field);
    return found == hash.end() ? -1 : found->second;
  }
};

TEST(RebornKeys, AKeyThatWasDeletedHasTheTimesOfWhatCameSince) {
  TimedBed bed;
  bed.counters.add("k", 5, {100, 200});
  bed.run(50);
  EXPECT_EQ(bed.lane.acknowledged(), 1U);
  bed.remove("k");
  bed.counters.add("k", 7, {300, 310});
  bed.counters.add("k", 2, {250, 290});
  bed.run(50);
  EXPECT_EQ(bed.at("k", "n"), 9);
  EXPECT_EQ(bed.at("k", "firstSeen"), 250);
  EXPECT_EQ(bed.at("k", "lastSeen"), 310);
  EXPECT_TRUE(bed.server.expires.contains("k"));
  EXPECT_EQ(bed.lane.counts().reborn, 1U);
  bed.counters.add("k", 1, {220, 305});
  bed.run(50);
  EXPECT_EQ(bed.at("k", "firstSeen"), 220) << "a flow that began earlier and was told later";
  EXPECT_EQ(bed.at("k", "lastSeen"), 310);
  EXPECT_EQ(bed.lane.counts().reborn, 1U);
}

TEST(RebornKeys, LastSeenIsToldThoughItIsNoLaterThanBefore) {
  TimedBed bed;
  bed.counters.add("k", 5, {100, 900});
  bed.run(50);
  bed.remove("k");
  bed.counters.add("k", 7, {300, 310});
  bed.run(50);
  EXPECT_EQ(bed.at("k", "firstSeen"), 300);
  EXPECT_EQ(bed.at("k", "lastSeen"), 310);
  bed.counters.add("k", 7, {305, 400});
  bed.run(50);
  EXPECT_EQ(bed.at("k", "lastSeen"), 400);
}

TEST(RebornKeys, ARefreshDoesNotHideIt) {
  TimedBed bed;
  bed.counters.add("k", 5, {100, 200});
  bed.run(50);
  bed.remove("k");
  bed.counters.add("k", 7, {300, 310}, true);
  bed.run(50);
  EXPECT_EQ(bed.at("k", "firstSeen"), 300);
  EXPECT_EQ(bed.lane.counts().reborn, 1U);
  bed.counters.add("k", 7, {290, 320});
  bed.run(50);
  EXPECT_EQ(bed.at("k", "firstSeen"), 290);
}

TEST(RebornKeys, WhatAnotherOneToldFirstIsMadeEarlier) {
  TimedBed bed;
  bed.server.data.hashes["later"] = {{"n", 1}, {"firstSeen", 5'000}, {"lastSeen", 6'000}};
  bed.server.data.hashes["earlier"] = {{"n", 1}, {"firstSeen", 50}, {"lastSeen", 6'000}};
  for (const char* key : {"later", "earlier"}) bed.counters.add(key, 5, {100, 200});
  bed.run(50);
  EXPECT_EQ(bed.at("later", "firstSeen"), 100);
  EXPECT_EQ(bed.at("earlier", "firstSeen"), 50);
  EXPECT_EQ(bed.lane.counts().reborn, 0U);
}

TEST(RebornKeys, AFieldThatIsNewDoesNotMakeAKeyBornAgain) {
  TimedBed bed;
  bed.counters.add("k", 5, {100, 200});
  bed.run(50);
  bed.counters.buffer.at("k").add("m", 3);
  bed.counters.buffer.at("k").seen({150, 160});
  bed.run(50);
  EXPECT_EQ(bed.at("k", "firstSeen"), 100);
  EXPECT_EQ(bed.lane.counts().reborn, 0U);
}

TEST(RebornKeys, AKeyThatHadALastSeenIsNotAsked) {
  TimedBed bed;
  bed.counters.add("k", 5, {100, 200});
  bed.run(50);
  bed.counters.buffer.at("k").add("m", 3);
  bed.counters.buffer.at("k").seen({150, 260});
  bed.counters.buffer.at("k").latest("lastSeen", 260);
  bed.run(50);
  EXPECT_EQ(bed.lane.last_number(), 2U) << "no batch of questions";
}

/// The reply that would tell of it never comes: only the ledger says that the batch was applied.
TEST(RebornKeys, AReplyThatIsLostIsAskedFor) {
  TimedBed bed;
  bed.counters.add("k", 5, {100, 200});
  bed.counters.add("alive", 5, {100, 200});
  bed.run(50);
  bed.remove("k");
  bed.counters.add("k", 7, {300, 310});
  bed.counters.add("alive", 7, {300, 310});
  bed.lane.tick(bed.now_ms += 20);
  bed.network.move(SIZE_MAX, 0);
  EXPECT_EQ(bed.at("k", "n"), 7);
  bed.network.cut(bed.lane, false);
  bed.lane.up(bed.now_ms);
  bed.run(50);
  EXPECT_EQ(bed.at("k", "firstSeen"), 300);
  EXPECT_EQ(bed.at("k", "n"), 7);
  EXPECT_EQ(bed.at("alive", "firstSeen"), 100);
  EXPECT_EQ(bed.lane.counts().reborn, 1U);
}

/// Keys that are deleted at any moment, several batches on their way, connections cut at any byte, a server that loses
/// its last seconds.
TEST(RebornKeys, TimesAreThoseOfWhatTheCountersHoldWhateverBreaks) {
  size_t reborn = 0, keys = 0, wrong = 0;
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    const auto chance = [&](unsigned in) { return random() % in == 0; };
    TimedBed bed;
    bool up = true;
    const bool breaks = seed % 3 == 0;
    for (int step = 0; step < 400; ++step) {
      for (unsigned count = random() % 4; count > 0; --count) {
        const int64_t first = 1'000 + step * 10 - random() % 500;
        bed.counters.add("k" + std::to_string(random() % 12), 1 + random() % 100,
                         {first, first + static_cast<int64_t>(random() % 600)}, chance(10));
      }
      bed.lane.tick(bed.now_ms += random() % 15);
      bed.network.move(random() % 1'500, random() % 60);
      if (chance(breaks ? 80 : 4)) bed.remove("k" + std::to_string(random() % 12));
      if (breaks && up && chance(15)) {
        bed.network.cut(bed.lane, chance(2));
        up = false;
      } else if (!up && chance(3)) {
        bed.lane.up(bed.now_ms);
        up = true;
      }
      if (chance(8)) bed.network.deliver_late();
    }
    bed.network.deliver_late();
    if (!up) bed.lane.up(bed.now_ms);
    bed.run(3'000);
    ASSERT_TRUE(bed.lane.settled()) << "seed " << seed;
    for (const auto& [key, hash] : bed.server.data.hashes) {
      const auto sum = hash.find("n");
      const auto times = sum == hash.end() ? std::nullopt : bed.counters.times_of_last(key, sum->second);
      ASSERT_TRUE(times) << key << " seed " << seed;
      const bool is_right = bed.at(key, "firstSeen") == times->first_ms && bed.at(key, "lastSeen") == times->last_ms;
      EXPECT_TRUE(is_right || breaks) << key << " seed " << seed;
      EXPECT_TRUE(hash.contains("firstSeen") && hash.contains("lastSeen")) << key << " seed " << seed;
      keys += breaks;
      wrong += !is_right;
      EXPECT_TRUE(bed.server.expires.contains(key)) << key << " seed " << seed;
    }
    reborn += bed.lane.counts().reborn;
  }
  EXPECT_GT(reborn, 5'000U);
  EXPECT_LT(wrong, keys / 20) << "of two faults at once: a key that goes as a reply is lost";
}

}  // namespace
}  // namespace microcloud
