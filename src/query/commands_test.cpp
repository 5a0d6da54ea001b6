#include "query/commands.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace microcloud {
namespace {

std::string reply(const CommandWords& words, const std::vector<Entry>& entries, bool resp3 = false) {
  const FaceCommand* command = find_command(words[0]);
  if (command == nullptr || command->answer == nullptr) return "no such command";
  if (!has_arity(*command, words.size())) return "arity";
  std::vector<const Entry*> pointers;
  for (const Entry& entry : entries) pointers.push_back(&entry);
  std::string bytes;
  command->answer(words, pointers, {bytes, resp3 ? resp::Protocol::Resp3 : resp::Protocol::Resp2});
  return bytes;
}

Entry hash() {
  return Entry::of_fields({{"a", "1"}, {"b", "two"}});
}

Entry sorted_set() {
  Entry entry;
  entry.type = Entry::Type::SortedSet;
  entry.members = {{"x", 1}, {"y", 2}, {"z", 2}};
  return entry;
}

TEST(FaceCommands, AreFoundWithoutRegardToCase) {
  for (const char* name : {"hget", "HGET", "HgEt"}) {
    ASSERT_NE(find_command(name), nullptr);
    EXPECT_EQ(find_command(name)->name, "hget");
  }
  for (const std::string& name : {std::string(), std::string("hge"), std::string("hgett"), std::string("set"),
                                  std::string("monitor"), std::string(100'000, 'h'), std::string("hget\0", 5)})
    EXPECT_EQ(find_command(name), nullptr);
}

TEST(FaceCommands, EachOneOfTheTableIsFoundAndTakesItsArity) {
  std::string bytes;
  write_commands({"COMMAND", "LIST"}, {bytes, resp::Protocol::Resp2});
  EXPECT_TRUE(bytes.starts_with("*36\r\n")) << bytes;
  for (const char* name : {"command",  "dbsize", "exists", "get",  "hexists", "hget",   "hgetall",   "hkeys",
                           "hlen",     "hmget",  "hscan",  "info", "keys",    "memory", "pttl",      "scan",
                           "smembers", "strlen", "ttl",    "type", "zcard",   "zrange", "zrevrange", "zscore"}) {
    const FaceCommand* command = find_command(name);
    ASSERT_NE(command, nullptr) << name;
    EXPECT_NE(bytes.find("\r\n" + std::string(name) + "\r\n"), std::string::npos) << name;
    const auto fewest = static_cast<size_t>(std::abs(command->arity));
    EXPECT_TRUE(has_arity(*command, fewest));
    EXPECT_FALSE(has_arity(*command, fewest - 1));
    EXPECT_EQ(has_arity(*command, fewest + 1), command->arity < 0);
    EXPECT_EQ(command->answer != nullptr, command->kind == FaceCommand::Kind::Point);
  }
}

TEST(FaceCommands, OfHashes) {
  EXPECT_EQ(reply({"HGET", "k", "b"}, {hash()}), "$3\r\ntwo\r\n");
  EXPECT_EQ(reply({"HGET", "k", "c"}, {hash()}), "$-1\r\n");
  EXPECT_EQ(reply({"HGET", "k", "c"}, {hash()}, true), "_\r\n");
  EXPECT_EQ(reply({"HGETALL", "k"}, {hash()}, true), "%2\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$3\r\ntwo\r\n");
  EXPECT_EQ(reply({"HGETALL", "k"}, {Entry()}), "*0\r\n");
  EXPECT_EQ(reply({"HMGET", "k", "b", "c", "b"}, {hash()}), "*3\r\n$3\r\ntwo\r\n$-1\r\n$3\r\ntwo\r\n");
  EXPECT_EQ(reply({"HLEN", "k"}, {hash()}), ":2\r\n");
  EXPECT_EQ(reply({"HSCAN", "k", "0", "MATCH", "[b]"}, {hash()}), "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nb\r\n$3\r\ntwo\r\n");
}

TEST(FaceCommands, OfSortedSets) {
  EXPECT_EQ(reply({"ZRANGE", "k", "0", "-1"}, {sorted_set()}), "*3\r\n$1\r\nx\r\n$1\r\ny\r\n$1\r\nz\r\n");
  EXPECT_EQ(reply({"ZREVRANGE", "k", "0", "0", "WITHSCORES"}, {sorted_set()}), "*2\r\n$1\r\nz\r\n$1\r\n2\r\n");
  EXPECT_EQ(reply({"ZREVRANGE", "k", "0", "0", "WITHSCORES"}, {sorted_set()}, true), "*1\r\n*2\r\n$1\r\nz\r\n,2\r\n");
  EXPECT_EQ(reply({"ZSCORE", "k", "y"}, {sorted_set()}), "$1\r\n2\r\n");
  EXPECT_EQ(reply({"ZCARD", "k"}, {Entry()}), ":0\r\n");
  // All ranges against the plain way.
  const std::string members = "xyz";
  for (int from = -5; from <= 5; ++from) {
    for (int to = -5; to <= 5; ++to) {
      const int first = std::max(0, from < 0 ? from + 3 : from), last = std::min(2, to < 0 ? to + 3 : to);
      const std::string expected =
          first > last ? "" : members.substr(static_cast<size_t>(first), static_cast<size_t>(last - first + 1));
      std::string found;
      for (const char c : reply({"ZRANGE", "k", std::to_string(from), std::to_string(to)}, {sorted_set()})) {
        if (members.find(c) != std::string::npos) found += c;
      }
      EXPECT_EQ(found, expected) << from << " " << to;
    }
  }
}

TEST(FaceCommands, OfAnotherTypeAreRefused) {
  const std::string wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
  for (const CommandWords& words : {CommandWords{"HGET", "k", "a"},
                                    {"HGETALL", "k"},
                                    {"HMGET", "k", "a"},
                                    {"HKEYS", "k"},
                                    {"HLEN", "k"},
                                    {"HEXISTS", "k", "a"},
                                    {"HSCAN", "k", "0"},
                                    {"GET", "k"},
                                    {"SMEMBERS", "k"}})
    EXPECT_EQ(reply(words, {sorted_set()}), wrong) << words[0];
  for (const CommandWords& words :
       {CommandWords{"ZCARD", "k"}, {"ZSCORE", "k", "x"}, {"ZRANGE", "k", "0", "1"}, {"GET", "k"}, {"SMEMBERS", "k"}})
    EXPECT_EQ(reply(words, {hash()}), wrong) << words[0];
}

TEST(FaceCommands, OfAnyType) {
  EXPECT_EQ(reply({"EXISTS", "k", "l", "k"}, {hash(), Entry(), hash()}), ":2\r\n");
  EXPECT_EQ(reply({"TYPE", "k"}, {sorted_set()}), "+zset\r\n");
  EXPECT_EQ(reply({"TTL", "k"}, {hash()}) + reply({"PTTL", "k"}, {Entry()}), ":-1\r\n:-2\r\n");
  EXPECT_EQ(reply({"MEMORY", "USAGE", "k"}, {Entry()}), "$-1\r\n");
  EXPECT_EQ(reply({"MEMORY", "usage", "k", "samples", "5"}, {hash()}).front(), ':');
  EXPECT_EQ(reply({"MEMORY", "doctor"}, {}), "-ERR unknown subcommand 'doctor'. Try MEMORY HELP.\r\n");
  EXPECT_EQ(reply({"MEMORY", "USAGE"}, {}), "-ERR wrong number of arguments for 'memory|usage' command\r\n");
}

TEST(Entry, OfAnUpdate) {
  MergeBuffer buffer(SIZE_MAX, HashSeed{1, 2});
  KeyUpdate& update = buffer.at("k");
  update.add("bytesSent", 5);
  update.add("bytesSent", 7);
  update.if_absent("firstSeen", 20);
  update.earliest("firstSeen", 10);
  update.latest("lastSeen", 30);
  update.set("mac", "m");
  const Entry entry = Entry::of(update);
  EXPECT_EQ(entry.type, Entry::Type::Hash);
  EXPECT_EQ(*entry.field("bytesSent"), "12");
  EXPECT_EQ(*entry.field("firstSeen"), "10") << "once, the smaller of both";
  EXPECT_EQ(*entry.field("lastSeen"), "30");
  EXPECT_EQ(*entry.field("mac"), "m");
  EXPECT_EQ(entry.fields.size(), 4U);
  EXPECT_EQ(entry.field("none"), nullptr);

  KeyUpdate& set = buffer.at("z");
  set.add_member("b", 2);
  set.add_member("c", 1);
  set.add_member("a", 2);
  const Entry sorted = Entry::of(set);
  EXPECT_EQ(sorted.members, (std::vector<std::pair<std::string, int64_t>>{{"c", 1}, {"a", 2}, {"b", 2}}));
  EXPECT_EQ(Entry::of(buffer.at("nothing")).type, Entry::Type::None);
  EXPECT_EQ(Entry::of_fields({}).type, Entry::Type::None) << "no hash is empty";
  EXPECT_GT(entry.bytes(), Entry().bytes());
}

}  // namespace
}  // namespace microcloud
