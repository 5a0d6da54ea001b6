#include "resp/cluster_map.h"

#include <gtest/gtest.h>

#include "resp/decoder.h"

namespace microcloud::resp {
namespace {

const Endpoint kAsked{"10.0.0.9", 7000};

Value decoded(std::string_view text) {
  Decoder decoder;
  decoder.feed(text);
  Value value;
  EXPECT_EQ(decoder.next(value), Progress::Done);
  return value;
}

std::optional<Redirection> redirection(std::string_view words) {
  return parse_redirection(Value::of_error(words), kAsked);
}

TEST(ClusterMap, RangesAndTheirMasters) {
  const auto ranges = parse_cluster_slots(decoded("*3\r\n"
                                                  "*4\r\n:0\r\n:99\r\n*3\r\n$8\r\n10.0.0.1\r\n:7001\r\n$2\r\nid\r\n*"
                                                  "3\r\n$8\r\n10.0.0.2\r\n:7002\r\n$2\r\nid\r\n"
                                                  "*3\r\n:100\r\n:100\r\n*3\r\n$0\r\n\r\n:7003\r\n$2\r\nid\r\n"
                                                  "*3\r\n:101\r\n:16383\r\n*3\r\n$1\r\n?\r\n:7004\r\n$2\r\nid\r\n"),
                                          kAsked);
  ASSERT_TRUE(ranges);
  ASSERT_EQ(ranges->size(), 2U) << "of a server without an address nothing is known";
  EXPECT_EQ((*ranges)[0].last, 99);
  EXPECT_EQ((*ranges)[0].master, (Endpoint{"10.0.0.1", 7001}));
  EXPECT_EQ((*ranges)[1].first, 100);
  EXPECT_EQ((*ranges)[1].master, (Endpoint{"10.0.0.9", 7003})) << "no host: the one that was asked";
}

TEST(ClusterMap, WhatIsNoneIsRefused) {
  for (const char* text :
       {":1\r\n", "*1\r\n:1\r\n", "*1\r\n*2\r\n:0\r\n:1\r\n", "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\nh\r\n:1\r\n",
        "*2\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$1\r\nh\r\n:1\r\n*3\r\n:0\r\n:0\r\n*2\r\n$1\r\nh\r\n:1\r\n",
        "*1\r\n*3\r\n:5\r\n:4\r\n*2\r\n$1\r\nh\r\n:1\r\n", "*1\r\n*3\r\n:-1\r\n:4\r\n*2\r\n$1\r\nh\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:4\r\n*2\r\n$1\r\nh\r\n:70000\r\n"}) {
    EXPECT_FALSE(parse_cluster_slots(decoded(text), kAsked)) << text;
  }
}

TEST(ClusterMap, Redirections) {
  const auto moved = redirection("MOVED 3999 127.0.0.1:6381");
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->kind, Redirection::Kind::Moved);
  EXPECT_EQ(moved->slot, 3999);
  EXPECT_EQ(moved->to, (Endpoint{"127.0.0.1", 6381}));
  EXPECT_EQ(redirection("ASK 1 fe80::1:6381")->to, (Endpoint{"fe80::1", 6381}));
  EXPECT_EQ(redirection("ASK 1 fe80::1:6381")->kind, Redirection::Kind::Ask);
  EXPECT_EQ(redirection("MOVED 1 :6381")->to, (Endpoint{"10.0.0.9", 6381}));
  for (const char* words : {"MOVED", "MOVED 1", "MOVED 16384 h:1", "MOVED -1 h:1", "MOVED x h:1", "MOVED 1 h:0",
                            "MOVED 1 h:70000", "MOVED 1 ?:1", "ASK 1 h", "MOVEDX 1 h:1", "ERR 1 h:1"}) {
    EXPECT_FALSE(redirection(words)) << words;
  }
}

}  // namespace
}  // namespace microcloud::resp
