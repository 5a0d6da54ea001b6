// On a real Redis Cluster: answers of each master, news of changes, what a master that is slow or lost or a slot that
// moves does.
#include "cloud/owners_test_bed.h"
#include "resp/cluster_test_bed.h"

namespace microcloud {
namespace {

using Known = Owners::Known;
constexpr unsigned kMasters = 3;

unsigned master_of(const std::string& key) {
  return resp::slot_of(key) * kMasters / resp::kSlots;
}

std::string key_of(const IpAddress& address) {
  return std::string(KeyNames().identity(address));
}

/// Addresses whose key is that master's: the first of them, the second, ...
IpAddress address_at(unsigned master, unsigned which = 0) {
  for (uint8_t last = 1;; ++last) {
    const uint8_t bytes[] = {10, 0, 0, last};
    const IpAddress address = IpAddress::v4(bytes);
    if (master_of(key_of(address)) == master && which-- == 0) return address;
  }
}

class ClusterOwnersTest : public OwnersTest {
 protected:
  void start(unsigned replicas = 0, OwnersSettings settings = {}) {
    servers_ = std::make_unique<resp::TestCluster>(loop_, kMasters, replicas);
    OwnersTest::start(resp::Url::Kind::Cluster, servers_->seeds(), std::move(settings));
  }
  void write_at(size_t server, const auto&... words) {
    const resp::Value reply = servers_->ask(server, words...);
    EXPECT_FALSE(reply.is_error()) << reply.text;
  }
  void own(const IpAddress& address, const std::string& user) {
    write_at(master_of(key_of(address)), "HSET", key_of(address), "user", user);
  }
  /// Every server hears of it.
  void give_slot(resp::Slot slot, unsigned to) {
    for (size_t server : {size_t{to}, size_t{0}, size_t{1}, size_t{2}})
      write_at(server, "CLUSTER", "SETSLOT", slot, "NODE", servers_->id(to));
  }

