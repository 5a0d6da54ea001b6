#include "flow/host_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <vector>

namespace microcloud {
namespace {

IpAddress host(unsigned number, uint8_t version) {
  IpAddress address;
  address.version = version;
  address.bytes[0] = static_cast<uint8_t>(number);
  address.bytes[3] = static_cast<uint8_t>(number >> 8);
  return address;
}

FlowKey key_between(const IpAddress& a, const IpAddress& b) {
  FlowKey key;
  const bool a_is_low = a.bytes <= b.bytes;
  key.low = (a_is_low ? a : b).bytes;
  key.high = (a_is_low ? b : a).bytes;
  key.version = a.version;
  return key;
}

std::vector<uint32_t> flows_of(const HostIndex& index, const IpAddress& address) {
  std::vector<uint32_t> slots;
  for (HostIndex::Entry at = index.newest(address); !at.none(); at = index.older(at)) slots.push_back(at.slot);
  return slots;
}

TEST(HostIndex, FlowsOfAHostNewestFirst) {
  HostIndex index(10, HashSeed{1, 2});
  const IpAddress a = host(1, 4), b = host(2, 4), c = host(3, 4);
  EXPECT_TRUE(index.newest(a).none());
  index.add(7, key_between(a, b));
  index.add(3, key_between(a, c));
  index.add(5, key_between(b, c));
  EXPECT_EQ(flows_of(index, a), (std::vector<uint32_t>{3, 7}));
  EXPECT_EQ(flows_of(index, b), (std::vector<uint32_t>{5, 7}));
  EXPECT_EQ(flows_of(index, c), (std::vector<uint32_t>{5, 3}));
  EXPECT_LT(index.order(7), index.order(3));
  EXPECT_EQ(index.hosts(), 3U);
  index.remove(3);
  EXPECT_EQ(flows_of(index, a), (std::vector<uint32_t>{7}));
  index.remove(5);
  EXPECT_TRUE(index.newest(c).none());
  EXPECT_EQ(index.hosts(), 2U);
}

TEST(HostIndex, AFlowOfAHostWithItselfStandsThereOnce) {
  HostIndex index(4, HashSeed{1, 2});
  const IpAddress a = host(1, 6);
  index.add(0, key_between(a, a));
  index.add(1, key_between(a, host(2, 6)));
  EXPECT_EQ(flows_of(index, a), (std::vector<uint32_t>{1, 0}));
  index.remove(0);
  EXPECT_EQ(flows_of(index, a), (std::vector<uint32_t>{1}));
}

TEST(HostIndex, TheSameBytesOfTheOtherVersionAreAnotherHost) {
  HostIndex index(4, HashSeed{1, 2});
  index.add(0, key_between(host(1, 4), host(2, 4)));
  EXPECT_TRUE(index.newest(host(1, 6)).none());
  index.add(1, key_between(host(1, 6), host(2, 6)));
  EXPECT_EQ(flows_of(index, host(1, 6)), (std::vector<uint32_t>{1}));
  EXPECT_EQ(flows_of(index, host(1, 4)), (std::vector<uint32_t>{0}));
}

/// All flows of a table that is full of them, of which some begin and some end all the time.
TEST(HostIndex, IsWhatALookAtAllFlowsGives) {
  constexpr uint32_t kCapacity = 300;
  for (const unsigned hosts : {2U, 20U, 2'000U}) {
    std::mt19937 random(hosts);
    const auto some = [&](unsigned count) { return static_cast<unsigned>(random() % count); };
    HostIndex index(kCapacity, HashSeed{random(), random()});
    struct Flow {
      FlowKey key;
      uint64_t number;
    };
    std::vector<std::optional<Flow>> flows(kCapacity);
    uint64_t added = 0;
    const auto check = [&](const IpAddress& address) {
      std::vector<uint32_t> expected;
      for (uint32_t slot = 0; slot < kCapacity; ++slot) {
        if (!flows[slot]) continue;
        const FlowKey& key = flows[slot]->key;
        if (key.address(true) == address || key.address(false) == address) expected.push_back(slot);
      }
      std::sort(expected.begin(), expected.end(),
                [&](uint32_t x, uint32_t y) { return flows[x]->number > flows[y]->number; });
      EXPECT_EQ(flows_of(index, address), expected);
    };
    for (int time = 0; time < 20'000; ++time) {
      const uint32_t slot = some(kCapacity);
      if (flows[slot]) {
        index.remove(slot);
        flows[slot].reset();
      } else {
        const uint8_t version = some(4) == 0 ? 6 : 4;
        const FlowKey key = key_between(host(some(hosts), version), host(some(hosts), version));
        index.add(slot, key);
        flows[slot] = Flow{key, added++};
      }
      if (time % 50 == 0) check(host(some(hosts), some(2) == 0 ? 6 : 4));
    }
    std::vector<IpAddress> there;
    for (const auto& flow : flows) {
      if (!flow) continue;
      there.push_back(flow->key.address(true));
      there.push_back(flow->key.address(false));
    }
    std::sort(there.begin(), there.end());
    there.erase(std::unique(there.begin(), there.end()), there.end());
    EXPECT_EQ(index.hosts(), there.size());
    for (const IpAddress& address : there) check(address);
    for (uint32_t slot = 0; slot < kCapacity; ++slot) {
      if (flows[slot]) index.remove(slot);
    }
    EXPECT_EQ(index.hosts(), 0U);
  }
}

}  // namespace
}  // namespace microcloud
