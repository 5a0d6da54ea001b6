#include "query/key_target.h"

#include <gtest/gtest.h>

namespace microcloud {
namespace {

using Kind = KeyTarget::Kind;

TEST(KeyTarget, OfEachTree) {
  const std::pair<const char*, Kind> known[] = {
      {"ip.10.0.0.1", Kind::Host},
      {"ip.2001:db8::1", Kind::Host},
      {"ip.10.0.0.1.peers", Kind::HostSet},
      {"ip.2001:db8::1.protocols", Kind::HostSet},
      {"ip.10.0.0.1.ports", Kind::HostSet},
      {"ip.other4", Kind::OtherHosts},
      {"ip.other6", Kind::OtherHosts},
      {"mac.02:00:00:00:00:0a", Kind::Mac},
      {"vlan.0", Kind::Vlan},
      {"vlan.4095", Kind::Vlan},
      {"proto.TLS.YouTube", Kind::Application},
      {"port.tcp.443", Kind::Port},
      {"port.udp.53", Kind::Port},
      {"flow.1:LQU9qZlK+B5F3KDmev6m5PMibrg=", Kind::Flow},
      {"probe.berlin", Kind::Probe},
      {"meta.schema", Kind::Schema},
  };
  for (const auto& [key, kind] : known) {
    EXPECT_EQ(parse_key(key, "").kind, kind) << key;
    const std::string in_realm = std::string("lab/") + key;
    EXPECT_EQ(parse_key(in_realm, "lab").kind, kind == Kind::Schema ? Kind::Nothing : kind) << in_realm;
    EXPECT_EQ(parse_key(in_realm, "").kind, Kind::Nothing) << in_realm;
    EXPECT_EQ(parse_key(key, "lab").kind, kind == Kind::Schema ? kind : Kind::Nothing) << key;
  }
  EXPECT_EQ(parse_key("meta.schema", "lab").kind, Kind::Schema) << "of all realms";
  EXPECT_EQ(parse_key("port.udp.53", "").number, 53);
  EXPECT_EQ(parse_key("port.udp.53", "").protocol, 17);
  EXPECT_EQ(to_text(parse_key("ip.10.0.0.1.peers", "").host), "10.0.0.1");
  EXPECT_EQ(parse_key("proto.TLS.YouTube", "").name, "TLS.YouTube");
}

TEST(KeyTarget, OnlyNamesAsTheyAreWritten) {
  for (const char* key : {"",
                          "ip",
                          "ip.",
                          "ip.10.0.0",
                          "ip.010.0.0.1",
                          "ip.10.0.0.1 ",
                          "ip.10.0.0.256",
                          "ip.2001:DB8::1",
                          "ip.2001:db8:0::1",
                          "ip.::ffff:10.0.0.1x",
                          "ip.10.0.0.1.peers.peers",
                          "ip.10.0.0.1.names",
                          "ip.other5",
                          "mac.02:00:00:00:00:0A",
                          "mac.02:00:00:00:00",
                          "mac.02-00-00-00-00-0a",
                          "mac.02:00:00:00:00:0a:00",
                          "vlan.",
                          "vlan.01",
                          "vlan.65536",
                          "vlan.-1",
                          "vlan.1x",
                          "port.tcp",
                          "port.tcp.",
                          "port.tcp.070",
                          "port.sctp.1",
                          "port.tcp.65536",
                          "IP.10.0.0.1",
                          "meta.schema.x",
                          "lab/ip.10.0.0.1"})
    EXPECT_EQ(parse_key(key, "").kind, Kind::Nothing) << key;
  EXPECT_EQ(parse_key("ip." + std::string(60'000, '1'), "").kind, Kind::Nothing);
  EXPECT_EQ(parse_key(std::string("ip.10.0.0.1\0", 12), "").kind, Kind::Nothing);
}

TEST(PatternTrees, LeaveNothingOutThatMayMatch) {
  EXPECT_TRUE(trees_of("*", "").hosts && trees_of("*", "").flows && trees_of("i?.*", "").host_sets);
  const PatternTrees hosts = trees_of("ip.10.*", "");
  EXPECT_TRUE(hosts.hosts && hosts.host_sets);
  EXPECT_FALSE(hosts.flows || hosts.macs || hosts.vlans || hosts.ports || hosts.applications);
  EXPECT_FALSE(trees_of("ip.10.0.0.1", "").host_sets) << "no set ends like that";
  EXPECT_FALSE(trees_of("*.peers", "").hosts);
  EXPECT_TRUE(trees_of("[ip]*", "").ports && trees_of("p*", "").ports && trees_of("p*", "").applications);
  EXPECT_FALSE(trees_of("p*", "").hosts);
  EXPECT_TRUE(trees_of("lab/ip.*", "lab").hosts);
  EXPECT_FALSE(trees_of("ip.*", "lab").hosts);
  EXPECT_FALSE(trees_of("probe.*", "").any_flow()) << "no flow tells of it";
  EXPECT_TRUE(trees_of("", "").any_flow());
}

}  // namespace
}  // namespace microcloud
