#include "resp/cluster.h"

#include "resp/cluster_test_bed.h"

namespace microcloud::resp {
namespace {

class ClusterTest : public ::testing::Test {
 protected:
  void start(unsigned masters, unsigned replicas) {
    servers = std::make_unique<TestCluster>(loop, masters, replicas);
    ClusterSettings settings;
    settings.client = TestClient::hasty({.connect_patience = std::chrono::milliseconds(500)});
    settings.refresh_every = std::chrono::milliseconds(60'000);  // only what the tests are about
    settings.refresh_in_trouble_every = std::chrono::milliseconds(100);
    cluster = std::make_unique<Cluster>(
        loop, servers->seeds(), settings,
        ClusterEvents{
            {}, [this] { ++maps; }, [this](NodeId node, const Value& value) { pushes.emplace_back(node, value); }});
    cluster->start();
    ASSERT_TRUE(run_until(loop, [&] { return cluster->complete() && cluster->masters_ready() == masters; }));
  }
  template <typename... Arguments>
  Result send(Slot slot, const Arguments&... arguments) {
    Commands commands;
    commands.add(arguments...);
    std::optional<Result> answer;
    cluster->send(
        slot, commands,
        [&](Result one, NodeId by) {
          answer = std::move(one);
          answered_by = by;
        },
        patience);
    EXPECT_TRUE(run_until(loop, [&] { return answer.has_value(); }));
    return answer.value_or(Result{Outcome::Indeterminate, {}, "the test gave up"});
  }
  template <typename... Arguments>
  Value ask(Slot slot, const Arguments&... arguments) {
    Result result = send(slot, arguments...);
    return result.outcome == Outcome::Ok ? result.replies.at(0) : Value::of_error(result.why);
  }
  Endpoint owner(Slot slot) {
    const Client* client = cluster->client(cluster->owner(slot));
    return client == nullptr ? Endpoint() : client->node().endpoint;
  }

  Loop loop;
  std::unique_ptr<TestCluster> servers;
  std::unique_ptr<Cluster> cluster;
  std::chrono::milliseconds patience = kPatience;
  NodeId answered_by = kNoNode;
  unsigned maps = 0;
  std::vector<std::pair<NodeId, Value>> pushes;
};

TEST_F(ClusterTest, EachCommandGoesToTheOwnerOfItsSlot) {
  start(3, 0);
  EXPECT_EQ(cluster->masters(), 3U);
  EXPECT_EQ(cluster->trouble(), "");
  for (int number = 0; number < 100; ++number) {
    const std::string key = "k" + std::to_string(number);
    EXPECT_TRUE(ask(slot_of(key), "SET", key, number).is("OK"));
    EXPECT_EQ(answered_by, cluster->owner(slot_of(key)));
  }
  int64_t keys = 0;
  for (size_t number = 0; number < 3; ++number) keys += servers->ask(number, "DBSIZE").integer;
  EXPECT_EQ(keys, 100);
  EXPECT_EQ(maps, 1U) << "nobody redirected";
  EXPECT_EQ(error_code(send(5, "INCR", "no number").replies.at(0)), "MOVED") << "a slot that is not the key's: no loop";
}

TEST_F(ClusterTest, PushesTellWhoseTheyAre) {
  start(3, 0);
  const std::string key = TestCluster::key_in(9'000);
  EXPECT_TRUE(ask(9'000, "CLIENT", "TRACKING", "ON").is("OK"));
  EXPECT_TRUE(ask(9'000, "GET", key).is_null());
  EXPECT_TRUE(servers->ask(1, "SET", key, "1").is("OK"));
  ASSERT_TRUE(run_until(loop, [&] { return !pushes.empty(); }));
  EXPECT_EQ(pushes.size(), 1U);
  EXPECT_EQ(pushes[0].first, cluster->owner(9'000));
  EXPECT_TRUE(pushes[0].second.elements.at(0).is("invalidate"));
}

TEST_F(ClusterTest, ASlotOnItsWay) {
  start(3, 0);
  const Slot slot = 100;
  const std::string here = TestCluster::key_in(slot), gone = TestCluster::key_in(slot, 1);
  EXPECT_TRUE(ask(slot, "SET", here, "1").is("OK"));
  EXPECT_TRUE(servers->ask(1, "CLUSTER", "SETSLOT", slot, "IMPORTING", servers->id(0)).is("OK"));
  EXPECT_TRUE(servers->ask(0, "CLUSTER", "SETSLOT", slot, "MIGRATING", servers->id(1)).is("OK"));
  EXPECT_TRUE(ask(slot, "SET", gone, "2").is("OK")) << "ASK";
  EXPECT_EQ(cluster->client(answered_by)->node().endpoint, servers->server(1).endpoint());
  EXPECT_TRUE(ask(slot, "GET", here).is("1"));
  EXPECT_EQ(owner(slot), servers->server(0).endpoint()) << "ASK changes no map";
  // Keys on both sides: nobody can serve them now.
  patience = std::chrono::milliseconds(300);
  const Result both = send(slot, "MGET", here, gone);
  EXPECT_EQ(both.outcome, Outcome::Retry);
  EXPECT_TRUE(both.why.starts_with("TRYAGAIN")) << both.why;
  patience = kPatience;
  EXPECT_TRUE(servers->ask(0, "MIGRATE", "127.0.0.1", servers->server(1).port(), here, 0, 1000).is("OK"));
  for (const size_t number : {1U, 0U, 2U})
    EXPECT_TRUE(servers->ask(number, "CLUSTER", "SETSLOT", slot, "NODE", servers->id(1)).is("OK"));
  EXPECT_EQ(ask(slot, "MGET", here, gone).elements.size(), 2U) << "MOVED";
  EXPECT_EQ(owner(slot), servers->server(1).endpoint());
  EXPECT_GE(maps, 2U);
}

TEST_F(ClusterTest, AMasterIsKilledAndItsReplicaTakesOver) {
  start(3, 1);
  EXPECT_TRUE(ask(0, "SET", TestCluster::key_in(0), "1").is("OK"));
  servers->server(0).process().end();
  EXPECT_TRUE(run_until(loop, [&] { return !cluster->trouble().empty(); }));
  EXPECT_TRUE(ask(0, "SET", TestCluster::key_in(0), "2").is("OK"));
  EXPECT_EQ(owner(0), servers->server(3).endpoint());
  EXPECT_TRUE(run_until(loop, [&] { return cluster->trouble().empty(); }));
}

TEST_F(ClusterTest, WithoutOneMasterTheOthersTakeNothingUntilItIsBack) {
  start(3, 0);
  const Slot slot = servers->first_slot(2);
  servers->server(0).process().end();
  EXPECT_TRUE(servers->has(2, "INFO", "cluster_state:fail"));
  patience = std::chrono::milliseconds(300);
  const Result down = send(slot, "SET", TestCluster::key_in(slot), "1");
  EXPECT_EQ(down.outcome, Outcome::Retry);
  EXPECT_TRUE(down.why.starts_with("CLUSTERDOWN")) << down.why;
  EXPECT_EQ(send(0, "SET", TestCluster::key_in(0), "1").outcome, Outcome::Retry);
  servers->server(0).start();
  patience = kPatience;
  EXPECT_TRUE(ask(slot, "SET", TestCluster::key_in(slot), "1").is("OK"));
  EXPECT_TRUE(ask(0, "SET", TestCluster::key_in(0), "1").is("OK"));
}

TEST_F(ClusterTest, NobodyThere) {
  cluster = std::make_unique<Cluster>(loop, std::vector<Endpoint>{{"127.0.0.1", free_port()}}, ClusterSettings{},
                                      ClusterEvents{});
  cluster->start();
  patience = std::chrono::milliseconds(200);
  EXPECT_EQ(send(1, "PING").outcome, Outcome::Retry);
  EXPECT_FALSE(cluster->complete());
  EXPECT_NE(cluster->trouble().find("127.0.0.1"), std::string::npos) << cluster->trouble();
}

}  // namespace
}  // namespace microcloud::resp
