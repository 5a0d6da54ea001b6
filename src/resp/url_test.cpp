#include "resp/url.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace microcloud::resp {
namespace {

Url parse(std::string_view text) {
  return parse_url(text, PasswordInUrl::Allowed);
}

TEST(Url, EachKind) {
  const Url node = parse("redis://probe@127.0.0.1:7000");
  EXPECT_EQ(node.kind, Url::Kind::Node);
  EXPECT_EQ(node.user, "probe");
  EXPECT_EQ(node.endpoints, (std::vector<Endpoint>{{"127.0.0.1", 7000}}));
  EXPECT_FALSE(node.tls);
  EXPECT_EQ(node.text(), "redis://probe@127.0.0.1:7000");

  const Url secure = parse("rediss://[2001:db8::1]");
  EXPECT_TRUE(secure.tls);
  EXPECT_EQ(secure.endpoints[0], (Endpoint{"2001:db8::1", 6379}));
  EXPECT_EQ(secure.text(), "rediss://[2001:db8::1]:6379");

  const Url cluster = parse("redis+cluster://a:1,b:2,[::1]:3");
  EXPECT_EQ(cluster.kind, Url::Kind::Cluster);
  EXPECT_EQ(cluster.endpoints, (std::vector<Endpoint>{{"a", 1}, {"b", 2}, {"::1", 3}}));

  const Url sentinel = parse("rediss+sentinel://u:p%40ss%3a@s1,s2:5/cloud");
  EXPECT_EQ(sentinel.kind, Url::Kind::Sentinel);
  EXPECT_TRUE(sentinel.tls);
  EXPECT_EQ(sentinel.endpoints, (std::vector<Endpoint>{{"s1", 26379}, {"s2", 5}}));
  EXPECT_EQ(sentinel.master_name, "cloud");
  EXPECT_EQ(sentinel.password, "p@ss:");
  EXPECT_EQ(sentinel.text(), "rediss+sentinel://u@s1:26379,s2:5/cloud") << "no password";

  const Url local = parse("unix:///run/redis.sock");
  EXPECT_EQ(local.endpoints[0].path, "/run/redis.sock");
  EXPECT_EQ(local.text(), "unix:///run/redis.sock");
}

TEST(Url, APasswordOnTheCommandLineIsRefusedAndNotRepeated) {
  EXPECT_EQ(parse_url("redis://u@h:1", PasswordInUrl::Refused).user, "u");
  for (const char* text : {"redis://u:hunter2@h:1", "redis://:hunter2@h:1"}) {
    try {
      parse_url(text, PasswordInUrl::Refused);
      ADD_FAILURE() << text;
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(std::string(error.what()).find("hunter2"), std::string::npos) << error.what();
    }
  }
}

TEST(Url, Refused) {
  for (const char* text : {"",
                           "redis",
                           "http://h:1",
                           "redis:/h",
                           "redis://",
                           "redis://:1",
                           "redis://h:0",
                           "redis://h:65536",
                           "redis://h:x",
                           "redis://h:",
                           "redis://a,b",
                           "redis://[::1",
                           "redis://h/1",
                           "redis+cluster://a:1,,b:2",
                           "redis+sentinel://a:1",
                           "redis+sentinel://a:1/",
                           "redis+sentinel://a/b/c",
                           "redis://u%zz@h",
                           "redis://u%4@h",
                           "unix://run/redis.sock",
                           "redis+x://h",
                           "redissx://h"}) {
    EXPECT_THROW(parse(text), std::invalid_argument) << text;
  }
}

}  // namespace
}  // namespace microcloud::resp
