#include "cloud/piece.h"

#include <gtest/gtest.h>

#include "resp/command_decoder.h"

namespace microcloud {
namespace {

std::vector<std::string> commands_of(const Piece& piece) {
  resp::CommandDecoder decoder;
  decoder.feed(piece.commands);
  std::vector<std::string> lines;
  resp::CommandView words;
  while (decoder.next(words) == resp::Progress::Done) {
    std::string line;
    for (const std::string_view word : words) line += (line.empty() ? "" : " ") + std::string(word.substr(0, 20));
    lines.push_back(line);
  }
  EXPECT_EQ(lines.size(), piece.count);
  return lines;
}

TEST(Piece, HoldsTheCommandsOfEachKey) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  buffer.set_time(77);
  KeyUpdate& host = buffer.at("ip.1");
  host.add("bytesSent", 5);
  host.if_absent("firstSeen", 1);
  host.latest("lastSeen", 9);
  host.set("mac", "aa");
  host.refresh();
  buffer.at("ip.1.peers").add_member("2", 5);
  const auto piece = cut_piece(buffer, {.ttl_s = 60, .members = 10});
  ASSERT_TRUE(piece);
  EXPECT_EQ(commands_of(*piece),
            (std::vector<std::string>{"HINCRBY ip.1 bytesSent 5", "HSETNX ip.1 firstSeen 1",
                                      "HSET ip.1 lastSeen 9 mac aa", "EXPIRE ip.1 60", "ZINCRBY ip.1.peers 5 2"}));
  ASSERT_EQ(piece->checks.size(), 2U);
  EXPECT_EQ(piece->key(piece->checks[0]), "ip.1");
  EXPECT_EQ(piece->checks[0].count, 0U) << "it lives anew by the piece itself";
  EXPECT_EQ(piece->checks[0].kind, Piece::Check::Times::Told);
  EXPECT_EQ(piece->checks[0].times_at, 1U);
  EXPECT_EQ(piece->checks[1].command, 4U);
  EXPECT_EQ(piece->amounts.at(piece->checks[1].amounts_at), 5);
  EXPECT_EQ(piece->key(piece->checks[1]), "ip.1.peers");
  EXPECT_EQ(piece->increments, 2U);
  EXPECT_EQ(piece->since_ms, 77);
  EXPECT_FALSE(cut_piece(buffer, {}));
}

TEST(Piece, LeavesAKeyThatIsKeptBySomebodyItsTime) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  buffer.at("user.anna").add("bytesSent", 5);
  buffer.at("user.anna").refresh_unless("source");
  const auto piece = cut_piece(buffer, {.ttl_s = 60});
  ASSERT_TRUE(piece);
  EXPECT_EQ(commands_of(*piece), (std::vector<std::string>{"HINCRBY user.anna bytesSent 5",
                                                           "EVAL if redis.call('HEXIS 1 user.anna 60 source"}));
  EXPECT_TRUE(piece->checks.empty());
  buffer.at("user.anna").refresh();
  EXPECT_EQ(commands_of(*cut_piece(buffer, {.ttl_s = 60})), (std::vector<std::string>{"EXPIRE user.anna 60"}));
}

TEST(Piece, TrimsASetThatMayHaveGrownTooLarge) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  KeyUpdate& peers = buffer.at("ip.1.peers");
  peers.add_member("2", 5);
  peers.trim();
  peers.refresh();
  const auto piece = cut_piece(buffer, {.ttl_s = 60, .members = 10});
  ASSERT_TRUE(piece);
  EXPECT_EQ(commands_of(*piece), (std::vector<std::string>{"ZINCRBY ip.1.peers 5 2", "ZREMRANGEBYRANK ip.1.peers 0 -11",
                                                           "EXPIRE ip.1.peers 60"}));
  EXPECT_TRUE(piece->checks.empty());
  buffer.at("ip.1.peers").add_member("2", 5);
  EXPECT_EQ(cut_piece(buffer, {})->count, 1U) << "what is used again forgets it";
}

