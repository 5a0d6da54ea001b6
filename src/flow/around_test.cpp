// What a flow tells beside its counters: addresses of layer 2, encapsulations, interfaces, ICMP.
#include <gtest/gtest.h>

#include "flow/flow_test_bed.h"
#include "packet/golden_frames_test.h"

namespace microcloud {
namespace {

using tools::Packet;

const char* const kClientMac = "02:00:00:00:00:0c";
const char* const kServerMac = "02:00:00:00:00:05";

Packet eth(bool from_client) {
  return from_client ? Packet().eth(kClientMac, kServerMac) : Packet().eth(kServerMac, kClientMac);
}
/// A TCP segment between 10.0.0.1 and 10.0.0.9, behind `outer`; either may be the client.
Packet tcp(Packet outer, bool from_client, bool client_is_low, uint8_t flags) {
  const std::string client = client_is_low ? "10.0.0.1" : "10.0.0.9";
  const std::string server = client_is_low ? "10.0.0.9" : "10.0.0.1";
  if (from_client) return outer.ipv4(client, server).tcp(40000, 80, {.flags = flags});
  return outer.ipv4(server, client).tcp(80, 40000, {.flags = flags});
}
Packet gre(Packet outer, bool from_client) {
  return from_client ? outer.ipv4("192.0.2.1", "192.0.2.2").gre({.key = 7})
                     : outer.ipv4("192.0.2.2", "192.0.2.1").gre({.key = 7});
}

std::string tunnels(const Told& told) {
  std::string names;
  for (unsigned at = 0; at < told.flow.tunnels.count; ++at) {
    names += (at == 0 ? "" : " ") + std::string(tunnel_name(told.flow.tunnels.items[at]));
  }
  return names;
}
std::string ends(const Told& told) {
  return to_text(told.flow.tunnel_source) + " > " + to_text(told.flow.tunnel_destination);
}

TEST(Around, MacsAndTunnelEndsStandOnTheirSideWhoeverSentFirst) {
  for (const bool client_is_low : {false, true}) {
    for (const bool client_first : {false, true}) {
      FlowBed bed;
      const uint8_t flags = client_first ? tools::kSyn : tools::kSyn | tools::kAck;
      bed.frame(0, tcp(gre(eth(client_first), client_first), client_first, client_is_low, flags));
      bed.frame(1, tcp(gre(eth(true), true), true, client_is_low, tools::kAck));
      bed.finish();
      const Told told = bed.only();
      EXPECT_EQ(told.common.destination_port, 80);
      EXPECT_EQ(to_text(told.flow.source_mac.value()), kClientMac);
      EXPECT_EQ(to_text(told.flow.destination_mac.value()), kServerMac);
      EXPECT_EQ(ends(told), "192.0.2.1 > 192.0.2.2");
      EXPECT_EQ(told.flow.tunnel_id, 7U);
      EXPECT_EQ(tunnels(told), "gre");
    }
  }
}

TEST(Around, EveryEncapsulationIsToldByItsName) {
  for (const GoldenFrame& golden : golden_frames()) {
    SCOPED_TRACE(golden.name);
    FlowBed bed;
    bed.frame(0, golden.frame());
    bed.finish();
    const Told told = bed.only();
    EXPECT_EQ(tunnels(told), golden.tunnels);
    EXPECT_EQ(told.flow.tunnel_id ? std::to_string(*told.flow.tunnel_id) : "-", golden.id);
    EXPECT_EQ(told.flow.tunnel_source.version == 0 ? "" : ends(told), golden.ends);
    EXPECT_EQ(told.flow.octets, golden.inner.wire_size());
  }
}

TEST(Around, DeepestEncapsulationIsTold) {
  for (const bool tunnel_from_client : {false, true}) {
    FlowBed bed;
    bed.frame(0, tcp(eth(true), true, true, tools::kSyn));
    bed.frame(1, tcp(gre(eth(tunnel_from_client).vlan(5), tunnel_from_client), tunnel_from_client, true, tools::kAck));
    bed.frame(2, tcp(eth(true).vlan(6), true, true, tools::kAck));
    bed.finish();
    const Told told = bed.only();
    EXPECT_EQ(tunnels(told), "vlan gre");
    EXPECT_EQ(ends(told), "192.0.2.1 > 192.0.2.2") << "the client's side first";
    EXPECT_EQ(told.flow.vlan, std::nullopt) << "the first packet had none";
    EXPECT_EQ(told.flow.packets + told.flow.reverse_packets, 3U);
  }
}

TEST(Around, VlansOfTheFirstPacket) {
  FlowBed bed;
  bed.frame(0, eth(true).vlan(100).vlan(200).append(inner_udp()));
  bed.frame(1, eth(true).vlan(300).append(inner_udp()));
  bed.finish();
  const Told told = bed.only();
  EXPECT_EQ(told.common.vlan, 100);
  EXPECT_EQ(told.flow.vlan, 100);
  EXPECT_EQ(told.flow.customer_vlan, 200);
}

TEST(Around, VlansAndTunnelsAreNotInTheKey) {
  FlowBed bed;
  bed.frame(0, eth(true).append(inner_udp()));
  bed.frame(1, eth(true).vlan(1).append(inner_udp()));
  bed.frame(2, gre(eth(true), true).append(inner_udp()));
  bed.frame(3, gre(eth(true), true).append(inner_udp()), {.port = 0, .outgoing = true});
  bed.finish();
  EXPECT_EQ(bed.only().flow.packets, 4U);
}

TEST(Around, TopOfTheLabelStack) {
  FlowBed bed;
  bed.frame(0, eth(true).mpls(0x12345, {.traffic_class = 3}).append(inner_udp()));
  bed.finish();
  const Told told = bed.only();
  ASSERT_TRUE(told.flow.mpls.has_value());
  EXPECT_EQ(told.flow.mpls->bytes, (std::array<uint8_t, 3>{0x12, 0x34, 0x57}));
}

TEST(Around, InterfaceThatReceivedOrSentTheFirstPacket) {
  FlowBed bed({.interfaces = {17, 23}});
  bed.frame(0, udp(true, 1, 1), {.port = 1});
  bed.frame(0, udp(true, 1, 2), {.port = 2, .outgoing = true});
  bed.frame(0, udp(true, 1, 3));
  bed.frame(1, udp(false, 1, 1), {.port = 2, .outgoing = true});
  bed.finish();
  for (const Told& told : bed.told()) {
    switch (told.common.source_port) {
      case 1:
        EXPECT_EQ(told.flow.ingress, 17U);
        EXPECT_EQ(told.flow.egress, std::nullopt);
        break;
      case 2:
        EXPECT_EQ(told.flow.ingress, std::nullopt);
        EXPECT_EQ(told.flow.egress, 23U);
        break;
      default:
        EXPECT_EQ(told.flow.ingress, std::nullopt);
        EXPECT_EQ(told.flow.egress, std::nullopt);
    }
  }
}

TEST(Around, WithoutEthernetThereAreNoMacs) {
  const Told told = told_alone(Decoded(inner_udp(), {.first = FirstHeader::Ip}), kStartUs);
  EXPECT_EQ(told.flow.source_mac, std::nullopt);
  EXPECT_EQ(told.flow.destination_mac, std::nullopt);
}

TEST(Around, TrafficClassOfTheFirstPacket) {
  FlowBed bed;
  bed.frame(0, Packet().eth().ipv4("10.0.0.1", "10.0.0.2", {.tos = 0xb8}).udp(1, 2));
  bed.frame(1, Packet().eth().ipv4("10.0.0.1", "10.0.0.2", {.tos = 0x10}).udp(1, 2));
  bed.finish();
  EXPECT_EQ(bed.only().flow.tos, 0xb8);
}

TEST(Icmp, IsOneFlowForAPairOfAddresses) {
  FlowBed bed;
  const auto icmp = [](bool forth, uint8_t type, uint8_t code) {
    return Packet()
        .eth()
        .ipv4(forth ? "10.0.0.9" : "10.0.0.1", forth ? "10.0.0.1" : "10.0.0.9")
        .icmp(type, code)
        .payload("ping");
  };
  bed.frame(0, icmp(true, 8, 0));
  bed.frame(1, icmp(false, 0, 0));
  bed.frame(2, icmp(true, 13, 0));
  bed.frame(3, icmp(false, 3, 3));
  bed.finish();
  const Told told = bed.only();
  EXPECT_EQ(to_text(told.common.source), "10.0.0.9");
  EXPECT_FALSE(told.common.has_ports);
  EXPECT_EQ(told.flow.icmp_v4, 0x0800) << "of the first packet";
  EXPECT_EQ(told.flow.icmp_v6, std::nullopt);
  EXPECT_EQ(told.common.icmp_type_code, 0x0800);
  EXPECT_EQ(told.flow.packets, 2U);
  EXPECT_EQ(told.flow.reverse_packets, 2U);
}

TEST(Icmp, Version6HasItsOwnElement) {
  FlowBed bed;
  bed.frame(0, Packet().eth().ipv6("fe80::1", "ff02::1").icmp6(134, 2));
  bed.finish();
  const Told told = bed.only();
  EXPECT_EQ(told.flow.icmp_v6, 134 << 8 | 2);
  EXPECT_EQ(told.flow.icmp_v4, std::nullopt);
}

TEST(Icmp, EchoReplyOfZeroIsAType) {
  FlowBed bed;
  bed.frame(0, Packet().eth().ipv4("10.0.0.1", "10.0.0.2").icmp(0));
  bed.finish();
  EXPECT_EQ(bed.only().flow.icmp_v4, 0);
}

TEST(Around, TunnelEndsOfManyFlowsDoNotMix) {
  // Flows with and without tunnels come and go in a small table: each tells its own.
  FlowBed bed({.capacity = 8, .idle_ms = 3'000});
  for (uint16_t number = 1; number <= 2000; ++number) {
    Packet frame = Packet().eth();
    if (number % 3 != 0) frame.ipv4("192.0.2." + std::to_string(number % 250 + 1), "198.51.100.1").gre({.key = number});
    bed.frame(number * 300 * kMs, frame.ipv4("10.0.0.1", "10.0.0.2").udp(number, 9));
    if (number % 5 == 0) bed.pass(number * 300 * kMs);
  }
  bed.finish();
  const std::vector<Told> all = bed.told();
  ASSERT_EQ(all.size(), 2000U);
  for (const Told& told : all) {
    const uint16_t number = told.common.source_port;
    if (number % 3 == 0) {
      EXPECT_EQ(tunnels(told), "");
      EXPECT_EQ(told.flow.tunnel_source.version, 0);
      EXPECT_EQ(told.flow.tunnel_id, std::nullopt);
    } else {
      EXPECT_EQ(to_text(told.flow.tunnel_source), "192.0.2." + std::to_string(number % 250 + 1));
      EXPECT_EQ(told.flow.tunnel_id, number);
    }
  }
}

TEST(Around, TunnelEndsAreThoseOfTheEncapsulationThatIsTold) {
  FlowBed bed;
  const auto inner = [] { return tools::Packet().ipv4("10.0.0.1", "10.0.0.2").udp(1, 2); };
  bed.frame(0, tools::Packet().eth().ipv4("192.0.2.1", "192.0.2.2").gre({.key = 5}).append(inner()));
  bed.frame(1, tools::Packet().eth().vlan(1).vlan(2).append(inner()));
  bed.finish();
  const Told told = bed.only();
  EXPECT_EQ(told.flow.tunnels.count, 2U);
  EXPECT_EQ(told.flow.tunnel_source.version, 0);
  EXPECT_EQ(told.flow.tunnel_id, std::nullopt);
}

TEST(Around, InnerVlanOfATunnelIsNotACustomersTag) {
  FlowBed bed;
  bed.frame(0, tools::Packet()
                   .eth()
                   .vlan(9)
                   .ipv4("192.0.2.1", "192.0.2.2")
                   .udp(1, 4789)
                   .vxlan(3)
                   .eth()
                   .vlan(10)
                   .ipv4("10.0.0.1", "10.0.0.2")
                   .udp(1, 2));
  bed.finish();
  EXPECT_EQ(bed.only().flow.customer_vlan, std::nullopt);
}

}  // namespace
}  // namespace microcloud
