#include "cloud/cluster_lane.h"

#include <map>

#include "resp/redis_test_bed.h"

namespace microcloud {
namespace {

using resp::NodeId;
using resp::Slot;

/// Real servers, each alone, of which the test says who has which slot. That a real cluster is as it should be is held
/// by the system tests.
class ClusterLaneTest : public ::testing::Test, private ClusterLink, private UnitSource {
 protected:
  struct Peer {
    resp::RedisServer server;
    std::unique_ptr<resp::Client> client;
  };

  void start(unsigned count, LaneSettings settings = {.ledger = "_l.test"}) {
    settings.flush_ms = 1;
    lane = std::make_unique<ClusterLane>(settings, static_cast<UnitSource&>(*this), static_cast<ClusterLink&>(*this));
    for (NodeId id = 1; id <= count; ++id) connect(id);
    lane->mapped();
    if (begins) lane->begin(0);
    ASSERT_TRUE(run([&] {
      return std::all_of(peers.begin(), peers.end(), [](const auto& one) { return one.second.client->ready(); });
    }));
  }
  void connect(NodeId id) {
    Peer& peer = peers[id];
    resp::ClientEvents events;
    events.state = [this, id](resp::ClientEvents::State state, const std::string&) {
      if (state == resp::ClientEvents::State::Down) return lane->down(id);
      lane->up(id, peers[id].client->node(), now_ms);
    };
    peer.client = std::make_unique<resp::Client>(loop, resp::located_at(peer.server.endpoint()),
                                                 resp::TestClient::hasty({}), std::move(events));
    peer.client->start();
  }
  template <typename Condition>
  bool run(const Condition& holds) {
    return resp::run_until(loop, [&] {
      lane->tick(now_ms += 2);
      return holds();
    });
  }
  bool settle() {
    return run([&] { return buffer.size() == 0 && lane->settled(); });
  }
  void add(const std::string& key, uint64_t amount) {
    buffer.at(key).add("n", amount);
    truth[key] += static_cast<int64_t>(amount);
  }
  void add_many() {
    for (int key = 0; key < 40; ++key) add("k" + std::to_string(key), 3);
  }
  resp::Value ask(NodeId id, std::string_view name, const auto&... arguments) {
    resp::TestClient client(loop, peers[id].server);
    EXPECT_TRUE(client.wait_ready());
    return client.ask(name, arguments...);
  }
  int64_t at(NodeId id, const std::string& key) { return ask(id, "HGET", key, "n").as_integer().value_or(0); }
  bool holds_truth() {
    for (const auto& [key, amount] : truth) {
      if (at(owner(resp::slot_of(key)), key) != amount) return false;
    }
    return true;
  }

  Loop loop;
  std::map<NodeId, Peer> peers;
  std::unique_ptr<ClusterLane> lane;
  MergeBuffer buffer{1 << 20, HashSeed{}};
  std::map<std::string, int64_t> truth;
  std::function<NodeId(Slot)> owners = [](Slot) { return 1; };
  int64_t now_ms = 1'000;
  bool begins = true;
  std::vector<KeyTimes> reborn_keys;

