#include "node/configuration.h"

#include <gtest/gtest.h>

#include "node/server_program.h"

namespace microcloud::node {
namespace {

bool has_line(const std::string& text, const std::string& line) {
  return text.find("\n" + line + "\n") != std::string::npos;
}

TEST(ServerConfiguration, OneServer) {
  NodeSettings settings;
  settings.directory = "/data";
  settings.memory_bytes = 1000;
  const std::string text = server_configuration(settings, place_of(settings, 0), "hush");
  EXPECT_TRUE(has_line(text, "bind 127.0.0.1"));
  EXPECT_TRUE(has_line(text, "port 6379"));
  EXPECT_TRUE(has_line(text, "dir \"/data/6379\""));
  EXPECT_TRUE(has_line(text, "aclfile \"/data/users.acl\""));
  EXPECT_TRUE(has_line(text, "maxmemory 1000"));
  EXPECT_TRUE(has_line(text, "masterauth \"hush\""));
  EXPECT_EQ(text.find("cluster-enabled"), std::string::npos);
  EXPECT_EQ(text.find("tls-port"), std::string::npos);
  EXPECT_EQ(text.find("min-replicas"), std::string::npos);
  EXPECT_EQ(text.find("replicaof"), std::string::npos);
}

TEST(ServerConfiguration, AServerOfAClusterHasItsShare) {
  NodeSettings settings;
  settings.directory = "/data";
  settings.addresses = {"192.0.2.1", "2001:db8::1"};
  settings.port = 7000;
  settings.masters = 3;
  settings.replicas = 1;
  settings.replicas_to_write = 1;
  settings.memory_bytes = 6000;
  EXPECT_EQ(settings.servers(), 6U);
  const std::string text = server_configuration(settings, place_of(settings, 5), "hush");
  EXPECT_TRUE(has_line(text, "bind 192.0.2.1 2001:db8::1"));
  EXPECT_TRUE(has_line(text, "port 7005"));
  EXPECT_TRUE(has_line(text, "dir \"/data/7005\""));
  EXPECT_TRUE(has_line(text, "maxmemory 1000"));
  EXPECT_TRUE(has_line(text, "cluster-enabled yes"));
  EXPECT_TRUE(has_line(text, "min-replicas-to-write 1"));
}

TEST(ServerConfiguration, TlsTakesThePort) {
  NodeSettings settings;
  settings.tls = {"/c.pem", "/k.pem", "/ca.pem"};
  const std::string text = server_configuration(settings, place_of(settings, 0), "hush");
  EXPECT_TRUE(has_line(text, "port 0"));
  EXPECT_TRUE(has_line(text, "tls-port 6379"));
  EXPECT_TRUE(has_line(text, "tls-ca-cert-file \"/ca.pem\""));
  EXPECT_EQ(text.find("tls-cluster"), std::string::npos);
}

TEST(ServerConfiguration, WordsAreQuoted) {
  NodeSettings settings;
  settings.directory = "/a \"b\"\\\n";
  EXPECT_TRUE(has_line(server_configuration(settings, place_of(settings, 0), "s"),
                       "aclfile \"/a \\\"b\\\"\\\\\\x0a/users.acl\""));
}

TEST(ServerProgram, VersionOfItsLine) {
  EXPECT_EQ(version_in("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0"), "7.0.15");
  EXPECT_EQ(version_in("Valkey server v=8.1.0 sha=0 bits=64"), "8.1.0");
  EXPECT_EQ(version_in("something else"), "");
}

}  // namespace
}  // namespace microcloud::node
