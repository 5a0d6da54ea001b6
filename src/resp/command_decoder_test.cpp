#include "resp/command_decoder.h"

#include <gtest/gtest.h>

#include "resp/commands.h"

namespace microcloud::resp {
namespace {

using Words = std::vector<std::string>;

std::vector<Words> decode(std::string_view bytes, size_t step, std::string* wrong = nullptr,
                          CommandLimits limits = {}) {
  CommandDecoder decoder(limits);
  std::vector<Words> commands;
  for (size_t at = 0; at < bytes.size(); at += step) {
    decoder.feed(bytes.substr(at, step));
    for (CommandView command; decoder.next(command) == Progress::Done;)
      commands.emplace_back(command.begin(), command.end());
  }
  if (wrong != nullptr) *wrong = decoder.wrong();
  return commands;
}

std::string refusal(std::string_view bytes, CommandLimits limits = {}) {
  std::string wrong;
  decode(bytes, bytes.size(), &wrong, limits);
  return wrong;
}

TEST(Commands, OneBufferAndNumbers) {
  Commands commands;
  commands.add("PING");
  commands.add("HINCRBY", std::string("ip.10.0.0.1"), "bytesSent", 5);
  commands.add("ZADD", "k", 1.5, std::string_view("a\0b", 3));
  commands.add("SET", "k", uint64_t{18446744073709551615U}, int64_t{-9223372036854775807}, 'a' == 97);
  EXPECT_EQ(commands.count(), 4U);
  EXPECT_TRUE(commands.bytes().starts_with("*1\r\n$4\r\nPING\r\n*4\r\n$7\r\nHINCRBY\r\n$11\r\nip.10.0.0.1\r\n"));
  const auto read = decode(commands.bytes(), 7);
  ASSERT_EQ(read.size(), 4U);
  EXPECT_EQ(read[1], (Words{"HINCRBY", "ip.10.0.0.1", "bytesSent", "5"}));
  EXPECT_EQ(read[2], (Words{"ZADD", "k", "1.5", std::string("a\0b", 3)}));
  EXPECT_EQ(read[3], (Words{"SET", "k", "18446744073709551615", "-9223372036854775807", "1"}));

  Commands more;
  more.start(12);
  for (int number = 0; number < 12; ++number) more.argument(number);
  commands.append(more);
  EXPECT_EQ(decode(commands.bytes(), 100).back().size(), 12U);
  EXPECT_FALSE(commands.take().empty());
  EXPECT_TRUE(commands.empty());
}

TEST(CommandDecoder, InlineCommandsAreWhatPeopleType) {
  EXPECT_EQ(decode("PING\r\n", 100), (std::vector<Words>{{"PING"}}));
  EXPECT_EQ(decode("\r\n  \n get  key \n", 100), (std::vector<Words>{{"get", "key"}}));
  EXPECT_EQ(decode("SET k \"a b\\n\\x41\\\"\" 'it\\'s \\n' \"\"\r\n", 100),
            (std::vector<Words>{{"SET", "k", "a b\nA\"", "it's \\n", ""}}));
  EXPECT_EQ(refusal("SET k \"a\r\n"), "Protocol error: unbalanced quotes in request");
  EXPECT_EQ(refusal("SET k \"a\"b\r\n"), "Protocol error: unbalanced quotes in request");
  EXPECT_EQ(refusal("SET 'a\r\n"), "Protocol error: unbalanced quotes in request");
}

TEST(CommandDecoder, CutAtEveryByte) {
  const std::string bytes =
      "*2\r\n$3\r\nGET\r\n$5\r\na\r\nbc\r\nPING\r\n*0\r\n*-1\r\n\r\n*1\r\n$0\r\n\r\n*1\r\n$4\r\nQUIT\r\n";
  const std::vector<Words> whole = decode(bytes, bytes.size());
  EXPECT_EQ(whole, (std::vector<Words>{{"GET", "a\r\nbc"}, {"PING"}, {""}, {"QUIT"}}));
  for (size_t step = 1; step < 12; ++step) EXPECT_EQ(decode(bytes, step), whole) << step;
}

TEST(CommandDecoder, FlippedBytesEndWellAndDoNotDependOnCuts) {
  std::string bytes = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\n\"quoted\" abc\r\nGET \"k\\x20\"\r\n*1\r\n$4\r\nPING\r\n";
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      bytes[at] = static_cast<char>(bytes[at] ^ 1 << bit);
      std::string whole, pieces;
      EXPECT_EQ(decode(bytes, bytes.size(), &whole), decode(bytes, 3, &pieces)) << at << ' ' << bit;
      EXPECT_EQ(whole, pieces) << at << ' ' << bit;
      bytes[at] = static_cast<char>(bytes[at] ^ 1 << bit);
    }
  }
}

TEST(CommandDecoder, RefusalsInRedisWords) {
  EXPECT_EQ(refusal("*x\r\n"), "Protocol error: invalid multibulk length");
  EXPECT_EQ(refusal("*1000000000\r\n"), "Protocol error: invalid multibulk length");
  EXPECT_EQ(refusal("*1\r\n:1\r\n"), "Protocol error: expected '$', got ':'");
  EXPECT_EQ(refusal(std::string_view("*1\r\n\0", 5)), "Protocol error: expected '$', got '?'");
  EXPECT_EQ(refusal("*1\r\n$1073741824\r\n"), "Protocol error: invalid bulk length") << "1 GB";
  EXPECT_EQ(refusal("*1\r\n$-1\r\n"), "Protocol error: invalid bulk length");
  EXPECT_EQ(refusal("*" + std::string(100, '1')), "Protocol error: too big mbulk count string");
  EXPECT_EQ(refusal("*1\r\n$" + std::string(100, '1')), "Protocol error: too big bulk count string");
  EXPECT_EQ(refusal(std::string(70'000, 'x')), "Protocol error: too big inline request");
  EXPECT_EQ(refusal("*11\r\n", CommandLimits::of_strangers()), "Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(refusal("*1\r\n$16385\r\n", CommandLimits::of_strangers()), "Protocol error: unauthenticated bulk length");
}

TEST(CommandDecoder, BoundOnTheWhole) {
  const CommandLimits limits{.arguments = 10, .bulk = 100, .line = 100, .total = 250};
  const std::string hundred = "$100\r\n" + std::string(100, 'x') + "\r\n";
  EXPECT_EQ(refusal("*2\r\n" + hundred + hundred, limits), "");
  EXPECT_EQ(refusal("*3\r\n" + hundred + hundred + hundred, limits), "Protocol error: too big command");
}

TEST(CommandDecoder, WhatIsAnnouncedReservesNothing) {
  CommandDecoder decoder({.bulk = size_t{4} << 30, .total = size_t{8} << 30});
  decoder.feed("*1\r\n$2147483648\r\nabc");
  CommandView command;
  EXPECT_EQ(decoder.next(command), Progress::More);
  EXPECT_LT(decoder.buffered(), 100U);
}

}  // namespace
}  // namespace microcloud::resp
