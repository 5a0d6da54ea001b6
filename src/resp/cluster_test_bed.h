// For tests: a real Redis Cluster on free ports of 127.0.0.1.
#pragma once

#include "resp/cluster.h"
#include "resp/redis_test_bed.h"

namespace microcloud::resp {

/// Masters, and replicas of the first ones of them; slots in equal shares.
class TestCluster {
 public:
  TestCluster(Loop& loop, unsigned masters, unsigned replicas) : loop_(loop), masters_(masters) {
    for (unsigned number = 0; number < masters + replicas; ++number) {
      servers_.push_back(std::make_unique<RedisServer>(std::vector<std::string>{
          "--cluster-enabled", "yes", "--cluster-node-timeout", "800", "--cluster-port", std::to_string(free_port()),
          "--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0", "--appendonly", "yes"}));
    }
    for (const auto& server : servers_) {
      asked_.push_back(std::make_unique<TestClient>(loop, *server));
      EXPECT_TRUE(asked_.back()->wait_ready());
      ids_.push_back(ask(asked_.size() - 1, "CLUSTER", "MYID").text);
    }
    form();
  }

  size_t size() const { return servers_.size(); }
  RedisServer& server(size_t number) { return *servers_[number]; }
  const std::string& id(size_t number) const { return ids_[number]; }
  std::vector<Endpoint> seeds() const { return {servers_.back()->endpoint(), servers_.front()->endpoint()}; }
  Slot first_slot(unsigned master) const { return static_cast<Slot>(kSlots * master / masters_); }

  template <typename... Arguments>
  Value ask(size_t number, std::string_view name, const Arguments&... arguments) {
    return asked_[number]->ask(name, arguments...);
  }
  bool wait_ready(size_t number) { return asked_[number]->wait_ready(); }
  bool has(size_t number, const std::string& command, const std::string& words) {
    return run_until(loop_, [&] { return ask(number, "CLUSTER", command).text.find(words) != std::string::npos; });
  }
  /// All slots are served, as far as this server knows.
  bool is_well(size_t number) { return has(number, "INFO", "cluster_state:ok"); }

  /// A key of the slot that is not used elsewhere.
  static std::string key_in(Slot slot, unsigned which = 0) {
    for (unsigned number = which * 1'000'000;; ++number) {
      std::string key = "key:" + std::to_string(number);
      if (slot_of(key) == slot) return key;
    }
  }

 private:
  void form() {
    for (unsigned number = 0; number < servers_.size(); ++number) {
      EXPECT_FALSE(ask(number, "CLUSTER", "SET-CONFIG-EPOCH", number + 1).is_error());
      if (number < masters_) {
        const unsigned end = kSlots * (number + 1) / masters_;
        EXPECT_FALSE(ask(number, "CLUSTER", "ADDSLOTSRANGE", first_slot(number), end - 1).is_error());
      }
      if (number > 0) {
        const std::string bus = ask(0, "CONFIG", "GET", "cluster-port").elements[1].text;
        EXPECT_FALSE(ask(number, "CLUSTER", "MEET", "127.0.0.1", servers_[0]->port(), bus).is_error());
      }
    }
    for (unsigned number = 0; number < servers_.size(); ++number)
      EXPECT_TRUE(has(number, "INFO", "cluster_known_nodes:" + std::to_string(servers_.size())));
    for (unsigned number = masters_; number < servers_.size(); ++number) {
      EXPECT_TRUE(
          run_until(loop_, [&] { return !ask(number, "CLUSTER", "REPLICATE", ids_[number - masters_]).is_error(); }));
      EXPECT_TRUE(run_until(loop_, [&] {
        const auto role = parse_role(ask(number - masters_, "ROLE"));
        return role && role->replicas.size() == 1;
      }));
    }
    for (unsigned number = 0; number < servers_.size(); ++number) EXPECT_TRUE(is_well(number));
    // A replica is elected only where the others know that it is one.
    for (unsigned number = 0; number < masters_ && servers_.size() > masters_; ++number)
      EXPECT_TRUE(has(number, "NODES", "slave"));
  }

  Loop& loop_;
  unsigned masters_;
  std::vector<std::unique_ptr<RedisServer>> servers_;
  std::vector<std::unique_ptr<TestClient>> asked_;
  std::vector<std::string> ids_;
};

}  // namespace microcloud::resp