TEST(Piece, ChecksAllIncrementsOfAKeyThatItDoesNotRefresh) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  buffer.at("a").latest("lastSeen", 9);
  buffer.at("a").add("n", 3);
  buffer.at("a").add("m", 4);
  buffer.at("a").earliest("firstSeen", 2);
  const auto piece = cut_piece(buffer, {});
  ASSERT_TRUE(piece);
  ASSERT_EQ(piece->checks.size(), 1U);
  EXPECT_EQ(piece->checks[0].command, 0U);
  EXPECT_EQ(piece->checks[0].count, 2U);
  EXPECT_EQ(piece->checks[0].kind, Piece::Check::Times::None);
  EXPECT_EQ(piece->amounts, (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(piece->key(piece->checks[0]), "a");
}

TEST(Piece, ChecksAKeyThatItRefreshesWhereThereAreTimesAndTheKeyIsNotNew) {
  for (const bool begins : {false, true}) {
    MergeBuffer buffer(1 << 20, HashSeed{});
    buffer.at("a").add("n", 3);
    buffer.at("a").seen({50, 60});
    buffer.at("a").seen({40, 45});
    begins ? buffer.at("a").begin() : buffer.at("a").refresh();
    const auto piece = cut_piece(buffer, {});
    ASSERT_TRUE(piece);
    ASSERT_EQ(piece->checks.size(), begins ? 0U : 1U);
    if (begins) continue;
    EXPECT_EQ(piece->checks[0].times.first_ms, 40);
    EXPECT_EQ(piece->checks[0].times.last_ms, 60);
  }
}

TEST(Piece, ChecksAllMembersOfASetThatItDoesNotRefresh) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  buffer.at("a").add("n", 3);
  for (const char* member : {"x", "y", "z"}) buffer.at("a.peers").add_member(member, 5);
  const auto piece = cut_piece(buffer, {});
  ASSERT_TRUE(piece);
  ASSERT_EQ(piece->checks.size(), 2U);
  const Piece::Check& check = piece->checks[1];
  EXPECT_EQ(piece->key(check), "a.peers");
  EXPECT_EQ(check.command, 1U);
  EXPECT_EQ(check.count, 3U);
  EXPECT_EQ(check.amounts_at, 1U);
  EXPECT_EQ(piece->amounts, (std::vector<int64_t>{3, 5, 5, 5}));
}

TEST(Piece, AnEndingIsBehindAllElseUnlessTheKeyGoesOn) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  KeyUpdate& ends = buffer.at("e.1");
  ends.set("call", "c1");
  ends.refresh();
  ends.end({"call", "c1", "end", "99", 60});
  KeyUpdate& goes_on = buffer.at("e.2");
  goes_on.end({"call", "c1", "end", "99", 60});
  goes_on.set("call", "c2");
  goes_on.refresh();
  const auto piece = cut_piece(buffer, {.ttl_s = 900});
  ASSERT_TRUE(piece);
  EXPECT_EQ(commands_of(*piece), (std::vector<std::string>{"HSET e.1 call c1", "EXPIRE e.1 900",
                                                           "EVAL if redis.call('HGET' 1 e.1 call c1 end 99 60",
                                                           "HSET e.2 call c2", "EXPIRE e.2 900"}));
}

TEST(Piece, BringsNoMoreWorkThanItMay) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  for (int key = 0; key < 100; ++key) {
    for (const char* field : {"a", "b", "c"}) buffer.at("k" + std::to_string(key)).add(field, 1);
  }
  auto piece = cut_piece(buffer, {.work = 32});
  EXPECT_LE(piece->count, 32U);
  EXPECT_GE(piece->count, 27U);
  size_t rest = 0;
  while ((piece = cut_piece(buffer, {.work = 1}))) rest += piece->count;
  EXPECT_GT(rest, 200U) << "a key is never divided, and always goes";
}

uint64_t sum_of_commands(const Piece& piece) {
  uint64_t sum = 0;
  for (size_t command = 0; command < piece.count; ++command) sum += piece.increments_of.at(command);
  return sum;
}

TEST(Piece, KnowsHowManyIncrementsEachCommandStandsFor) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  KeyUpdate& host = buffer.at("a");
  host.latest("lastSeen", 9);
  host.if_absent("firstSeen", 1);
  for (int time = 0; time < 254; ++time) host.add("n", 1);
  for (int time = 0; time < 255; ++time) host.add("m", 1);
  host.earliest("firstSeen", 1);
  for (int time = 0; time < 70'000; ++time) host.add("l", 1);
  host.add("k", 1, uint64_t{1} << 40);
  host.refresh();
  buffer.at("b").add("n", 3);
  for (int time = 0; time < 5; ++time) buffer.at("b.peers").add_member("x", 2);
  buffer.at("b.peers").refresh();
  const auto piece = cut_piece(buffer, {});
  ASSERT_TRUE(piece);
  std::vector<uint64_t> increments;
  for (size_t command = 0; command < piece->count; ++command) increments.push_back(piece->increments_of.at(command));
  EXPECT_EQ(increments, (std::vector<uint64_t>{254, 255, 70'000, uint64_t{1} << 40, 0, 0, 0, 0, 1, 5, 0}));
  EXPECT_EQ(sum_of_commands(*piece), piece->increments);
}

TEST(Piece, DividesALargeSortedSet) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  for (int member = 0; member < 100; ++member) {
    for (int time = 0; time <= member % 3; ++time) buffer.at("peers").add_member(std::to_string(member), 1);
  }
  size_t members = 0;
  uint64_t increments = 0;
  while (const auto piece = cut_piece(buffer, {.work = 90})) {
    EXPECT_LE(piece->count, 32U);
    members += piece->count;
    increments += piece->increments;
    EXPECT_EQ(sum_of_commands(*piece), piece->increments);
  }
  EXPECT_EQ(members, 100U);
  EXPECT_EQ(increments, 199U);
}

}  // namespace
}  // namespace microcloud
