#include "cloud/merge_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "cloud/key_names.h"

namespace microcloud {
namespace {

TEST(MergeBuffer, WhatIsForOneKeyBecomesOneUpdate) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  buffer.at("ip.1").add("bytesSent", 5);
  buffer.at("ip.2").add("bytesSent", 1);
  buffer.at("ip.1").add(std::string("bytesSent"), 7);  // another place, the same name
  buffer.at("ip.1").add("bytesRcvd", 2);
  buffer.at("ip.1").latest("lastSeen", 9);
  buffer.at("ip.1").latest("lastSeen", 3);
  buffer.at("ip.1").if_absent("firstSeen", 4);
  buffer.at("ip.1").if_absent("firstSeen", 2);
  buffer.at("ip.1").set("mac", "aa");
  buffer.at("ip.1").set("mac", "bb");

  ASSERT_EQ(buffer.size(), 2U);
  const KeyUpdate& update = buffer.front();
  EXPECT_EQ(update.key(), "ip.1");
  ASSERT_EQ(update.numbers().size(), 4U);
  EXPECT_EQ(update.numbers()[0].value, 12);
  EXPECT_EQ(update.numbers()[1].value, 2);
  EXPECT_EQ(update.numbers()[2].value, 9);
  EXPECT_EQ(update.numbers()[3].value, 2);
  ASSERT_EQ(update.texts().size(), 1U);
  EXPECT_EQ(update.texts()[0].value, "bb");
  EXPECT_EQ(update.increments(), 3U);
  EXPECT_FALSE(update.refreshes());
}

uint64_t increments_of(const KeyUpdate& update) {
  uint64_t sum = 0;
  for (const KeyUpdate::Number& one : update.numbers()) sum += one.increments;
  for (const auto& [member, of_member] : update.members()) sum += of_member.increments;
  return sum;
}

TEST(MergeBuffer, EachCounterKnowsHowManyIncrementsWereMergedIntoIt) {
  MergeBuffer from(1 << 20, HashSeed{}), into(1 << 20, HashSeed{});
  std::mt19937 random(3);
  for (int time = 0; time < 1'000; ++time) {
    MergeBuffer& buffer = random() % 3 == 0 ? into : from;
    buffer.at("host").add(random() % 4 == 0 ? "bytesSent" : "packetsSent", random() % 100);
    buffer.at("host").latest("lastSeen", time);
    buffer.at("host").if_absent("firstSeen", time);
    buffer.at("host").set("mac", "aa");
    buffer.at("peers").add_member(std::to_string(random() % 50), random() % 100);
  }
  for (const char* key : {"host", "peers"}) into.at(key).merge(from.at(key));
  into.at("host").add("bytesSent", 5, 7);
  EXPECT_EQ(into.at("host").increments(), 1'007U);
  EXPECT_EQ(increments_of(into.at("host")), 1'007U);
  EXPECT_EQ(into.at("peers").increments(), 1'000U);
  EXPECT_EQ(increments_of(into.at("peers")), 1'000U);
  EXPECT_EQ(into.totals().increments, 2'007U) << "all of the other one came here, too";
  for (const KeyUpdate::Number& one : into.at("host").numbers())
    EXPECT_EQ(one.increments > 0, one.op == KeyUpdate::Op::Add) << one.field;
}

TEST(MergeBuffer, GoesOutInTheOrderOfTheFirstUpdates) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  for (const char* key : {"c", "a", "b", "a", "c"}) buffer.at(key).add("n", 1);
  std::string order;
  for (; buffer.size() > 0; buffer.pop_front()) order += buffer.front().key();
  EXPECT_EQ(order, "cab");
  buffer.at("a").refresh();
  EXPECT_TRUE(buffer.front().numbers().empty()) << "nothing of the life before";
  EXPECT_EQ(buffer.front().increments(), 0U);
}

TEST(MergeBuffer, SizeDependsOnKeysAndNotOnUpdates) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  for (int key = 0; key < 100; ++key) buffer.at("ip." + std::to_string(key)).add("n", 1);
  const size_t before = buffer.bytes();
  for (int time = 0; time < 10'000; ++time) buffer.at("ip." + std::to_string(time % 100)).add("n", 1);
  EXPECT_EQ(buffer.bytes(), before);
  while (buffer.size() > 0) buffer.pop_front();
  EXPECT_EQ(buffer.bytes(), 0U);
}

TEST(MergeBuffer, FullItGivesUpTheOldestAndCountsThem) {
  MergeBuffer buffer(20'000, HashSeed{});
  constexpr uint64_t kKeys = 1'000;
  for (uint64_t key = 0; key < kKeys; ++key) {
    KeyUpdate& update = buffer.at("ip." + std::to_string(key));
    update.add("n", 1);
    update.add("m", 1);
    EXPECT_LT(buffer.bytes(), 21'000U);
  }
  EXPECT_GT(buffer.totals().lost, 0U);
  EXPECT_EQ(buffer.totals().lost, 2 * (kKeys - buffer.size()));
  EXPECT_EQ(buffer.totals().increments, 2 * kKeys);
  EXPECT_EQ(buffer.front().key(), "ip." + std::to_string(kKeys - buffer.size()));
}

TEST(MergeBuffer, MembersOfASortedSetAreTakenInParts) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  for (int member = 0; member < 10; ++member) {
    buffer.at("peers").add_member("m" + std::to_string(member), 1);
    buffer.at("peers").add_member("m" + std::to_string(member), 2);
  }
  std::map<std::string, int64_t> seen;
  uint64_t left = 20;
  for (const size_t expected : {4U, 4U, 2U, 0U}) {
    const auto part = buffer.take_members(4);
    EXPECT_EQ(part.size(), expected);
    for (const auto& [member, sum] : part) {
      seen[member] += sum.amount;
      EXPECT_EQ(sum.increments, 2U) << member;
      left -= sum.increments;
    }
    EXPECT_EQ(buffer.front().increments(), left);
  }
  EXPECT_EQ(seen.size(), 10U);
  for (const auto& [member, amount] : seen) EXPECT_EQ(amount, 3) << member;
  buffer.pop_front();
  EXPECT_EQ(buffer.bytes(), 0U);
}

TEST(MergeBuffer, WhatIsLaidAsideGoesOnMergingAndComesBackInFront) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  for (const char* key : {"a", "b", "c", "d"}) buffer.at(key).add("n", 1);
  buffer.shelve_front(7);  // a
  buffer.shelve_front(8);  // b
  buffer.shelve_front(7);  // c
  EXPECT_EQ(buffer.size(), 4U);
  EXPECT_EQ(buffer.ready(), 1U);
  EXPECT_EQ(buffer.front().key(), "d");
  buffer.at("a").add("n", 5);
  EXPECT_EQ(buffer.size(), 4U) << "no second entry";
  buffer.unshelve(7);
  buffer.unshelve(9);
  EXPECT_EQ(buffer.ready(), 3U);
  EXPECT_EQ(buffer.front().key(), "a");
  EXPECT_EQ(buffer.front().numbers().at(0).value, 6);
  buffer.pop_front();
  EXPECT_EQ(buffer.front().key(), "c");
}

TEST(MergeBuffer, FullItGivesUpFirstWhatWasLaidAsideFirst) {
  MergeBuffer buffer(3'000, HashSeed{});
  buffer.at("first").add("n", 1);
  buffer.shelve_front(1);
  buffer.at("second").add("n", 1);
  buffer.shelve_front(2);
  buffer.unshelve(1);
  buffer.shelve_front(3);  // the first one again: later than the second now
  uint64_t lost = 0;
  for (int key = 0; buffer.totals().lost < 2; ++key) {
    buffer.at("k" + std::to_string(key)).add("n", 1);
    if (buffer.totals().lost == 1 && lost == 0) {
      lost = 1;
      buffer.unshelve(2);
      buffer.unshelve(3);
      EXPECT_EQ(buffer.front().key(), "first") << "the second is gone";
      buffer.shelve_front(3);
    }
    ASSERT_LT(key, 100);
  }
  EXPECT_EQ(lost, 1U);
  for (uint32_t shelf : {1U, 2U, 3U}) buffer.unshelve(shelf);
  EXPECT_EQ(buffer.front().key(), "k0");
}

TEST(MergeBuffer, OneShelfThatStaysDoesNotMakeTheOthersCost) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  buffer.at("stays").add("n", 1);
  buffer.shelve_front(1);
  buffer.at("moves").add("n", 1);
  for (int time = 0; time < 100'000; ++time) {
    buffer.shelve_front(2);
    buffer.unshelve(2);
  }
  EXPECT_EQ(buffer.size(), 2U);
  EXPECT_EQ(buffer.ready(), 1U);
}

TEST(MergeBuffer, WhatMayWaitMergesUntilItsTimeIsOver) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  buffer.set_time(100);
  buffer.at_leisure("peers").add_member("a", 1);
  buffer.set_time(200);
  buffer.at_leisure("ports").add_member("tcp.1", 1);
  buffer.at("host").add("n", 1);
  buffer.at_leisure("host").add("n", 1);
  EXPECT_EQ(buffer.size(), 3U);
  EXPECT_EQ(buffer.ready(), 1U);
  buffer.release(99 + MergeBuffer::kLeisureMs);
  EXPECT_EQ(buffer.ready(), 1U);
  buffer.at_leisure("peers").add_member("a", 2);
  buffer.release(100 + MergeBuffer::kLeisureMs);
  ASSERT_EQ(buffer.ready(), 2U);
  EXPECT_EQ(buffer.front().key(), "host") << "it was ready before";
  EXPECT_EQ(buffer.front().numbers().at(0).value, 2);
  buffer.at_leisure("peers").add_member("a", 3);
  buffer.pop_front();
  EXPECT_EQ(buffer.front().members().at("a").amount, 6);
  EXPECT_EQ(buffer.front().since_ms(), 100 + MergeBuffer::kLeisureMs) << "what it waited on purpose is no lag";
  buffer.pop_front();
  EXPECT_EQ(buffer.size(), 1U);
  buffer.hurry();
  EXPECT_EQ(buffer.front().key(), "ports");
  buffer.at_leisure("peers").add_member("a", 1);
  EXPECT_EQ(buffer.ready(), 2U) << "in a hurry none waits";
}

TEST(MergeBuffer, NoMoreMayWaitThanItsBoundsSay) {
  MergeBuffer many(size_t{64} << 20, HashSeed{});
  for (size_t key = 0; key < MergeBuffer::kMostAtLeisure + 3; ++key)
    many.at_leisure("k" + std::to_string(key)).add_member("a", 1);
  many.release(0);
  EXPECT_EQ(many.ready(), 3U);
  EXPECT_EQ(many.front().key(), "k0");

  MergeBuffer small(20'000, HashSeed{});
  uint64_t keys = 0;
  for (; small.bytes() < 10'000; ++keys) small.at_leisure("k" + std::to_string(keys)).add_member("a", 1);
  small.release(0);
  EXPECT_EQ(small.ready(), keys);
  for (int key = 0; small.totals().lost < 2; ++key) small.at_leisure("l" + std::to_string(key)).add_member("a", 1);
  EXPECT_EQ(small.front().key(), "k2") << "the oldest go first";
  EXPECT_LT(small.bytes(), 21'000U);
}

TEST(MergeBuffer, FullItGivesUpWhatMayWaitWhenThereIsNothingElse) {
  MergeBuffer buffer(2'000, HashSeed{});
  int keys = 0;
  for (; buffer.totals().lost == 0; ++keys) buffer.at_leisure("k" + std::to_string(keys)).add_member("a", 1);
  EXPECT_EQ(buffer.size(), static_cast<size_t>(keys - 1));
  EXPECT_EQ(buffer.find("k0"), nullptr);
}

std::vector<std::string> keys_from(const MergeBuffer& buffer, MergeBuffer::Position& position, size_t most,
                                   bool& more) {
  std::vector<std::string> keys;
  more = buffer.each_from(position, most, [&](const KeyUpdate& one) { keys.push_back(one.key()); });
  return keys;
}

TEST(MergeBuffer, IsLookedThroughInParts) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  for (int key = 0; key < 300; ++key) {
    if (key % 3 == 0) buffer.at_leisure("k" + std::to_string(key)).add_member("m", 1);
    if (key % 3 == 1) buffer.at("k" + std::to_string(key)).add("n", 1);
    if (key % 3 == 2) buffer.at("k" + std::to_string(key)).add("n", 1);
    if (key % 3 == 2) buffer.shelve_front(static_cast<uint32_t>(key % 5));
  }
  MergeBuffer::Position position;
  std::map<std::string, int> shown;
  size_t parts = 0, largest = 0;
  for (bool more = true; more; ++parts) {
    const auto keys = keys_from(buffer, position, 10, more);
    largest = std::max(largest, keys.size());
    for (const std::string& key : keys) ++shown[key];
  }
  EXPECT_EQ(shown.size(), 300U);
  for (const auto& [key, times] : shown) EXPECT_EQ(times, 1) << key;
  EXPECT_GE(parts, 30U);
  EXPECT_LT(largest, 20U);
  bool more = true;
  EXPECT_TRUE(keys_from(buffer, position, 10, more).empty());
  EXPECT_FALSE(more);
  EXPECT_TRUE(keys_from(MergeBuffer(1'000, HashSeed{}), position = {}, 10, more).empty());
}

/// What is laid aside behind the place that was looked at, and put back in front of it, is not missed.
TEST(MergeBuffer, IsLookedThroughWhileKeysMove) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  std::set<std::string> keys;
  for (int key = 0; key < 100; ++key) {
    keys.insert("k" + std::to_string(key));
    buffer.at("k" + std::to_string(key)).add("n", 1);
  }
  MergeBuffer::Position position;
  std::set<std::string> shown;
  uint32_t shelf = 0;
  for (bool more = true; more; shelf = (shelf + 1) % 7) {
    for (const std::string& key : keys_from(buffer, position, 3, more)) shown.insert(key);
    for (int count = 0; count < 20 && buffer.ready() > 0; ++count) buffer.shelve_front(shelf + count % 2);
    buffer.unshelve((shelf + 4) % 7);
  }
  EXPECT_EQ(shown, keys);
}

TEST(MergeBuffer, WhateverStaysWhileItIsLookedThroughIsShown) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    MergeBuffer buffer(1 << 20, HashSeed{});
    std::set<std::string> waiting;
    int64_t now_ms = 0;
    const auto move = [&] {
      const uint32_t shelf = random() % 4;
      switch (random() % 8) {
        case 0:
        case 1:
        case 2: {
          const std::string key = "k" + std::to_string(random() % 500);
          buffer.set_time(now_ms);
          (random() % 2 == 0 ? buffer.at(key) : buffer.at_leisure(key)).add("n", 1);
          waiting.insert(key);
          break;
        }
        case 3:
        case 4:
          if (buffer.ready() > 0) buffer.shelve_front(shelf);
          break;
        case 5:
          buffer.unshelve(shelf);
          break;
        case 6:
          if (buffer.ready() == 0) break;
          waiting.erase(buffer.front().key());
          buffer.pop_front();
          break;
        default:
          buffer.release(now_ms += random() % 500);
      }
    };
    for (auto count = random() % 2'000; count > 0; --count) move();
    std::set<std::string> stays = waiting, shown;
    MergeBuffer::Position position;
    for (bool more = true; more;) {
      for (const std::string& key : keys_from(buffer, position, 1 + random() % 30, more)) {
        shown.insert(key);
        ASSERT_TRUE(waiting.contains(key)) << "seed " << seed;
      }
      if (!more) break;
      for (auto count = random() % 40; count > 0; --count) move();
      std::erase_if(stays, [&](const std::string& key) { return !waiting.contains(key); });
    }
    ASSERT_TRUE(std::includes(shown.begin(), shown.end(), stays.begin(), stays.end())) << "seed " << seed;
    ASSERT_EQ(waiting.size(), buffer.size());
  }
}

TEST(KeyNames, AreThoseOfTheContract) {
  KeyNames names;
  const uint8_t v4[] = {10, 0, 0, 1};
  const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  EXPECT_EQ(names.host(IpAddress::v4(v4)), "ip.10.0.0.1");
  EXPECT_EQ(names.host(IpAddress::v6(v6)), "ip.2001:db8::1");
  EXPECT_EQ(names.host(IpAddress::v4(v4), "peers"), "ip.10.0.0.1.peers");
  EXPECT_EQ(names.other_hosts(4), "ip.other4");
  EXPECT_EQ(names.other_hosts(6), "ip.other6");
  EXPECT_EQ(names.mac(Mac{{0, 1, 2, 0xaa, 0xbb, 0xcc}}), "mac.00:01:02:aa:bb:cc");
  EXPECT_EQ(names.vlan(12), "vlan.12");
  EXPECT_EQ(names.application("TLS.YouTube"), "proto.TLS.YouTube");
  EXPECT_EQ(names.port("tcp", 443), "port.tcp.443");
  EXPECT_EQ(names.probe("berlin"), "probe.berlin");
  EXPECT_EQ(KeyNames("north").host(IpAddress::v4(v4)), "north/ip.10.0.0.1");
}

TEST(KeyNames, RealmsAreWords) {
  EXPECT_TRUE(is_realm_name("Customer-7_b"));
  for (const std::string& name :
       {std::string(), std::string("a/b"), std::string("a b"), std::string("*"), std::string(65, 'a')})
    EXPECT_FALSE(is_realm_name(name)) << name;
}

TEST(KeyNames, FieldsOfAVlanBeginWithItsNumber) {
  TrafficFieldNames fields;
  const auto& names = fields.of_vlan(4094);
  EXPECT_EQ(names[0], "4094.bytesSent");
  EXPECT_EQ(names[5], "4094.flowsServer");
  const char* before = names[1].data();
  fields.of_vlan(1);
  EXPECT_EQ(fields.of_vlan(4094)[1].data(), before) << "names stay where they are";
}

TEST(MergeBuffer, WhatNoNumberCanHoldIsLostAndCounted) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  buffer.at("k").add("n", INT64_MAX - 1);
  buffer.at("k").add("n", 1);
  buffer.at("k").add("n", 1, 3);
  buffer.at("k").add("m", uint64_t{1} << 63);
  buffer.at("s").add_member("a", INT64_MAX);
  buffer.at("s").add_member("a", 7);
  buffer.at("s").add_member("b", UINT64_MAX);
  EXPECT_EQ(buffer.at("k").numbers().size(), 1U);
  EXPECT_EQ(buffer.at("k").numbers()[0].value, INT64_MAX);
  EXPECT_EQ(buffer.at("k").increments(), 2U);
  EXPECT_EQ(buffer.at("s").members().at("a").amount, INT64_MAX);
  EXPECT_FALSE(buffer.at("s").members().contains("b"));
  EXPECT_EQ(buffer.totals().increments, 9U);
  EXPECT_EQ(buffer.totals().lost, 6U);
}

TEST(MergeBuffer, TextsThatAreGivenUpAreCountedByThemselves) {
  MergeBuffer buffer(10'000, HashSeed{});
  for (int key = 0; key < 100; ++key) buffer.at("text" + std::to_string(key)).set("name", "value");
  EXPECT_GT(buffer.size(), 10U);
  EXPECT_EQ(buffer.totals().others_lost, 100 - buffer.size());
  EXPECT_EQ(buffer.totals().lost, 0U);
}

}  // namespace
}  // namespace microcloud
