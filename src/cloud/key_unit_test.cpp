#include "cloud/key_unit.h"

#include "resp/redis_test_bed.h"

namespace microcloud {
namespace {

using resp::Result;
using resp::Value;
using Kind = UnitVerdict::Kind;

class KeyUnitTest : public ::testing::Test {
 protected:
  KeyUnitTest() { EXPECT_TRUE(client.wait_ready()); }

  KeyUnit hash(uint64_t number) {
    KeyUnit unit;
    unit.number = number;
    unit.key = "ip.10.0.0.1";
    unit.numbers = {{"bytesSent", 5, KeyUpdate::Op::Add, 4},
                    {"lastSeen", 70, KeyUpdate::Op::Latest},
                    {"firstSeen", 30, KeyUpdate::Op::Earliest},
                    {"packetsSent", 1, KeyUpdate::Op::Add, 3}};
    unit.texts = {{"mac", "aa"}};
    unit.increments = 7;
    return unit;
  }
  KeyUnit set(uint64_t number) {
    KeyUnit unit;
    unit.number = number;
    unit.key = "ip.10.0.0.1.peers";
    unit.members = {{"10.0.0.2", {500, 5}}, {"10.0.0.3", {20, 2}}};
    unit.increments = 7;
    return unit;
  }
  UnitVerdict plain(const KeyUnit& unit) {
    resp::Commands commands;
    append_plain(commands, unit, form);
    EXPECT_EQ(commands.count(), plain_replies(unit));
    result = client.result(std::move(commands));
    return judge_plain(unit, result.replies.data(), result.replies.size(), form);
  }
  UnitVerdict checked(const KeyUnit& unit) {
    resp::Commands commands;
    append_checked(commands, unit, form);
    EXPECT_EQ(commands.count(), 1U);
    result = client.result(std::move(commands));
    return judge_checked(unit, &result.replies.at(0));
  }
  std::string field(const char* name) { return client.ask("HGET", "ip.10.0.0.1", name).text; }