 private:
  void send(NodeId node, resp::Commands commands, Done done) override {
    peers[node].client->send(std::move(commands), [done = std::move(done)](resp::Result result) {
      done(result.outcome, std::move(result.replies));
    });
  }
  NodeId owner(Slot slot) const override { return owners(slot); }
  NodeId heed(NodeId, const resp::Value&) override { return resp::kNoNode; }
  size_t ready() override { return buffer.ready(); }
  UnitCut cut(size_t most, const std::function<bool(Slot)>& takes) override { return cut_units(buffer, most, takes); }
  void unshelve(const std::vector<Slot>& slots) override {
    for (const Slot slot : slots) buffer.unshelve(slot);
  }
  void reborn(const std::vector<KeyTimes>& keys) override {
    reborn_keys.insert(reborn_keys.end(), keys.begin(), keys.end());
  }
};

TEST_F(ClusterLaneTest, UnitsAreAppliedAndKeptForAWhile) {
  start(2, {.ledger = "_l.test", .keep_ms = 500});
  owners = [](Slot slot) -> NodeId { return slot % 2 == 0 ? 1 : 2; };
  lane->mapped();
  add_many();
  EXPECT_TRUE(settle());
  EXPECT_TRUE(holds_truth());
  EXPECT_EQ(lane->counts().applied, 40U);
  EXPECT_EQ(lane->counts().increments, 40U);
  EXPECT_EQ(lane->counts().sent_again, 0U);
  EXPECT_EQ(lane->kept(), 40U);
  EXPECT_TRUE(run([&] { return lane->kept() == 0; })) << "without replicas, for a time";
  EXPECT_EQ(lane->kept_bytes(), 0U);
}

TEST_F(ClusterLaneTest, ABacklogGoesOutWithTheAnswersNotWithTheClock) {
  start(1, {.ledger = "_l.test", .in_flight = 1, .keep_bytes = 4'000});
  for (int key = 0; key < 2'000; ++key) add("k" + std::to_string(key), 3);
  ASSERT_TRUE(run([&] { return lane->unacknowledged() > 0; }));
  EXPECT_TRUE(resp::run_until(loop, [&] { return buffer.size() == 0 && lane->settled(); })) << "without a tick";
  EXPECT_TRUE(holds_truth());
  EXPECT_LT(lane->kept_bytes(), 4'000U) << "of those without a replica the oldest made room";
}

TEST_F(ClusterLaneTest, WhatWasLaidAsideGoesThoughNothingNewComes) {
  start(1, {.ledger = "_l.test", .at_once = true});
  add("k", 1);
  ASSERT_TRUE(run([&] { return lane->unacknowledged() > 0; }));
  add("k", 2);
  lane->tick(now_ms += 2);
  EXPECT_EQ(buffer.ready(), 0U);
  EXPECT_EQ(buffer.size(), 1U) << "the slot has something on its way";
  EXPECT_TRUE(settle());
  EXPECT_TRUE(holds_truth());
}

TEST_F(ClusterLaneTest, NothingGoesOutBeforeItIsKnownWhereNumbersBegin) {
  begins = false;
  start(1);
  add("k", 1);
  const int64_t until = now_ms + 50;
  run([&] { return now_ms >= until; });
  EXPECT_EQ(buffer.size(), 1U);
  const uint64_t above = uint64_t{1} << 52;
  lane->begin(above);
  EXPECT_TRUE(settle());
  EXPECT_EQ(ask(1, "HGET", "k", "_l.test").as_integer(), static_cast<int64_t>(above + 1));
  EXPECT_EQ(lane->acknowledged(), above + 1);
}

TEST_F(ClusterLaneTest, ConnectionsBreakAndEachUnitIsAppliedOnce) {
  start(1);
  for (int time = 0; time < 30; ++time) {
    add_many();
    const uint64_t applied = lane->counts().applied;
    run([&] { return lane->unacknowledged() > 0 || lane->counts().applied > applied; });
    peers[1].client->reconnect("the test");
  }
  EXPECT_TRUE(settle());
  EXPECT_TRUE(holds_truth());
  EXPECT_GT(lane->counts().sent_again, 0U);
  EXPECT_EQ(lane->counts().alarms, 0U);
}

TEST_F(ClusterLaneTest, ItStandsWhereTheServersDo) {
  begins = false;
  start(2);
  owners = [](Slot slot) -> NodeId { return slot % 2 == 0 ? 1 : 2; };
  lane->mapped();
  EXPECT_EQ(lane->stands_at(), 0U) << "nothing is known of numbers yet";
  lane->begin(7);
  EXPECT_TRUE(run([&] { return lane->stands_at() == 7; }));
  EXPECT_EQ(lane->stands_at("k"), 7U);
  add_many();
  EXPECT_TRUE(settle());
  EXPECT_EQ(lane->stands_at(), lane->acknowledged());
  EXPECT_EQ(lane->stands_at("k1"), ask(owners(resp::slot_of("k1")), "HGET", "k1", "_l.test").as_integer());
  // What is lost of a server that is not there is not known.
  peers[1].server.process().end();
  EXPECT_TRUE(run([&] { return lane->stands_at() == 0; }));
  for (int key = 0; key < 40; ++key) {
    const std::string name = "k" + std::to_string(key);
    EXPECT_EQ(lane->stands_at(name) == 0, owners(resp::slot_of(name)) == 1) << name;
  }
  // It came back empty: all that it had is on its way again.
  peers[1].server.start();
  EXPECT_TRUE(run([&] { return lane->stands_at() != 0; }));
  EXPECT_TRUE(settle());
  EXPECT_TRUE(holds_truth());
}

TEST_F(ClusterLaneTest, AServerWithoutMemoryGetsItLaterAndItGoesOnMerging) {
  start(1);
  ask(1, "CONFIG", "SET", "maxmemory", 1);
  for (int time = 0; time < 20; ++time) {
    add_many();
    const int64_t until = now_ms + 20;
    run([&] { return now_ms >= until; });
  }
  EXPECT_TRUE(run([&] { return !lane->trouble().empty(); }));
  EXPECT_EQ(lane->unacknowledged(), 40U) << "one unit of each key";
  EXPECT_EQ(buffer.size(), 40U);
  EXPECT_TRUE(lane->trouble().starts_with("OOM")) << lane->trouble();
  ASSERT_EQ(lane->open_of("k7").size(), 1U);
  EXPECT_EQ(lane->open_of("k7")[0]->numbers.at(0).value, 3);
  EXPECT_EQ(lane->stands_at("k7"), lane->open_of("k7")[0]->number - 1);
  EXPECT_GE(lane->stands_at("other"), lane->open_of("k7")[0]->number);
  size_t open = 0;
  lane->each_open([&open](const KeyUnit&) { ++open; });
  EXPECT_EQ(open, 40U);
  ask(1, "CONFIG", "SET", "maxmemory", 0);
  EXPECT_TRUE(settle());
  EXPECT_TRUE(holds_truth());
  EXPECT_EQ(lane->trouble(), "");
}

TEST_F(ClusterLaneTest, ANewOwnerGetsAllThatIsKeptThoughNothingNewComes) {
  start(2);
  add_many();
  EXPECT_TRUE(settle());
  owners = [](Slot) { return 2; };
  lane->mapped();
  EXPECT_TRUE(settle());
  EXPECT_TRUE(holds_truth());
  EXPECT_EQ(lane->counts().rolled_back, 40U);
  EXPECT_EQ(lane->counts().increments, 40U);
}

TEST_F(ClusterLaneTest, AServerThatComesBackEmptyGetsAllThatIsKept) {
  start(1);
  for (int time = 0; time < 5; ++time) {
    add_many();
    EXPECT_TRUE(settle());
  }
  peers[1].server.process().end();
  EXPECT_TRUE(run([&] { return !peers[1].client->ready(); }));
  peers[1].server.start();
  EXPECT_TRUE(run([&] { return peers[1].client->ready() && lane->counts().rolled_back == 200; }));
  EXPECT_TRUE(settle());
  EXPECT_TRUE(holds_truth()) << "in the order of their numbers";
}

TEST_F(ClusterLaneTest, AServerThatIsAwayIsNotInTheWayOfTheOthers) {
  start(2);
  owners = [](Slot slot) -> NodeId { return slot % 2 == 0 ? 1 : 2; };
  lane->mapped();
  peers[1].server.process().end();
  EXPECT_TRUE(run([&] { return !peers[1].client->ready(); }));
  for (int time = 0; time < 50; ++time) {
    add_many();
    const int64_t until = now_ms + 10;
    run([&] { return now_ms >= until; });
  }
  const auto waiting =
      std::count_if(truth.begin(), truth.end(), [&](const auto& one) { return owners(resp::slot_of(one.first)) == 1; });
  EXPECT_TRUE(run([&] { return buffer.size() == static_cast<size_t>(waiting) && lane->unacknowledged() == 0; }));
  EXPECT_EQ(buffer.ready(), 0U) << "they are laid aside";
  peers[1].server.start();
  EXPECT_TRUE(settle());
  EXPECT_TRUE(holds_truth());
}

TEST_F(ClusterLaneTest, AUnitThatWasNeverAppliedAndIsRefusedAsARepeatIsAnAlarm) {
  start(1);
  ask(1, "HSET", "k", "_l.test", uint64_t{1} << 52);  // of another probe with the same name
  ask(1, "CONFIG", "SET", "maxmemory", 1);            // so that its first unit goes checked
  add("k", 5);
  EXPECT_TRUE(run([&] { return !lane->trouble().empty(); }));
  ask(1, "CONFIG", "SET", "maxmemory", 0);
  EXPECT_TRUE(settle());
  EXPECT_EQ(lane->counts().alarms, 1U);
  EXPECT_EQ(lane->counts().lost, 1U);
  EXPECT_EQ(lane->counts().increments, 0U);
  EXPECT_EQ(at(1, "k"), 0);
}

TEST_F(ClusterLaneTest, EachIncrementThatIsRefusedIsCountedOnce) {
  start(1);
  ask(1, "SET", "k1", "mine");
  ask(1, "HSET", "k2", "n", INT64_MAX);
  ask(1, "CONFIG", "SET", "maxmemory", 1);  // so that they merge, and go checked at first
  add_many();
  EXPECT_TRUE(run([&] { return !lane->trouble().empty(); }));
  for (int time = 0; time < 4; ++time) add_many();
  ask(1, "CONFIG", "SET", "maxmemory", 0);
  EXPECT_TRUE(settle());
  EXPECT_EQ(lane->counts().sent_again, 40U);
  EXPECT_EQ(lane->counts().increments, 200U);
  EXPECT_EQ(lane->counts().refused, 10U) << "of two keys";
  EXPECT_EQ(lane->counts().refused_others, 0U);
  EXPECT_TRUE(ask(1, "GET", "k1").is("mine"));
  // It comes back empty, gets all that is kept, and refuses nothing any more.
  peers[1].server.process().end();
  EXPECT_TRUE(run([&] { return !peers[1].client->ready(); }));
  peers[1].server.start();
  EXPECT_TRUE(run([&] { return peers[1].client->ready() && lane->counts().rolled_back == 80; }));
  EXPECT_TRUE(settle());
  EXPECT_TRUE(holds_truth());
  EXPECT_EQ(lane->counts().increments, 200U);
  EXPECT_EQ(lane->counts().refused, 0U);
}

TEST_F(ClusterLaneTest, WhatIsAnsweredAsARepeatIsRefusedAsItWas) {
  start(1, {.ledger = "_l.test", .role_every_ms = 20});
  ask(1, "HSET", "k2", "n", INT64_MAX);
  for (int time = 0; time < 3; ++time) add("k2", 3);
  buffer.at("k2").earliest("firstSeen", 5);
  ask(1, "HSET", "k2", "firstSeen", "long ago");
  EXPECT_TRUE(settle());
  EXPECT_EQ(lane->counts().refused, 3U);
  EXPECT_EQ(lane->counts().refused_others, 1U);
  owners = [](Slot) { return resp::kNoNode; };
  lane->mapped();
  EXPECT_EQ(lane->counts().increments, 0U);
  EXPECT_EQ(lane->counts().refused, 0U) << "all is in doubt";
  owners = [](Slot) { return 1; };
  lane->mapped();
  EXPECT_TRUE(settle());
  EXPECT_EQ(lane->counts().increments, 3U);
  EXPECT_EQ(lane->counts().refused, 3U);
}

TEST_F(ClusterLaneTest, WithoutTheRightToKillNothingGoesOutAfterABreak) {
  start(1);
  add("k", 1);
  EXPECT_TRUE(settle());
  ask(1, "ACL", "SETUSER", "default", "-client|kill");
  peers[1].client->reconnect("the test");
  add("k", 5);
  EXPECT_TRUE(run([&] { return lane->trouble().find("client|kill") != std::string::npos; })) << lane->trouble();
  EXPECT_EQ(at(1, "k"), 1);
  ask(1, "ACL", "SETUSER", "default", "+@all");
  EXPECT_TRUE(settle());
  EXPECT_EQ(at(1, "k"), 6);
}

TEST_F(ClusterLaneTest, AKeyBornAgainGetsATimeToLive) {
  start(1);
  buffer.at("k").refresh();
  add("k", 1);
  EXPECT_TRUE(settle());
  ask(1, "DEL", "k");
  truth.clear();
  add("k", 1);
  EXPECT_TRUE(settle());
  EXPECT_EQ(lane->counts().reborn, 1U);
  EXPECT_TRUE(run([&] { return ask(1, "TTL", "k").integer > 0; }));
  EXPECT_TRUE(holds_truth());
}

TEST_F(ClusterLaneTest, AKeyBornAgainHasTheTimesOfWhatCameSince) {
  start(1);
  KeyUpdate& first = buffer.at("k");
  first.begin();
  first.seen({100, 200});
  first.if_absent("firstSeen", 100);
  first.latest("lastSeen", 200);
  add("k", 1);
  EXPECT_TRUE(settle());
  EXPECT_TRUE(reborn_keys.empty());
  ask(1, "DEL", "k");
  truth.clear();
  buffer.at("k").seen({150, 160});
  buffer.at("k").seen({140, 155});
  add("k", 1);
  EXPECT_TRUE(settle());
  EXPECT_EQ(ask(1, "HGET", "k", "firstSeen").text, "140");
  EXPECT_EQ(ask(1, "HGET", "k", "lastSeen").text, "160");
  EXPECT_GT(ask(1, "TTL", "k").integer, 0);
  EXPECT_TRUE(holds_truth());
  ASSERT_EQ(reborn_keys.size(), 1U);
  EXPECT_EQ(reborn_keys[0].key, "k");
  EXPECT_EQ(reborn_keys[0].times.first_ms, 140);
  EXPECT_EQ(lane->counts().reborn, 1U);
  ask(1, "HSET", "k", "firstSeen", 9'000);
  buffer.at("k").if_absent("firstSeen", 130);
  buffer.at("k").seen({130, 135});
  add("k", 1);
  EXPECT_TRUE(settle());
  EXPECT_EQ(ask(1, "HGET", "k", "firstSeen").text, "130") << "another one had told a later time";
  EXPECT_EQ(reborn_keys.size(), 1U);
}

TEST_F(ClusterLaneTest, AKeyThatHasGoneAgainIsNotMadeByItsTimes) {
  start(1);
  buffer.at("k").begin();
  add("k", 1);
  EXPECT_TRUE(settle());
  ask(1, "DEL", "k");
  buffer.at("k").seen({150, 160});
  add("k", 1);
  ASSERT_TRUE(run([&] { return buffer.size() == 0 && at(1, "k") == 1; }));
  ask(1, "DEL", "k");
  EXPECT_TRUE(settle());
  EXPECT_EQ(ask(1, "EXISTS", "k").integer, 0);
}

TEST_F(ClusterLaneTest, WhatAServerMayHaveLostIsKeptAsLongAsItIsAway) {
  start(1, {.ledger = "_l.test", .keep_ms = 500});
  add_many();
  EXPECT_TRUE(settle());
  peers[1].client.reset();
  lane->down(1);
  const int64_t until = now_ms + 5'000;
  run([&] { return now_ms >= until; });
  EXPECT_EQ(lane->kept(), 40U);
  ask(1, "FLUSHALL");
  ask(1, "DEBUG", "CHANGE-REPL-ID");
  connect(1);
  EXPECT_TRUE(run([&] { return lane->counts().rolled_back == 40; })) << "all of them are asked again";
  EXPECT_TRUE(settle());
  EXPECT_TRUE(holds_truth());
  EXPECT_TRUE(run([&] { return lane->kept() == 0; }));
}

TEST_F(ClusterLaneTest, UnitsAreKeptUntilTheReplicaHasThem) {
  start(1, {.ledger = "_l.test", .keep_ms = 1, .role_every_ms = 20});
  ask(1, "CONFIG", "SET", "repl-diskless-sync-delay", 0);
  resp::RedisServer replica({"--replicaof", "127.0.0.1", std::to_string(peers[1].server.port())});
  EXPECT_TRUE(run([&] {
    const auto role = resp::parse_role(ask(1, "ROLE"));
    return role && role->replicas.size() == 1;
  }));
  const int64_t until = now_ms + 300;
  run([&] { return now_ms >= until; });  // the lane has seen it
  replica.process().signal(SIGSTOP);
  add_many();
  EXPECT_TRUE(run([&] { return lane->counts().applied == 40; }));
  const int64_t later = now_ms + 500;
  run([&] { return now_ms >= later; });
  EXPECT_EQ(lane->kept(), 40U);
  EXPECT_FALSE(lane->settled());
  replica.process().signal(SIGCONT);
  EXPECT_TRUE(settle());
  EXPECT_EQ(lane->kept(), 0U);
}

}  // namespace
}  // namespace microcloud
