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

TEST(ServerConfiguration, AServerOfAClusterOnSeveralMachines) {
  NodeSettings settings;
  settings.cluster_member = true;
  settings.addresses = {"0.0.0.0"};
  settings.announced = "192.0.2.7";
  settings.memory_bytes = 1000;
  settings.tls = {"/c.pem", "/k.pem", "/ca.pem"};
  EXPECT_EQ(settings.servers(), 1U);
  const std::string text = server_configuration(settings, place_of(settings, 0), "hush");
  for (const char* line : {"cluster-enabled yes", "cluster-announce-ip 192.0.2.7", "tls-cluster yes", "tls-port 6379",
                           "maxmemory 1000", "masteruser replica"})
    EXPECT_TRUE(has_line(text, line)) << line;
  EXPECT_EQ(text.find("min-replicas"), std::string::npos);
}

TEST(ServerConfiguration, WhomSentinelHasItFollowHoldsOn) {
  NodeSettings settings;
  settings.replica_of_host = "192.0.2.1";
  settings.replica_of_port = 637;
  const ServerPlace place = place_of(settings, 0);
  const std::string first = server_configuration(settings, place, "hush");
  const std::string line = "replicaof 192.0.2.1 637\n";
  EXPECT_EQ(followed_in(first), "192.0.2.1 637");
  EXPECT_EQ(server_configuration(settings, place, "hush", first), first);

  std::string promoted = first;
  promoted.erase(promoted.find(line), line.size());
  EXPECT_EQ(server_configuration(settings, place, "hush", promoted), promoted) << "a master it stays";

  const std::string another = promoted + "\nuser default on\nreplicaof 192.0.2.3 6379\r\n";
  EXPECT_EQ(followed_in(server_configuration(settings, place, "hush", another)), "192.0.2.3 6379");

  for (const auto& [host, port] : {std::pair{"192.0.2.2", uint16_t{637}}, std::pair{"192.0.2.1", uint16_t{6379}}}) {
    settings.replica_of_host = host;
    settings.replica_of_port = port;
    EXPECT_EQ(followed_in(server_configuration(settings, place, "hush", another)), host + (" " + std::to_string(port)))
        << "told something else since";
  }
  settings.replica_of_host.clear();
  EXPECT_EQ(followed_in(server_configuration(settings, place, "hush", another)), "");
  const std::string master = server_configuration(settings, place, "hush");
  EXPECT_EQ(followed_in(server_configuration(settings, place, "hush", master + "replicaof 192.0.2.3 6379\n")),
            "192.0.2.3 6379")
      << "a master that came back as a replica";
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