  Loop loop_;
  std::unique_ptr<resp::TestCluster> servers_;
};

TEST_F(ClusterOwnersTest, EachMasterIsAskedOnceAndTellsOfChanges) {
  start();
  for (unsigned master = 0; master < kMasters; ++master) own(address_at(master), "first" + std::to_string(master));
  for (unsigned again = 0; again < 100; ++again) {
    for (unsigned master = 0; master < kMasters; ++master) {
      EXPECT_EQ(owner(address_at(master)), "first" + std::to_string(master));
      EXPECT_EQ(owner(address_at(master, 1)), "nobody");
    }
  }
  EXPECT_EQ(asked(), 2 * kMasters);
  for (unsigned master = 0; master < kMasters; ++master) {
    own(address_at(master), "second" + std::to_string(master));
    own(address_at(master, 1), "other" + std::to_string(master));
  }
  for (unsigned master = 0; master < kMasters; ++master) {
    EXPECT_TRUE(becomes(address_at(master), "second" + std::to_string(master)));
    EXPECT_TRUE(becomes(address_at(master, 1), "other" + std::to_string(master))) << "also where nobody was";
  }
  EXPECT_EQ(asked(), 4 * kMasters);
  write_at(1, "FLUSHALL");
  EXPECT_TRUE(becomes(address_at(1), "nobody"));
  EXPECT_EQ(owner(address_at(0)), "second0");
  EXPECT_EQ(asked(), 4 * kMasters + 1) << "of the others nothing was forgotten";
}

TEST_F(ClusterOwnersTest, TheLongestPrefixWhereverItIs) {
  start();
  uint8_t bytes[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2};
  bytes[15] = 7;
  const IpAddress host = IpAddress::v6(bytes);
  EXPECT_EQ(owner(host), "nobody");
  const auto own_prefix = [this](const std::string& key, const char* user) {
    write_at(master_of(key), "HSET", key, "user", user);
  };
  own_prefix("identity.2001:db8::/32", "provider");
  EXPECT_TRUE(becomes(host, "provider"));
  own_prefix("identity.2001:db8:1::/48", "company");
  EXPECT_TRUE(becomes(host, "company"));
  own_prefix("identity.2001:db8:1:2::/64", "office");
  EXPECT_TRUE(becomes(host, "office"));
}

TEST_F(ClusterOwnersTest, AMasterIsKilledAndItsReplicaTakesOver) {
  start(1);
  own(address_at(0), "anna");
  own(address_at(1), "berta");
  write_at(0, "WAIT", 1, 20'000);
  EXPECT_EQ(owner(address_at(0)), "anna");
  EXPECT_EQ(owner(address_at(1)), "berta");
  servers_->server(0).process().end();
  const std::string key = key_of(address_at(0));
  EXPECT_TRUE(
      resp::run_until(loop_, [&] { return !servers_->ask(kMasters, "HSET", key, "user", "carla").is_error(); }));
  EXPECT_TRUE(becomes(address_at(0), "carla"));
  own(address_at(1), "dora");
  EXPECT_TRUE(becomes(address_at(1), "dora"));
  write_at(kMasters, "HSET", key, "user", "emma");
  EXPECT_TRUE(becomes(address_at(0), "emma")) << "the new master tells of changes too";
}

TEST_F(ClusterOwnersTest, ASlotThatMoves) {
  start();
  const IpAddress address = address_at(0);
  const std::string key = key_of(address);
  const resp::Slot slot = resp::slot_of(key);
  own(address, "anna");
  own(address_at(0, 1), "berta");
  EXPECT_EQ(owner(address), "anna");
  EXPECT_EQ(owner(address_at(0, 1)), "berta");
  write_at(1, "CLUSTER", "SETSLOT", slot, "IMPORTING", servers_->id(0));
  write_at(0, "CLUSTER", "SETSLOT", slot, "MIGRATING", servers_->id(1));
  write_at(0, "MIGRATE", "127.0.0.1", servers_->server(1).port(), key, 0, 20'000);
  resp::TestClient asking(loop_, servers_->server(1));
  ASSERT_TRUE(asking.wait_ready());
  resp::Commands commands;
  commands.add("ASKING");
  commands.add("HSET", key, "user", "carla");
  EXPECT_FALSE(asking.result(std::move(commands)).replies.back().is_error());
  EXPECT_TRUE(becomes(address, "carla")) << "ASK";
  give_slot(slot, 1);
  write_at(1, "HSET", key, "user", "dora");
  EXPECT_TRUE(becomes(address, "dora")) << "MOVED";
  write_at(1, "HSET", key, "user", "emma");
  EXPECT_TRUE(becomes(address, "emma")) << "the new owner tells of changes";
  EXPECT_EQ(owner(address_at(0, 1)), "berta");
}

/// Nobody says so to who has asked: the map tells.
TEST_F(ClusterOwnersTest, ASlotThatIsTakenAway) {
  OwnersSettings settings;
  settings.nobody_ms = 3'600'000;
  start(0, settings);
  const IpAddress address = address_at(0);
  const std::string key = key_of(address);
  EXPECT_EQ(owner(address), "nobody");
  give_slot(resp::slot_of(key), 2);
  write_at(2, "HSET", key, "user", "berta");
  EXPECT_TRUE(becomes(address, "berta"));
}

TEST_F(ClusterOwnersTest, OneThatIsSlowIsNotInTheWayOfTheOthers) {
  OwnersSettings settings;
  settings.channel.breaker.failures = 1;
  settings.channel.breaker.first_pause = std::chrono::milliseconds(20);
  deadline_ = std::chrono::milliseconds(1'000);
  start(0, settings);
  for (unsigned server = 0; server < kMasters; ++server)
    write_at(server, "CONFIG", "SET", "cluster-require-full-coverage", "no");
  own(address_at(0), "anna");
  own(address_at(2), "berta");
  EXPECT_EQ(owner(address_at(0)), "anna");
  servers_->server(0).process().signal(SIGSTOP);
  owners_->owner(address_at(0, 1), {});
  const auto end = std::chrono::steady_clock::now() + resp::kPatience;
  while (owners_->channel().all_answer() && std::chrono::steady_clock::now() < end) owners_->learn();
  EXPECT_FALSE(owners_->channel().all_answer());
  EXPECT_TRUE(owners_->channel().answers());
  EXPECT_EQ(owner(address_at(2)), "berta");
  EXPECT_EQ(owner(address_at(2, 1)), "nobody");
  servers_->server(0).process().signal(SIGCONT);
  owners_->wait_until_ready(resp::kPatience);
  EXPECT_TRUE(becomes(address_at(0, 1), "nobody"));
  EXPECT_EQ(owners_->channel().counts().opened.get(), 1U);
}

TEST_F(ClusterOwnersTest, AHashIsAskedOfItsMaster) {
  start();
  for (unsigned at = 0; at < 6; ++at) {
    const std::string key = "voip.endpoint.192.0.2.1:" + std::to_string(4000 + at);
    write_at(master_of(key), "HSET", key, "call", key);
    EXPECT_EQ(hash(key), (std::map<std::string, std::string>{{"call", key}}));
  }
  EXPECT_EQ(hash("voip.endpoint.192.0.2.9:1"), (std::map<std::string, std::string>{}));
}

}  // namespace
}  // namespace microcloud
