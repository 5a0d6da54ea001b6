#include "resp/sentinel.h"

#include <fstream>

#include "resp/redis_test_bed.h"

namespace microcloud::resp {
namespace {

/// A redis-server in sentinel mode that watches one master.
class Sentinel {
 public:
  explicit Sentinel(uint16_t master) : port_(free_port()) {
    const std::string file = folder_.path() + "/sentinel.conf";
    std::ofstream(file) << "port " << port_ << "\nbind 127.0.0.1\ndir " << folder_.path()
                        << "\nsentinel monitor cloud 127.0.0.1 " << master
                        << " 2\nsentinel down-after-milliseconds cloud 500\nsentinel failover-timeout cloud 3000\n";
    process_.start({"redis-server", file, "--sentinel"}, folder_.path() + "/log");
  }
  Endpoint endpoint() const { return {"127.0.0.1", port_}; }
  /// It hears of replicas, of other sentinels and of what was promoted at once, and does not stop working for half a
  /// minute (TILT) when its machine has kept it waiting for 2 s, as a disk that is busy does.
  void hurry(Loop& loop) const {
    TestClient asked(loop, located_at(endpoint()));
    ASSERT_TRUE(asked.wait_ready());
    const Value reply = asked.ask("SENTINEL", "DEBUG", "TILT-TRIGGER", 60'000, "INFO-PERIOD", 200, "PUBLISH-PERIOD",
                                  200, "ASK-PERIOD", 200, "ELECTION-TIMEOUT", 1'000);
    ASSERT_TRUE(reply.is("OK")) << reply.text;
  }

 private:
  TemporaryFolder folder_;
  uint16_t port_;
  Process process_;
};

class SentinelTest : public ::testing::Test {
 protected:
  SentinelTest() {
    TestClient client(loop, master);
    EXPECT_TRUE(client.wait_ready());
    EXPECT_TRUE(run_until(loop, [&] {
      const auto role = parse_role(client.ask("ROLE"));
      return role && role->replicas.size() == 1;
    })) << "the replica has come";
    for (const Sentinel& sentinel : sentinels) sentinel.hurry(loop);
  }
  /// The first of them is none.
  Locator located() {
    return located_by_sentinels(
        loop, {{"127.0.0.1", free_port()}, sentinels[0].endpoint(), sentinels[1].endpoint(), sentinels[2].endpoint()},
        "cloud", {.connect_patience = std::chrono::milliseconds(500)});
  }
  bool sentinels_know_each_other() {
    TestClient asked(loop, located_at(sentinels[0].endpoint()));
    if (!asked.wait_ready()) return false;
    return run_until(loop, [&] {
      const Value all = asked.ask("SENTINEL", "SENTINELS", "cloud");
      const Value replicas = asked.ask("SENTINEL", "REPLICAS", "cloud");
      return all.elements.size() == 2 && replicas.elements.size() == 1;
    });
  }

  Loop loop;
  RedisServer master{{"--repl-diskless-sync-delay", "0"}};
  RedisServer replica{{"--replicaof", "127.0.0.1", std::to_string(master.port())}};
  Sentinel sentinels[3]{Sentinel(master.port()), Sentinel(master.port()), Sentinel(master.port())};
};

TEST_F(SentinelTest, TheMasterIsFoundBehindSentinelsThatAreGoneAndAfterAFailover) {
  ASSERT_TRUE(sentinels_know_each_other());
  TestClient client(loop, located(), {.master_only = true});
  ASSERT_TRUE(client.wait_ready());
  EXPECT_EQ(client.client.node().endpoint, master.endpoint());
  EXPECT_EQ(client.client.node().role.replicas.size(), 1U);
  EXPECT_EQ(client.ask("INCR", "n").integer, 1);
  EXPECT_EQ(client.ask("WAIT", 1, 0).integer, 1) << "the replica has it";

  master.process().end();
  ASSERT_TRUE(run_until(loop, [&] {
    return client.client.ready() && client.client.node().endpoint == replica.endpoint();
  })) << client.told.back();
  EXPECT_EQ(client.client.node().role.kind, Role::Kind::Master);
  EXPECT_EQ(client.ask("INCR", "n").integer, 2);
}

TEST_F(SentinelTest, AMasterThatStandsStillIsLeftAndItsReturnDoesNotMatter) {
  ASSERT_TRUE(sentinels_know_each_other());
  TestClient client(loop, located(),
                    {.master_only = true,
                     .connect_patience = std::chrono::milliseconds(500),
                     .silence = std::chrono::milliseconds(500)});
  ASSERT_TRUE(client.wait_ready());
  master.process().signal(SIGSTOP);
  EXPECT_EQ(client
                .result([] {
                  Commands commands;
                  commands.add("INCR", "n");
                  return commands;
                }())
                .outcome,
            Outcome::Indeterminate);
  ASSERT_TRUE(run_until(loop, [&] {
    return client.client.ready() && client.client.node().endpoint == replica.endpoint();
  })) << client.told.back();
  master.process().signal(SIGCONT);
  const auto back_at_the_old_one = [&] {
    return client.client.ready() && client.client.node().endpoint != replica.endpoint();
  };
  EXPECT_FALSE(run_until(loop, back_at_the_old_one, std::chrono::seconds(1)));
}

TEST_F(SentinelTest, AServerThatIsNoMasterIsNotTaken) {
  TestClient client(loop, replica, {.master_only = true});
  ASSERT_TRUE(run_until(
      loop, [&] { return !client.told.empty() && client.told.back().find("no master") != std::string::npos; }));
  EXPECT_FALSE(client.client.ready());
  TestClient unknown(loop, located_by_sentinels(loop, {sentinels[0].endpoint()}, "other", {}), {.master_only = true});
  ASSERT_TRUE(run_until(
      loop, [&] { return !unknown.told.empty() && unknown.told.back().find("no such master") != std::string::npos; }));
}

}  // namespace
}  // namespace microcloud::resp