  resp::RedisServer server;
  Loop loop;
  resp::TestClient client{loop, server};
  UnitForm form{.ledger = "_l.p", .ttl_s = 100};
  Result result;
};

TEST_F(KeyUnitTest, PlainAndCheckedDoTheSame) {
  EXPECT_EQ(plain(hash(1'000)).kind, Kind::Applied);
  const Value by_plain = client.ask("HGETALL", "ip.10.0.0.1");
  client.ask("DEL", "ip.10.0.0.1");
  EXPECT_EQ(checked(hash(1'000)).kind, Kind::Applied);
  for (const char* name : {"bytesSent", "packetsSent", "lastSeen", "firstSeen", "mac", "_l.p"}) {
    ASSERT_NE(by_plain.find(name), nullptr) << name;
    EXPECT_EQ(by_plain.find(name)->text, field(name)) << name;
  }
  EXPECT_EQ(field("bytesSent"), "5");
  EXPECT_EQ(field("_l.p"), "1000");
}

TEST_F(KeyUnitTest, ARepeatIsToldAndNotApplied) {
  const uint64_t now = 1'800'000'000'000'000;  // microseconds
  EXPECT_EQ(plain(hash(now)).kind, Kind::Applied);
  UnitVerdict verdict = checked(hash(now));
  EXPECT_EQ(verdict.kind, Kind::Repeat);
  EXPECT_EQ(verdict.ledger, now);
  EXPECT_EQ(checked(hash(now - 1)).kind, Kind::Repeat);
  EXPECT_EQ(field("bytesSent"), "5");
  EXPECT_EQ(checked(hash(now + 1)).kind, Kind::Applied);
  EXPECT_EQ(field("bytesSent"), "10");
  EXPECT_EQ(plain(set(now)).kind, Kind::Applied);
  verdict = checked(set(now));
  EXPECT_EQ(verdict.kind, Kind::Repeat);
  EXPECT_EQ(verdict.ledger, now) << "also as a score";
  EXPECT_EQ(checked(set(now + 1)).kind, Kind::Applied);
  EXPECT_EQ(client.ask("ZSCORE", "ip.10.0.0.1.peers", "10.0.0.2").as_double(), 1'000);
  EXPECT_TRUE(client.ask("ZREVRANGE", "ip.10.0.0.1.peers", 2, -1).elements.at(0).is("_l.p")) << "behind all others";
}

TEST_F(KeyUnitTest, AKeyThatIsNewIsToldAndHasATimeToLive) {
  EXPECT_TRUE(plain(hash(1)).born);
  EXPECT_FALSE(plain(hash(2)).born);
  EXPECT_EQ(client.ask("TTL", "ip.10.0.0.1").integer, -1) << "whoever sends it is to care";
  KeyUnit fresh = hash(3);
  fresh.refreshes = true;
  EXPECT_FALSE(plain(fresh).born);
  EXPECT_EQ(client.ask("TTL", "ip.10.0.0.1").integer, 100);
  client.ask("DEL", "ip.10.0.0.1");
  EXPECT_TRUE(checked(hash(4)).born);
  EXPECT_EQ(client.ask("TTL", "ip.10.0.0.1").integer, 100) << "the script cares itself";
  EXPECT_TRUE(plain(set(5)).born);
  EXPECT_FALSE(plain(set(6)).born);
}

TEST_F(KeyUnitTest, AKeyEndsWhereItStillSaysSo) {
  uint64_t number = 0;
  const auto next = [&](const char* mac) {
    KeyUnit unit = hash(++number);
    unit.texts.clear();
    unit.refreshes = true;
    unit.ending = {"mac", mac, "end", std::to_string(number), 9};
    return unit;
  };
  const auto ends = [&](const UnitVerdict& verdict) {
    EXPECT_EQ(verdict.kind, Kind::Applied);
    EXPECT_EQ(verdict.refused, 0U);
    return client.ask("TTL", "ip.10.0.0.1").integer == 9 && field("end") == std::to_string(number);
  };
  EXPECT_EQ(plain(hash(++number)).kind, Kind::Applied);
  EXPECT_FALSE(ends(plain(next("bb"))));
  EXPECT_FALSE(ends(checked(next("bb"))));
  EXPECT_EQ(client.ask("TTL", "ip.10.0.0.1").integer, 100);
  EXPECT_TRUE(ends(plain(next("aa"))));
  EXPECT_TRUE(ends(checked(next("aa"))));
}

TEST_F(KeyUnitTest, AKeyThatSomebodyKeepsIsLeftItsTime) {
  uint64_t number = 0;
  const auto next = [&] {
    KeyUnit unit = hash(++number);
    unit.refreshes = true;
    unit.refreshes_unless = "source";
    return unit;
  };
  EXPECT_EQ(plain(next()).kind, Kind::Applied);
  EXPECT_EQ(client.ask("TTL", "ip.10.0.0.1").integer, 100);
  client.ask("EXPIRE", "ip.10.0.0.1", 7);
  EXPECT_EQ(checked(next()).kind, Kind::Applied);
  EXPECT_EQ(client.ask("TTL", "ip.10.0.0.1").integer, 100);
  client.ask("HSET", "ip.10.0.0.1", "source", "radius");
  client.ask("PERSIST", "ip.10.0.0.1");
  EXPECT_EQ(plain(next()).kind, Kind::Applied);
  EXPECT_EQ(checked(next()).kind, Kind::Applied);
  EXPECT_EQ(client.ask("TTL", "ip.10.0.0.1").integer, -1);
  client.ask("EXPIRE", "ip.10.0.0.1", 7);
  EXPECT_EQ(checked(next()).kind, Kind::Applied);
  EXPECT_EQ(client.ask("TTL", "ip.10.0.0.1").integer, 7);
  client.ask("DEL", "ip.10.0.0.1");
  client.ask("HSET", "ip.10.0.0.1", "source", "radius");
  EXPECT_TRUE(checked(next()).born);
  EXPECT_EQ(client.ask("TTL", "ip.10.0.0.1").integer, -1) << "its key was there before any traffic";
}

TEST_F(KeyUnitTest, AnotherTypeUnderTheKeyIsRefusedForGood) {
  client.ask("SET", "ip.10.0.0.1", "mine");
  for (const bool checks : {false, true}) {
    const UnitVerdict verdict = checks ? checked(hash(1)) : plain(hash(1));
    EXPECT_EQ(verdict.kind, Kind::Applied);
    EXPECT_EQ(verdict.refused, 7U) << "increments";
    EXPECT_EQ(verdict.refused_others, 2U) << "firstSeen; lastSeen and mac at once";
    EXPECT_TRUE(verdict.refusal->text.starts_with("WRONGTYPE")) << verdict.refusal->text;
  }
  EXPECT_TRUE(client.ask("GET", "ip.10.0.0.1").is("mine"));
  client.ask("SET", "ip.10.0.0.1.peers", "mine");
  for (const bool checks : {false, true}) {
    const UnitVerdict verdict = checks ? checked(set(1)) : plain(set(1));
    EXPECT_EQ(verdict.kind, Kind::Applied);
    EXPECT_EQ(verdict.refused, 7U);
    EXPECT_EQ(verdict.refused_others, 0U);
  }
}

TEST_F(KeyUnitTest, ATimeThatIsNoNumberIsLeftAndDoesNotHoldUpTheOthers) {
  client.ask("HSET", "ip.10.0.0.1", "firstSeen", "long ago");
  for (uint64_t number = 1; number <= 2; ++number) {
    const UnitVerdict verdict = number == 1 ? plain(hash(number)) : checked(hash(number));
    EXPECT_EQ(verdict.kind, Kind::Applied);
    EXPECT_EQ(verdict.refused, 0U);
    EXPECT_EQ(verdict.refused_others, 1U);
    EXPECT_EQ(field("firstSeen"), "long ago");
    EXPECT_EQ(field("packetsSent"), std::to_string(number));
    EXPECT_EQ(field("mac"), "aa");
  }
}

TEST_F(KeyUnitTest, ACounterThatCannotGrowIsRefusedAlone) {
  client.ask("HSET", "ip.10.0.0.1", "bytesSent", "9223372036854775807");
  UnitVerdict verdict = plain(hash(1));
  EXPECT_EQ(verdict.refused, 4U);
  verdict = checked(hash(2));
  EXPECT_EQ(verdict.refused, 4U);
  EXPECT_EQ(verdict.refused_others, 0U);
  ASSERT_NE(verdict.refusal, nullptr);
  EXPECT_NE(verdict.refusal->text.find("overflow"), std::string::npos) << verdict.refusal->text;
  EXPECT_EQ(field("packetsSent"), "2");
}

TEST_F(KeyUnitTest, WithoutRightsOrMemoryNothingIsApplied) {
  client.ask("ACL", "SETUSER", "default", "-hincrby");
  for (const UnitVerdict& verdict : {plain(hash(1)), checked(hash(1))}) {
    EXPECT_EQ(verdict.kind, Kind::NotApplied);
  }
  client.ask("ACL", "SETUSER", "default", "+@all");
  client.ask("CONFIG", "SET", "maxmemory", 1);
  UnitVerdict verdict = plain(hash(1));
  EXPECT_EQ(verdict.kind, Kind::NotApplied);
  EXPECT_TRUE(verdict.error->text.starts_with("OOM")) << verdict.error->text << ", not EXECABORT";
  EXPECT_EQ(checked(hash(1)).kind, Kind::NotApplied);
  client.ask("CONFIG", "SET", "maxmemory", 0);
  EXPECT_EQ(client.ask("EXISTS", "ip.10.0.0.1").integer, 0);
}

TEST_F(KeyUnitTest, WhatIsTakenOutAndWhatIsLeftStandForAllIncrements) {
  const auto check = [](const KeyUnit& unit, uint64_t expected) {
    uint64_t sum = 0;
    for (const KeyUpdate::Number& one : unit.numbers) sum += one.increments;
    for (const auto& [member, of_member] : unit.members) sum += of_member.increments;
    EXPECT_EQ(sum, expected);
    EXPECT_EQ(unit.increments, expected);
  };
  for (const bool is_set : {false, true}) {
    for (const size_t command : {1U, 2U, 3U}) {
      KeyUnit unit = is_set ? set(1) : hash(1);
      // Of a hash HINCRBY, EVAL, HINCRBY; of a set two ZINCRBYs and ZCARD.
      const uint64_t expected = is_set ? (command == 1   ? 5
                                          : command == 2 ? 2
                                                         : 0)
                                       : (command == 1   ? 4
                                          : command == 2 ? 0
                                                         : 3);
      check(take_out(unit, {command}), expected);
      check(unit, 7 - expected);
    }
  }
}

/// EXEC runs what the user still may; the rest is a unit of its own from then on.
TEST_F(KeyUnitTest, WhatIsNotPermittedAnyMoreInsideOfATransactionGoesAgain) {
  const std::string end = "*1\r\n$4\r\nEXEC\r\n";
  for (const char* right : {"hset", "hincrby", "eval", "expire", "zadd", "zincrby"}) {
    for (const bool is_set : {false, true}) {
      client.ask("DEL", is_set ? "ip.10.0.0.1.peers" : "ip.10.0.0.1");
      KeyUnit unit = is_set ? set(1) : hash(1);
      unit.refreshes = true;
      resp::Commands all, queued, exec;
      append_plain(all, unit, form);
      queued.append(all.bytes().substr(0, all.bytes().size() - end.size()), all.count() - 1);
      exec.add("EXEC");
      std::vector<Value> replies = client.result(std::move(queued)).replies;
      resp::TestClient other(loop, server);
      ASSERT_TRUE(other.wait_ready());
      other.ask("ACL", "SETUSER", "default", std::string("-") + right);
      replies.push_back(client.result(std::move(exec)).replies.at(0));
      const UnitVerdict verdict = judge_plain(unit, replies.data(), replies.size(), form);
      ASSERT_EQ(verdict.kind, Kind::Applied);
      EXPECT_EQ(verdict.refused, 0U);
      KeyUnit refused = take_out(unit, verdict.not_permitted);
      refused.number = 2;
      EXPECT_EQ(unit.increments + refused.increments, 7U);
      EXPECT_EQ(refused.increments, std::string_view(right) == (is_set ? "zincrby" : "hincrby") ? 7U : 0U);
      if (!verdict.not_permitted.empty()) {
        EXPECT_TRUE(verdict.why->text.starts_with("NOPERM")) << verdict.why->text;
        EXPECT_EQ(checked(refused).kind, Kind::NotApplied) << right;
        other.ask("ACL", "SETUSER", "default", "+@all");
        EXPECT_EQ(checked(refused).kind, Kind::Applied) << right;
      }
      other.ask("ACL", "SETUSER", "default", "+@all");
      if (is_set) {
        EXPECT_EQ(client.ask("ZSCORE", unit.key, "10.0.0.2").as_double(), 500) << right;
        EXPECT_EQ(client.ask("ZSCORE", unit.key, "10.0.0.3").as_double(), 20) << right;
      } else {
        for (const auto& [name, value] : {std::pair("bytesSent", "5"),
                                          {"packetsSent", "1"},
                                          {"lastSeen", "70"},
                                          {"firstSeen", "30"},
                                          {"mac", "aa"}})
          EXPECT_EQ(field(name), value) << right;
      }
      EXPECT_GT(client.ask("TTL", unit.key).integer, 0) << right;
    }
  }
}

TEST_F(KeyUnitTest, WhatWasNotAnsweredIsNotKnown) {
  EXPECT_EQ(judge_plain(hash(1), nullptr, 0, form).kind, Kind::Unknown);
  EXPECT_EQ(judge_checked(hash(1), nullptr).kind, Kind::Unknown);
}

TEST_F(KeyUnitTest, TrimmingLeavesLedgersAndTheLargest) {
  for (int member = 0; member < 200; ++member)
    client.ask("ZADD", "ip.10.0.0.1.peers", 1'000 + member, "m" + std::to_string(member));
  client.ask("ZADD", "ip.10.0.0.1.peers", -9, "_l.other");
  EXPECT_TRUE(plain(set(1)).too_many);
  resp::Commands commands;
  append_trim(commands, "ip.10.0.0.1.peers", form);
  EXPECT_FALSE(client.result(std::move(commands)).replies.at(0).is_error());
  EXPECT_EQ(client.ask("ZCARD", "ip.10.0.0.1.peers").integer, 128);
  EXPECT_EQ(client.ask("ZSCORE", "ip.10.0.0.1.peers", "_l.other").as_double(), -9);
  EXPECT_EQ(client.ask("ZSCORE", "ip.10.0.0.1.peers", "_l.p").as_double(), -1);
  EXPECT_TRUE(client.ask("ZSCORE", "ip.10.0.0.1.peers", "10.0.0.3").is_null()) << "too small";
  EXPECT_FALSE(client.ask("ZSCORE", "ip.10.0.0.1.peers", "m199").is_null());
  EXPECT_TRUE(plain(set(2)).too_many) << "each time";
  EXPECT_EQ(client.ask("ZSCORE", "ip.10.0.0.1.peers", "10.0.0.3").as_double(), 20) << "it starts again at 0";
}

TEST(CutUnits, KeysOfSlotsThatTakeNothingAreLaidAside) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  for (int key = 0; key < 50; ++key) buffer.at("k" + std::to_string(key)).add("n", 1);
  const resp::Slot closed = resp::slot_of("k7");
  UnitCut cut = cut_units(buffer, 1'000, [closed](resp::Slot slot) { return slot != closed; });
  EXPECT_EQ(cut.units.size(), 49U);
  EXPECT_EQ(cut.looked_at, 50U);
  EXPECT_EQ(buffer.size(), 1U);
  EXPECT_EQ(buffer.ready(), 0U);
  buffer.unshelve(closed);
  cut = cut_units(buffer, 1'000, [](resp::Slot) { return true; });
  ASSERT_EQ(cut.units.size(), 1U);
  EXPECT_EQ(cut.units[0].key, "k7");
}

TEST(CutUnits, ALargeSortedSetIsDividedAndItsRestWaits) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  for (int time = 0; time < 1'400; ++time) buffer.at("s").add_member(std::to_string(time % 1'000 % 700), 2);
  uint64_t increments = 0;
  size_t members = 0;
  for (int part = 0; part < 2; ++part) {
    const UnitCut cut = cut_units(buffer, 10, [](resp::Slot) { return true; });
    ASSERT_EQ(cut.units.size(), 1U) << "never twice the same key";
    increments += cut.units[0].increments;
    members += cut.units[0].members.size();
    uint64_t of_members = 0;
    for (const auto& [member, sum] : cut.units[0].members) of_members += sum.increments;
    EXPECT_EQ(of_members, cut.units[0].increments);
    for (const resp::Slot slot : cut.divided) buffer.unshelve(slot);
  }
  EXPECT_EQ(members, 700U);
  EXPECT_EQ(increments, 1'400U);
  EXPECT_EQ(buffer.size(), 0U);
}

}  // namespace
}  // namespace microcloud
