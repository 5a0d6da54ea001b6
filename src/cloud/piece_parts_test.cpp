#include "cloud/piece_parts.h"

#include <gtest/gtest.h>

#include "resp/command_decoder.h"

namespace microcloud {
namespace {

using Lines = std::vector<std::string>;

Lines lines_of(const Piece& piece) {
  resp::CommandDecoder decoder;
  decoder.feed(piece.commands);
  Lines lines;
  for (resp::CommandView words; decoder.next(words) == resp::Progress::Done;) {
    std::string line;
    for (const std::string_view word : words) line += (line.empty() ? "" : " ") + std::string(word);
    lines.push_back(line);
  }
  EXPECT_EQ(lines.size(), piece.count);
  return lines;
}

TEST(PieceParts, WhatIsTakenOutIsAPieceOfItsOwn) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  buffer.set_time(77, 5);
  buffer.at("a").add("n", 1);
  buffer.at("a").add("n", 2);
  buffer.at("b").add("n", 3);
  buffer.at("b").latest("lastSeen", 9);
  buffer.at("c").add_member("m", 4);
  Piece piece = *cut_piece(buffer, {});
  ASSERT_EQ(lines_of(piece), (Lines{"HINCRBY a n 3", "HINCRBY b n 3", "HSET b lastSeen 9", "ZINCRBY c 4 m"}));
  const Piece taken = take_out(piece, {1, 2}, {});
  EXPECT_EQ(lines_of(taken), (Lines{"HINCRBY b n 3", "HSET b lastSeen 9"}));
  EXPECT_EQ(lines_of(piece), (Lines{"HINCRBY a n 3", "ZINCRBY c 4 m"}));
  EXPECT_EQ(taken.increments, 1U);
  EXPECT_EQ(piece.increments, 3U) << "n of a stands for two";
  EXPECT_EQ(taken.since_ms, 77);
  EXPECT_EQ(taken.taken, 0U) << "its keys do not wait any more";
  EXPECT_EQ(piece.packets_us.size(), 3U);
  ASSERT_EQ(taken.checks.size(), 1U);
  EXPECT_EQ(taken.key(taken.checks[0]), "b");
  EXPECT_EQ(taken.checks[0].command, 0U);
  ASSERT_EQ(piece.checks.size(), 2U);
  EXPECT_EQ(piece.key(piece.checks[1]), "c");
  EXPECT_EQ(piece.checks[1].command, 1U);
}

TEST(PieceParts, TheKeyOfACommandIsKnownWhereAScriptTakesIt) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  buffer.at("a").add("n", 1);
  buffer.at("b").earliest("firstSeen", 9);
  buffer.at("c").add_member("m", 4);
  const Piece piece = *cut_piece(buffer, {});
  Lines keys;
  for (size_t number = 0; number < piece.count; ++number) keys.push_back(key_of(piece, number));
  EXPECT_EQ(keys, (Lines{"a", "b", "c"}));
  EXPECT_TRUE(lines_of(piece).at(1).starts_with("EVAL "));
}

TEST(PieceParts, BothPartsOfASortedSetAreChecked) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  buffer.at("a").add("n", 1);
  for (const char* member : {"x", "y", "z"}) buffer.at("c").add_member(member, static_cast<uint64_t>(*member));
  Piece piece = *cut_piece(buffer, {});
  const auto amount = [](const Piece& of, size_t command) {
    const std::string line = lines_of(of)[command];
    return static_cast<int64_t>(line.back());
  };
  const Piece taken = take_out(piece, {2}, {});
  ASSERT_EQ(piece.checks.size(), 2U);
  EXPECT_EQ(piece.key(piece.checks[1]), "c");
  EXPECT_EQ(piece.checks[1].command, 1U);
  EXPECT_EQ(piece.checks[1].count, 2U);
  EXPECT_EQ(piece.checks[1].amounts_at, 1U);
  EXPECT_EQ(piece.amounts, (std::vector<int64_t>{1, amount(piece, 1), amount(piece, 2)}));
  ASSERT_EQ(taken.checks.size(), 1U);
  EXPECT_EQ(taken.key(taken.checks[0]), "c");
  EXPECT_EQ(taken.checks[0].count, 1U);
  EXPECT_EQ(taken.amounts, (std::vector<int64_t>{amount(taken, 0)}));
}

TEST(PieceParts, BothPartsTogetherStandForAllIncrements) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  for (uint64_t time = 0; time < 1'000; ++time) {
    buffer.at("a").add("n", time);
    if (time % 2 == 0) buffer.at("a").add("m", time);
    buffer.at("a").latest("lastSeen", 9);
    if (time % 3 == 0) buffer.at("b").add_member(std::to_string(time % 4), 1);
  }
  const Piece whole = *cut_piece(buffer, {});
  ASSERT_EQ(whole.count, 7U);
  for (unsigned chosen = 0; chosen < 1U << whole.count; ++chosen) {
    std::vector<size_t> numbers;
    uint64_t expected = 0;
    for (size_t at = 0; at < whole.count; ++at) {
      if ((chosen >> at & 1) == 0) continue;
      numbers.push_back(at);
      expected += whole.increments_of.at(at);
    }
    Piece rest = whole;
    const Piece taken = take_out(rest, numbers, {});
    ASSERT_EQ(taken.increments, expected) << chosen;
    ASSERT_EQ(rest.increments, whole.increments - expected) << chosen;
    for (const Piece* part : {static_cast<const Piece*>(&rest), &taken}) {
      uint64_t sum = 0;
      for (size_t at = 0; at < part->count; ++at) sum += part->increments_of.at(at);
      ASSERT_EQ(sum, part->increments) << chosen;
      const Lines lines = lines_of(*part);
      for (size_t at = 0; at < lines.size(); ++at)
        ASSERT_EQ(part->increments_of.at(at) > 0, lines[at].find("INCRBY") != std::string::npos) << lines[at];
    }
  }
}

TEST(PieceParts, WhatALaterPieceSetsIsNotSetAgain) {
  MergeBuffer buffer(1 << 20, HashSeed{});
  const auto piece_with = [&buffer](const char* value) {
    buffer.at("a").set("name", value);
    buffer.at("a").add("n", 1);
    buffer.at("b").set("name", value);
    return *cut_piece(buffer, {});
  };
  Piece first = piece_with("old");
  buffer.at("a").set("name", "new");
  const Piece later = *cut_piece(buffer, {});
  const Piece taken = take_out(first, {0, 1, 2}, {&later});
  EXPECT_EQ(lines_of(taken), (Lines{"HINCRBY a n 1", "HSET b name old"}));
  EXPECT_TRUE(lines_of(first).empty());
  EXPECT_EQ(first.increments, 0U);
}

}  // namespace
}  // namespace microcloud
