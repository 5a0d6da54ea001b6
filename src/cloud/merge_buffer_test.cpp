#include "cloud/merge_buffer.h"

#include <gtest/gtest.h>

#include <map>
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
  for (const size_t expected : {4U, 4U, 2U, 0U}) {
    const auto part = buffer.take_members(4);
    EXPECT_EQ(part.size(), expected);
    for (const auto& [member, amount] : part) seen[member] += amount;
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

std::vector<std::string> keys_from(const MergeBuffer& buffer, MergeBuffer::Position& position, size_t most) {
  std::vector<std::string> keys;
  const bool more = buffer.each_from(position, most, [&](const KeyUpdate& one) { keys.push_back(one.key()); });
  if (!more) keys.emplace_back("end");
  return keys;
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
  EXPECT_EQ(buffer.front().members().at("a"), 6);
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

TEST(MergeBuffer, IsLookedThroughInPartsAlsoWhenSomethingIsReleasedMeanwhile) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  for (const char* key : {"a", "b", "shelved"}) buffer.at(key).add("n", 1);
  for (const char* key : {"x", "y", "z"}) buffer.at_leisure(key).add_member("m", 1);
  buffer.pop_front();  // a
  buffer.at("c").add("n", 1);
  buffer.shelve_front(1);  // b
  MergeBuffer::Position position;
  EXPECT_EQ(keys_from(buffer, position, 2), (std::vector<std::string>{"b", "x", "y"})) << "what is laid aside is one";
  buffer.hurry();
  EXPECT_EQ(keys_from(buffer, position, 2), (std::vector<std::string>{"shelved", "c"}));
  EXPECT_EQ(keys_from(buffer, position, 2), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(keys_from(buffer, position, 2), (std::vector<std::string>{"z", "end"}));
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

}  // namespace
}  // namespace microcloud
