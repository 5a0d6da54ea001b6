#include "cloud/lane.h"

#include "cloud/lane_test_bed.h"

namespace microcloud {
namespace {

using namespace cloud_test;

TEST(Lane, BatchesAreAppliedAndAcknowledged) {
  LaneBed bed;
  bed.lane.up(bed.now_ms);
  for (int key = 0; key < 10; ++key) bed.counters.add("k" + std::to_string(key), 7);
  EXPECT_FALSE(bed.lane.acknowledged());
  bed.run(100);
  EXPECT_EQ(bed.server.data.hashes, bed.counters.truth);
  EXPECT_EQ(bed.lane.acknowledged(), 3U);
  EXPECT_EQ(bed.server.data.texts.at("mc.led.test"), "3");
  EXPECT_TRUE(bed.lane.settled());
  EXPECT_EQ(bed.lane.counts().increments, 10U);
  EXPECT_EQ(bed.lane.kept(), 3U) << "without a replica they are kept for a while";
  bed.run(31'000);
  EXPECT_EQ(bed.lane.kept(), 0U);
}

TEST(Lane, NoMoreThanAFewBatchesAreOutAndTheRestGoesOnMerging) {
  LaneBed bed({.ledger = "mc.led.test", .in_flight = 4});
  bed.lane.up(bed.now_ms);
  bed.network.move_all();
  for (int time = 0; time < 3; ++time) {
    for (int key = 0; key < 100; ++key) bed.counters.add("k" + std::to_string(key), 1);
    bed.lane.tick(bed.now_ms += 20);
  }
  EXPECT_EQ(bed.lane.unacknowledged(), 4U);
  EXPECT_EQ(bed.counters.waiting(), 100U);
  bed.run(2'000);
  EXPECT_EQ(bed.server.data.hashes, bed.counters.truth);
}

TEST(Lane, ABacklogGoesOutWithTheRepliesNotWithTheClock) {
  LaneBed bed({.ledger = "mc.led.test", .keep_bytes = 4'000});
  bed.lane.up(bed.now_ms);
  bed.network.move_all();
  for (int key = 0; key < 1'000; ++key) bed.counters.add("k" + std::to_string(key), 1);
  bed.lane.tick(bed.now_ms += 20);
  bed.network.move_all();
  EXPECT_EQ(bed.server.data.hashes, bed.counters.truth);
  EXPECT_EQ(bed.lane.acknowledged(), 250U);
  EXPECT_LT(bed.lane.kept_bytes(), 4'500U) << "of those without a replica the oldest made room";
}

TEST(Lane, WhatComesAfterASilenceGoesAtOnceWhereTheLaneIsOfThatKind) {
  for (const bool at_once : {false, true}) {
    LaneBed bed({.ledger = "mc.led.test", .flush_ms = 2'000, .at_once = at_once});
    bed.lane.up(bed.now_ms);
    bed.run(2'100);
    bed.run(1'000);
    bed.counters.add("k", 1);
    bed.run(5);
    EXPECT_EQ(bed.server.data.hashes == bed.counters.truth, at_once);
    bed.counters.add("k", 1);
    bed.counters.add("other", 1);
    bed.run(800);
    EXPECT_NE(bed.server.data.hashes, bed.counters.truth) << "something went just before";
    bed.run(2'000);
    EXPECT_EQ(bed.server.data.hashes, bed.counters.truth);
  }
}

TEST(Lane, ARepeatOfWhatWasAppliedIsRefusedByTheGuard) {
  LaneBed bed;
  bed.lane.up(bed.now_ms);
  bed.network.move_all();
  bed.counters.add("k", 5);
  bed.lane.tick(bed.now_ms += 20);
  bed.network.move(SIZE_MAX, 0);  // applied, but the reply is lost
  EXPECT_EQ(bed.server.data.hashes.at("k").at("n"), 5);
  bed.network.cut(bed.lane, false);
  bed.lane.up(bed.now_ms);
  bed.run(200);
  EXPECT_EQ(bed.server.data.hashes.at("k").at("n"), 5);
  EXPECT_EQ(bed.lane.acknowledged(), 1U);
  EXPECT_EQ(bed.lane.counts().sent_again, 0U) << "the ledger told";
}

TEST(Lane, BytesThatArriveAfterTheReconnectApplyNothingTwice) {
  LaneBed bed;
  bed.lane.up(bed.now_ms);
  bed.network.move_all();
  bed.counters.add("k", 5);
  bed.lane.tick(bed.now_ms += 20);
  bed.network.cut(bed.lane, true);
  bed.lane.up(bed.now_ms);
  bed.run(10);  // the ledger was read, and the batch is out again
  bed.network.deliver_late();
  bed.run(200);
  EXPECT_EQ(bed.server.data.hashes.at("k").at("n"), 5);
  EXPECT_EQ(bed.lane.acknowledged(), 1U);
}

TEST(Lane, WithoutTheRightToRunScriptsNothingIsAppliedAndNothingIsLost) {
  LaneBed bed;
  bed.lane.up(bed.now_ms);
  bed.counters.add("k", 1);
  bed.run(100);
  bed.server.denied = {"EVAL"};  // taken away between two batches: the guard does not guard any more
  bed.counters.add("k", 5);
  bed.run(1'000);
  EXPECT_EQ(bed.server.data.hashes.at("k").at("n"), 1);
  EXPECT_NE(bed.lane.trouble().find("NOPERM"), std::string::npos) << bed.lane.trouble();
  bed.server.denied.clear();
  bed.run(10'000);
  EXPECT_EQ(bed.server.data.hashes.at("k").at("n"), 6);
  EXPECT_EQ(bed.lane.trouble(), "");
}

TEST(Lane, WithoutARightThatTheGuardRestsOnNothingGoesOut) {
  for (const char* name : {"WATCH", "MULTI", "EXEC", "EVAL", "SET", "HINCRBY"}) {
    LaneBed bed;
    bed.server.denied = {name};
    bed.lane.up(bed.now_ms);
    bed.counters.add("k", 5);
    bed.run(1'000);
    EXPECT_TRUE(bed.server.data.hashes.empty()) << name;
    EXPECT_EQ(bed.lane.trouble(), std::string("NOPERM no right to ") + name);
    bed.server.denied.clear();
    bed.run(10'000);
    EXPECT_EQ(bed.server.data.hashes.at("k").at("n"), 5) << name;
    EXPECT_EQ(bed.lane.trouble(), "") << name;
    EXPECT_EQ(bed.network.reconnects, 0U) << name;
  }
}

TEST(Lane, ARightTakenAwayBetweenTwoBatchesIsTold) {
  for (const char* name : {"WATCH", "MULTI", "EXEC", "SET", "HINCRBY"}) {
    LaneBed bed;
    bed.lane.up(bed.now_ms);
    bed.counters.add("k", 1);
    bed.run(100);
    bed.server.denied = {name};
    bed.counters.add("k", 5);
    bed.run(1'000);
    EXPECT_EQ(bed.lane.trouble(), std::string("NOPERM no right to ") + name);
    bed.counters.add("k", 20);
    bed.network.cut(bed.lane, true);
    bed.lane.up(bed.now_ms);
    bed.network.deliver_late();
    bed.run(1'000);
    EXPECT_LE(bed.server.data.hashes.at("k").at("n"), 6) << name;
    bed.server.denied.clear();
    bed.run(10'000);
    EXPECT_EQ(bed.server.data.hashes.at("k").at("n"), 26) << name;
    EXPECT_EQ(bed.lane.trouble(), "") << name;
  }
}

TEST(Lane, ARightTakenAwayInsideOfATransactionDoublesAndLosesNothing) {
  for (const char* name : {"SET", "HINCRBY"}) {
    LaneBed bed;
    bed.lane.up(bed.now_ms);
    bed.counters.add("k", 1);
    bed.run(100);
    bed.server.denied_at_exec = {name};
    bed.counters.add("k", 5);
    bed.lane.tick(bed.now_ms += 20);
    bed.counters.add("k", 20);
    bed.lane.tick(bed.now_ms += 20);
    bed.network.move_all();
    bed.server.denied_at_exec.clear();
    bed.run(10'000);
    EXPECT_EQ(bed.server.data.hashes.at("k").at("n"), 26) << name;
    EXPECT_EQ(bed.lane.counts().refused, 0U);
    EXPECT_EQ(bed.lane.counts().increments, 3U);
    EXPECT_EQ(bed.lane.trouble(), "") << name;
    EXPECT_EQ(bed.server.data.texts.at("mc.led.test"), std::string_view(name) == "SET" ? "3" : "5") << name;
    EXPECT_EQ(bed.lane.last_number(), bed.lane.acknowledged());
  }
}

/// The batch and what was refused of it are two from then on, also for a server that loses both.
TEST(Lane, WhatWasRefusedInsideOfATransactionIsSentAgainAloneByAServerThatLostAll) {
  LaneBed bed;
  bed.lane.up(bed.now_ms);
  for (int key = 0; key < 3; ++key) bed.counters.add("k" + std::to_string(key), 1);
  bed.counters.buffer.at("k0").refresh();
  bed.run(100);
  const Database before = bed.server.data;
  bed.server.denied_at_exec = {"HINCRBY"};
  for (int key = 0; key < 3; ++key) bed.counters.add("k" + std::to_string(key), 5);
  bed.counters.buffer.at("k0").refresh();
  bed.server.expires.clear();
  bed.run(30);
  EXPECT_EQ(bed.server.data.hashes, before.hashes);
  EXPECT_TRUE(bed.server.expires.contains("k0")) << "the rest was applied";
  EXPECT_EQ(bed.lane.trouble(), "NOPERM no right to HINCRBY");
  EXPECT_FALSE(bed.lane.settled());
  bed.server.denied_at_exec.clear();
  bed.run(1'000);
  EXPECT_EQ(bed.server.data.hashes, bed.counters.truth);
  for (const bool all : {false, true}) {  // it comes back without what was refused first, or without anything
    bed.server.data = all ? Database{} : before;
    bed.server.restart();
    bed.network.cut(bed.lane, false);
    bed.lane.up(bed.now_ms);
    bed.run(1'000);
    EXPECT_EQ(bed.server.data.hashes, bed.counters.truth) << all;
    EXPECT_EQ(bed.lane.counts().increments, 6U);
  }
  EXPECT_EQ(bed.lane.counts().lost, 0U);
}

TEST(Lane, RightsThatComeAndGoInsideOfTransactionsLoseNothing) {
  std::mt19937 random(11);
  LaneBed bed;
  bed.lane.up(bed.now_ms);
  bed.server.wrong_type = {"k7"};
  uint64_t refused = 0;
  for (int round = 0; round < 2'000; ++round) {
    for (auto count = 1 + random() % 3; count > 0; --count) {
      const auto key = random() % 20;
      bed.counters.add("k" + std::to_string(key), 1 + random() % 9);
      if (key == 7) ++refused;
    }
    const auto what = random() % 12;
    if (what == 0) bed.server.denied_at_exec = {"HINCRBY"};
    if (what == 1) bed.server.denied_at_exec = {"SET"};
    if (what == 2) bed.server.denied = {random() % 2 == 0 ? "HINCRBY" : "EVAL"};
    if (what == 3) bed.server.denied_at_exec.clear();
    if (what == 4) bed.server.denied.clear();
    if (what == 5 && random() % 4 == 0) {
      bed.network.cut(bed.lane, false);
      bed.lane.up(bed.now_ms);
    }
    bed.run(5);
  }
  bed.server.denied.clear();
  bed.server.denied_at_exec.clear();
  bed.run(30'000);
  bed.counters.truth.erase("k7");
  EXPECT_EQ(bed.server.data.hashes, bed.counters.truth);
  EXPECT_EQ(bed.lane.counts().refused, refused) << "what is refused for good, and nothing that is taken later";
  EXPECT_EQ(bed.lane.counts().increments, bed.counters.increments) << "also of batches that were divided";
  EXPECT_TRUE(bed.lane.settled());
}

TEST(Lane, AServerWithoutMemoryGetsItLater) {
  LaneBed bed;
  bed.lane.up(bed.now_ms);
  bed.server.out_of_memory = true;
  for (int key = 0; key < 50; ++key) bed.counters.add("k" + std::to_string(key), 3);
  bed.run(3'000);
  EXPECT_TRUE(bed.server.data.hashes.empty());
  EXPECT_NE(bed.lane.trouble().find("OOM"), std::string::npos) << bed.lane.trouble();
  EXPECT_LT(bed.lane.counts().sent_again, 13U * 7) << "of 13 batches, with pauses that grow";
  bed.server.out_of_memory = false;
  bed.run(10'000);
  EXPECT_EQ(bed.server.data.hashes, bed.counters.truth);
}

TEST(Lane, AKeyOfAnotherTypeIsCountedAndTheOthersAreApplied) {
  LaneBed bed;
  bed.lane.up(bed.now_ms);
  bed.server.wrong_type.insert("k1");
  for (int key = 0; key < 3; ++key) bed.counters.add("k" + std::to_string(key), 3);
  bed.run(100);
  EXPECT_EQ(bed.server.data.hashes.size(), 2U);
  EXPECT_EQ(bed.lane.counts().refused, 1U);
  EXPECT_TRUE(bed.lane.refusal().starts_with("k1: WRONGTYPE")) << bed.lane.refusal();
  EXPECT_EQ(bed.lane.trouble(), "");
}

TEST(Lane, EachIncrementThatWasMergedIntoARefusedOneIsCounted) {
  LaneBed bed;
  bed.lane.up(bed.now_ms);
  bed.server.wrong_type = {"k1", "set"};
  bed.server.data.hashes["k2"]["n"] = INT64_MAX;
  for (int time = 0; time < 5; ++time) {
    for (const char* key : {"k0", "k1", "k2"}) bed.counters.add(key, 3);
    bed.counters.buffer.at("set").add_member("a", 1);
    bed.counters.buffer.at("set").add_member(time < 2 ? "b" : "c", 1);
  }
  bed.run(100);
  EXPECT_EQ(bed.server.data.hashes.at("k0"), bed.counters.truth.at("k0"));
  EXPECT_EQ(bed.server.data.hashes.at("k2").at("n"), INT64_MAX);
  EXPECT_EQ(bed.lane.counts().refused, 20U) << "5 of k1, 5 of k2, 10 of the set";
  EXPECT_EQ(bed.lane.counts().increments, 25U);
  EXPECT_EQ(bed.lane.counts().refused_others, 0U);
}

TEST(Lane, ARefusedCommandThatBringsNoIncrementIsCountedApart) {
  LaneBed bed;
  bed.lane.up(bed.now_ms);
  bed.server.wrong_type.insert("k");
  KeyUpdate& update = bed.counters.buffer.at("k");
  update.set("mac", "aa");
  update.latest("lastSeen", 9);
  update.if_absent("firstSeen", 1);
  update.refresh();
  bed.run(100);
  EXPECT_EQ(bed.lane.counts().refused_others, 2U) << "HSETNX and HSET; EXPIRE works with any type";
  EXPECT_EQ(bed.lane.counts().refused, 0U);
  EXPECT_EQ(bed.lane.counts().increments, 0U);
  EXPECT_TRUE(bed.lane.refusal().starts_with("k: WRONGTYPE")) << bed.lane.refusal();
}

/// The server that lost a batch takes it anew, and says again what it refuses.
TEST(Lane, WhatWasRefusedIsCountedOnceThoughItGoesTwice) {
  for (const bool again : {true, false}) {
    LaneBed bed;
    bed.lane.up(bed.now_ms);
    bed.server.wrong_type.insert("k1");
    for (int time = 0; time < 7; ++time) {
      for (const char* key : {"k0", "k1"}) bed.counters.add(key, 3);
    }
    bed.run(100);
    EXPECT_EQ(bed.lane.counts().refused, 7U);
    bed.server.data = {};
    if (!again) bed.server.wrong_type.clear();
    bed.network.cut(bed.lane, false);
    bed.server.restart();
    bed.lane.up(bed.now_ms);
    bed.run(100);
    EXPECT_EQ(bed.lane.counts().rolled_back, 1U);
    EXPECT_EQ(bed.lane.counts().increments, 14U);
    EXPECT_EQ(bed.lane.counts().refused, again ? 7U : 0U);
    EXPECT_EQ(bed.server.data.hashes == bed.counters.truth, !again);
  }
}

TEST(Lane, WhatWasRefusedIsNotLostASecondTimeByTheServer) {
  LaneBed bed({.ledger = "mc.led.test", .keep_ms = 1'000});
  bed.lane.up(bed.now_ms);
  bed.server.wrong_type.insert("k1");
  for (int time = 0; time < 7; ++time) {
    for (const char* key : {"k0", "k1", "k2"}) bed.counters.add(key, 3);
  }
  bed.run(2'000);  // no longer kept
  EXPECT_EQ(bed.lane.counts().refused, 7U);
  bed.server.data = {};
  bed.network.cut(bed.lane, false);
  bed.server.restart();
  bed.lane.up(bed.now_ms);
  bed.run(500);
  EXPECT_EQ(bed.lane.counts().lost, 14U);
  EXPECT_EQ(bed.lane.counts().refused, 7U);
  EXPECT_EQ(bed.lane.counts().increments, 7U) << "none of them that it has not refused";
}

TEST(Lane, AKeyBornAgainGetsATimeToLive) {
  LaneBed bed;
  bed.lane.up(bed.now_ms);
  bed.counters.buffer.at("fresh").refresh();
  bed.counters.add("fresh", 3);
  bed.counters.add("old", 3);
  bed.run(100);
  EXPECT_EQ(bed.server.expires, (std::set<std::string>{"fresh", "old"})) << "old was believed alive, and was not";
  EXPECT_EQ(bed.lane.counts().reborn, 1U);
  bed.server.expires.clear();
  bed.counters.add("old", 3);
  bed.run(100);
  EXPECT_TRUE(bed.server.expires.empty());
}

TEST(Lane, ASetWithAnyMemberThatWasThereIsNotBornAgain) {
  LaneBed bed;
  bed.lane.up(bed.now_ms);
  bed.server.data.hashes["lives"]["a"] = 7;
  bed.counters.work = 100;
  for (const char* set : {"lives", "gone"}) {
    for (const char* member : {"a", "b"}) bed.counters.buffer.at(set).add_member(member, 3);
  }
  bed.run(100);
  EXPECT_EQ(bed.server.data.hashes["lives"], (std::map<std::string, int64_t>{{"a", 10}, {"b", 3}}));
  EXPECT_EQ(bed.server.expires, (std::set<std::string>{"gone"}));
  EXPECT_EQ(bed.lane.counts().reborn, 1U);
}

TEST(Lane, ABatchIsKeptUntilEveryReplicaHasIt) {
  LaneBed bed;
  bed.server.replicas = {0, 0};
  bed.lane.up(bed.now_ms);
  bed.counters.add("k", 5);
  bed.run(60'000);
  EXPECT_EQ(bed.lane.kept(), 1U);
  EXPECT_FALSE(bed.lane.settled());
  bed.server.replicas = {bed.server.offset, 0};
  bed.run(2'000);
  EXPECT_EQ(bed.lane.kept(), 1U) << "one has it, the other has not";
  bed.server.replicas = {};
  bed.run(60'000);
  EXPECT_EQ(bed.lane.kept(), 1U) << "no replica, no confirmation";
  bed.server.replicas = {bed.server.offset, bed.server.offset};
  bed.run(2'000);
  EXPECT_EQ(bed.lane.kept(), 0U);
  EXPECT_TRUE(bed.lane.settled());
}

TEST(Lane, WhatAServerLostAfterItsAcknowledgementIsSentAgain) {
  LaneBed bed;
  bed.lane.up(bed.now_ms);
  bed.counters.add("k", 5);
  bed.run(100);
  const Database saved = bed.server.data;
  for (int time = 0; time < 3; ++time) {
    bed.counters.add("k", 1);
    bed.run(100);
  }
  EXPECT_EQ(bed.lane.acknowledged(), 4U);
  bed.server.data = saved;
  bed.network.cut(bed.lane, false);
  bed.server.restart();
  bed.lane.up(bed.now_ms);
  bed.run(100);
  EXPECT_EQ(bed.server.data.hashes, bed.counters.truth);
  EXPECT_EQ(bed.lane.counts().rolled_back, 3U);
  EXPECT_EQ(bed.lane.counts().sent_again, 3U);
  EXPECT_EQ(bed.lane.counts().lost, 0U);
}

TEST(Lane, WhatAServerMayHaveLostIsKeptAsLongAsItIsAway) {
  LaneBed bed({.ledger = "mc.led.test", .keep_ms = 1'000});
  bed.lane.up(bed.now_ms);
  bed.counters.add("k", 5);
  bed.run(100);
  const Database saved = bed.server.data;
  bed.counters.add("k", 10);
  bed.run(100);
  bed.network.cut(bed.lane, false);
  bed.server.restart();
  bed.server.data = saved;
  bed.run(60'000);
  EXPECT_EQ(bed.lane.kept(), 2U);
  bed.lane.up(bed.now_ms);
  bed.run(500);
  EXPECT_EQ(bed.server.data.hashes, bed.counters.truth);
  EXPECT_EQ(bed.lane.counts().lost, 0U);
  bed.run(2'000);
  EXPECT_EQ(bed.lane.kept(), 0U);
}

TEST(Lane, WhatAServerLostTooLateIsCounted) {
  LaneBed bed({.ledger = "mc.led.test", .keep_ms = 1'000});
  bed.lane.up(bed.now_ms);
  bed.counters.add("k", 5);
  bed.run(100);
  const Database saved = bed.server.data;
  bed.counters.add("k", 10);
  bed.run(2'000);  // no longer kept
  bed.counters.add("k", 100);
  bed.run(100);
  EXPECT_EQ(bed.lane.kept(), 1U);
  bed.server.data = saved;
  bed.network.cut(bed.lane, false);
  bed.server.restart();
  bed.lane.up(bed.now_ms);
  bed.counters.add("k", 1'000);
  bed.run(500);
  EXPECT_EQ(bed.server.data.hashes.at("k").at("n"), 1'105);
  EXPECT_EQ(bed.lane.counts().lost, 1U) << "one increment";
}

TEST(Lane, MemoryIsBoundedAndWaitingUpdatesMerge) {
  LaneBed bed({.ledger = "mc.led.test", .keep_bytes = 4'000});
  bed.server.replicas = {0};  // that never gets anything
  bed.lane.up(bed.now_ms);
  for (int time = 0; time < 1'000; ++time) {
    for (int key = 0; key < 10; ++key) bed.counters.add("k" + std::to_string(key), 1);
    bed.run(10);
  }
  EXPECT_LT(bed.lane.kept_bytes(), 4'500U);
  EXPECT_EQ(bed.counters.waiting(), 10U);
  EXPECT_NE(bed.lane.trouble().find("replicas do not confirm"), std::string::npos) << bed.lane.trouble();
  bed.server.replicas = {INT64_MAX};
  bed.run(5'000);
  EXPECT_EQ(bed.server.data.hashes, bed.counters.truth);
  EXPECT_EQ(bed.lane.trouble(), "");
}

/// Everything that can go wrong, at random: cuts at any byte in either direction, bytes that arrive after the
/// reconnect, a server that comes back without its last seconds, one without memory.
TEST(Lane, CountersEqualTheTruthWhateverBreaks) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    const auto chance = [&](unsigned in) { return random() % in == 0; };
    LaneBed bed;
    std::vector<Database> saves = {bed.server.data};
    bed.lane.up(bed.now_ms);
    bool up = true;
    for (int step = 0; step < 400; ++step) {
      for (unsigned count = random() % 4; count > 0; --count)
        bed.counters.add("k" + std::to_string(random() % 20), random() % 100);
      bed.lane.tick(bed.now_ms += random() % 15);
      bed.network.move(random() % 1'500, random() % 60);
      if (up && chance(15)) {
        bed.network.cut(bed.lane, chance(2));
        up = false;
        if (chance(3)) {
          bed.server.data = saves[saves.size() - 1 - random() % std::min<size_t>(saves.size(), 5)];
          bed.server.restart();
          bed.network.drop_late();
        }
      } else if (!up && chance(3)) {
        bed.lane.up(bed.now_ms);
        up = true;
      }
      if (chance(8)) bed.network.deliver_late();
      if (chance(10)) saves.push_back(bed.server.data);
      if (chance(40)) bed.server.out_of_memory = !bed.server.out_of_memory;
    }
    bed.server.out_of_memory = false;
    bed.network.deliver_late();
    if (!up) bed.lane.up(bed.now_ms);
    bed.run(30'000);
    ASSERT_EQ(bed.server.data.hashes, bed.counters.truth) << "seed " << seed;
    ASSERT_TRUE(bed.lane.settled()) << "seed " << seed;
    ASSERT_EQ(bed.lane.counts().lost, 0U);
  }
}

}  // namespace
}  // namespace microcloud
