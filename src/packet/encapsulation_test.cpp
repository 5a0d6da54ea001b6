// From a frame to its innermost IP packet, through each encapsulation alone and through several.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "packet/decode_test_bed.h"
#include "packet/golden_frames_test.h"

namespace microcloud {
namespace {

using tools::Packet;

TEST(Encapsulation, EachLeadsToItsInnermostPacket) {
  for (const GoldenFrame& golden : golden_frames()) {
    SCOPED_TRACE(golden.name);
    const Decoded seen(golden.frame(), {.first = golden.first, .verify = true});
    EXPECT_EQ(seen.flow(), golden.flow);
    EXPECT_EQ(seen.tunnels(), golden.tunnels);
    EXPECT_EQ(seen.id(), golden.id);
    EXPECT_EQ(seen.outer(), golden.ends);
    EXPECT_EQ(seen.packet.octets, golden.inner.wire_size());
    EXPECT_EQ(seen.packet.fragment, FragmentPart::Whole);
    EXPECT_EQ(seen.anomalies(), 0U);
  }
}

Packet outer() {
  return Packet().eth().ipv4("192.0.2.1", "192.0.2.2");
}
const char* const kOuterGre = "47 192.0.2.1 > 192.0.2.2";

TEST(Encapsulation, TellsVlansOutermostFirst) {
  const Decoded one(Packet().eth().vlan(7, {.priority = 5}).append(inner_udp()));
  EXPECT_EQ(one.packet.around.vlan, 7);
  EXPECT_EQ(one.packet.around.customer_vlan, kNoVlan);
  const Decoded three(Packet().eth().vlan(4095).vlan(8).vlan(9).append(inner_udp()));
  EXPECT_EQ(three.packet.around.vlan, 4095);
  EXPECT_EQ(three.packet.around.customer_vlan, 8);
  const Decoded priority_only(Packet().eth().vlan(0).append(inner_udp()));
  EXPECT_EQ(priority_only.packet.around.vlan, 0);
  EXPECT_EQ(Decoded(Packet().eth().append(inner_udp())).packet.around.vlan, kNoVlan);
}

TEST(Encapsulation, TellsTheTopLabelOfMpls) {
  const Decoded seen(Packet().eth().mpls(0xabcde, {.traffic_class = 5}).mpls(17).append(inner_udp()));
  EXPECT_TRUE(seen.packet.around.has_mpls);
  EXPECT_EQ(seen.packet.around.mpls, 0xabcde << 4 | 5U << 1);
  EXPECT_EQ(Decoded(Packet().eth().mpls(3).append(inner_udp())).packet.around.mpls, 0x31U)
      << "the bottom bit is the last";
  EXPECT_FALSE(Decoded(Packet().eth().append(inner_udp())).packet.around.has_mpls);
}

TEST(Encapsulation, MacsAreThoseOfTheInnermostEthernetHeader) {
  const auto source = [](const tools::Packet& frame) {
    const Decoded seen(frame);
    const tools::Blob bytes = frame.bytes();
    Mac mac;
    std::copy_n(bytes.begin() + seen.packet.around.mac_at + 6, 6, mac.bytes.begin());
    return to_text(mac);
  };
  const Packet inside = Packet().eth("02:00:00:00:00:0a", "02:00:00:00:00:0b").append(inner_udp());
  EXPECT_EQ(source(outer().udp(1, 4789).vxlan(1).append(inside)), "02:00:00:00:00:0a");
  EXPECT_EQ(source(Packet().eth().mpls(16).append(inside)), "02:00:00:00:00:0a");
  EXPECT_EQ(source(outer().gre().append(inner_udp())), "02:00:00:00:00:01");
  EXPECT_EQ(source(outer().udp(1, 4789).vxlan(1).eth().payload("no ip in here")), "02:00:00:00:00:01");
}

TEST(Encapsulation, FirstIdFromOutsideCounts) {
  const Packet frame = Packet(outer()).gre().ipv4("198.51.100.1", "198.51.100.2").udp(1, 4789).vxlan(55).eth();
  EXPECT_EQ(Decoded(Packet(frame).append(inner_udp())).id(), "55") << "GRE had no key";
  const Packet more = Packet(frame).ipv4("198.51.100.3", "198.51.100.4").gre({.key = 9});
  EXPECT_EQ(Decoded(Packet(more).append(inner_udp())).id(), "55");
}

TEST(Encapsulation, MobileIpRestoresTheInnerHeader) {
  const Packet carried = Packet().udp(1000, 2000).payload("inner payload");
  const Decoded with_source(outer().mobileip("10.0.0.1", "10.0.0.2").append(carried), {.verify = true});
  EXPECT_EQ(with_source.flow(), "udp 10.0.0.1:1000 > 10.0.0.2:2000");
  EXPECT_EQ(with_source.tunnels(), "mobileip");
  EXPECT_EQ(with_source.outer(), "192.0.2.1 > 192.0.2.2");
  EXPECT_EQ(with_source.packet.octets, inner_udp().wire_size());
  EXPECT_EQ(with_source.packet.payload_octets, 13U);
  EXPECT_EQ(with_source.anomalies(), 0U);
  const Decoded without(outer().mobileip("192.0.2.1", "10.0.0.2", false).append(carried), {.verify = true});
  EXPECT_EQ(without.flow(), "udp 192.0.2.1:1000 > 10.0.0.2:2000");
  EXPECT_EQ(without.packet.octets, inner_udp().wire_size());
  EXPECT_EQ(without.anomalies(), 0U);
}

TEST(Encapsulation, MplsPayloadsAreToldApart) {
  const auto inside = [](const char* destination) {
    return Packet().eth("02:00:00:00:00:01", destination).append(inner_udp());
  };
  const std::string flow = "udp 10.0.0.1:1000 > 10.0.0.2:2000";
  for (const char* mac : {"00:50:56:00:00:01", "45:00:00:01:02:03", "60:00:00:00:00:01", "ff:ff:ff:ff:ff:ff"}) {
    EXPECT_EQ(Decoded(Packet().eth().mpls(16).append(inside(mac))).flow(), flow) << mac;
    EXPECT_EQ(Decoded(Packet().eth().mpls(16).control_word().append(inside(mac))).flow(), flow) << mac;
  }
  for (const uint32_t label : {2U, 16U}) {
    EXPECT_EQ(Decoded(Packet().eth().mpls(label).append(inner_v6())).flow(),
              "tcp [2001:db8::2]:3000 > [2001:db8::1]:80")
        << label;
  }
  EXPECT_EQ(Decoded(Packet().eth().mpls(16).payload("neither")).reason, Ignored::NotIp);
}

TEST(Encapsulation, Ipv6AddressThatReadsAsAnEtherTypeIsStillIpv6) {
  for (const std::string group : {"800", "806", "86dd", "8100", "88a8", "8847", "8864"}) {
    const Packet ip = Packet().ipv6("2001:db8:" + group + "::1", "2001:db8::1").udp(1, 2).payload("behind a label");
    const std::string flow = "udp [2001:db8:" + group + "::1]:1 > [2001:db8::1]:2";
    EXPECT_EQ(Decoded(Packet().eth().mpls(16).append(ip)).flow(), flow);
    EXPECT_EQ(Decoded(Packet().eth().mpls(16).append(ip).cut(70)).flow(), flow);
    EXPECT_EQ(Decoded(Packet().eth().ipv4("192.0.2.1", "192.0.2.2").gre().mpls(16).append(ip)).flow(), flow);
  }
}

TEST(Encapsulation, WccpRedirectHeaderIsPassed) {
  const Packet gre = outer().gre({.protocol = 0x883e});
  EXPECT_EQ(Decoded(Packet(gre).append(inner_udp())).flow(), "udp 10.0.0.1:1000 > 10.0.0.2:2000");
  EXPECT_EQ(Decoded(Packet(gre).payload(tools::Blob{0, 1, 2, 3}).append(inner_udp())).flow(),
            "udp 10.0.0.1:1000 > 10.0.0.2:2000");
}

TEST(Encapsulation, ErspanMayMirrorIpWithoutEthernet) {
  const tools::Blob header = {0x20, 0, 0, 77, 0, 0, 0, 0, 0, 0, 2 << 2, 0};  // frame type 2
  const Decoded seen(outer().gre({.sequence = 1, .protocol = 0x22eb}).payload(header).append(inner_udp()));
  EXPECT_EQ(seen.flow(), "udp 10.0.0.1:1000 > 10.0.0.2:2000");
  EXPECT_EQ(seen.id(), "77");
}

/// Nothing of IP is inside: the outer packet is metered, told as if nothing had been opened.
void expect_outer(const Packet& frame, const std::string& flow) {
  const Decoded seen(frame);
  EXPECT_EQ(seen.flow(), flow);
  EXPECT_EQ(seen.tunnels(), "");
  EXPECT_EQ(seen.id(), "-");
  EXPECT_EQ(seen.outer(), "");
  EXPECT_EQ(seen.packet.octets, frame.wire_size() - 14);
}

TEST(Encapsulation, TunnelWithoutIpIsAFlowOfItsOuterPacket) {
  expect_outer(outer()
                   .udp(50000, 4789)
                   .vxlan(1)
                   .eth("02:00:00:00:00:01", "02:00:00:00:00:02", {.ethertype = 0x0806})
                   .payload("arp"),
               "udp 192.0.2.1:50000 > 192.0.2.2:4789");
  expect_outer(outer().udp(50000, 4789).payload(tools::Blob(40)), "udp 192.0.2.1:50000 > 192.0.2.2:4789");
  expect_outer(outer().udp(1, 6081).geneve(1, {.protocol = 0x1234}).payload("?"), "udp 192.0.2.1:1 > 192.0.2.2:6081");
  expect_outer(outer().udp(1, 6081).payload(tools::Blob{0x40, 0, 8, 0, 0, 0, 0, 0}).append(inner_udp()),
               "udp 192.0.2.1:1 > 192.0.2.2:6081");
  expect_outer(outer().udp(2152, 2152).gtpu(0, {.sequence = 1, .message = 1}), "udp 192.0.2.1:2152 > 192.0.2.2:2152");
  expect_outer(outer().udp(2152, 2152).gtpu(9).payload("ethernet session"), "udp 192.0.2.1:2152 > 192.0.2.2:2152");
  expect_outer(outer().udp(1701, 1701).l2tp(1, 0, {.control = true, .length = true, .ns = 1, .nr = 1}).payload("avp"),
               "udp 192.0.2.1:1701 > 192.0.2.2:1701");
  expect_outer(outer().udp(1701, 1701).l2tp(1, 2).ppp({.protocol = 0xc021}).payload("lcp"),
               "udp 192.0.2.1:1701 > 192.0.2.2:1701");
  expect_outer(outer().udp(3544, 3544).payload("no ipv6"), "udp 192.0.2.1:3544 > 192.0.2.2:3544");
  expect_outer(outer().gre({.key = 5, .protocol = 0x88cc}).payload("lldp"), kOuterGre);
  expect_outer(outer().gre({.sequence = 1, .protocol = 0x88be}).payload(tools::Blob(8)), kOuterGre);
  expect_outer(outer().gre({.sequence = 1, .protocol = 0x22eb}).payload(tools::Blob(12)), kOuterGre);
  expect_outer(outer().pptp_gre(31, {.ack = 5}), kOuterGre);
}

TEST(Encapsulation, NothingInsideIsNothingWrong) {
  for (const Packet& frame : {outer().pptp_gre(31, {.ack = 5}), outer().gre({.protocol = 0}),
                              outer().gre({.key = 1, .protocol = 0x0800}), outer().udp(2152, 2152).gtpu(9)}) {
    EXPECT_EQ(Decoded(frame).anomalies(), 0U);
    EXPECT_EQ(Decoded(frame).tunnels(), "");
  }
  tools::Blob padded = outer().pptp_gre(31, {.ack = 5}).bytes();
  padded.resize(60);
  EXPECT_EQ(Decoded(padded).anomalies(), 0U);
  const Packet cut = outer().gre({.key = 1}).append(inner_udp()).cut(14 + 20 + 8);
  EXPECT_EQ(Decoded(cut).count(Anomaly::MalformedInside), 1U) << "there was something, but not here";
}

TEST(Encapsulation, BrokenInsideIsAFlowOfItsOuterPacketAndCounted) {
  const Packet broken = Packet().ipv4("10.0.0.1", "10.0.0.2", {.header_words = 3}).udp(1, 2);
  expect_outer(Packet(outer()).append(broken), "4 192.0.2.1 > 192.0.2.2");
  EXPECT_EQ(Decoded(Packet(outer()).append(broken)).count(Anomaly::MalformedInside), 1U);
  expect_outer(outer().gre().append(broken), kOuterGre);
  EXPECT_EQ(Decoded(Packet(outer()).append(inner_udp())).count(Anomaly::MalformedInside), 0U);
}

TEST(Encapsulation, FallsBackToTheInnermostGoodPacketWithWhatIsAroundIt) {
  const Packet frame =
      Packet().eth().vlan(9).ipv4("192.0.2.1", "192.0.2.2").gre({.key = 8}).ipv4("198.51.100.1", "198.51.100.2");
  const Packet arp =
      Packet().eth("02:00:00:00:00:0a", "02:00:00:00:00:0b").vlan(10, {.ethertype = 0x0806}).payload("arp");
  const Decoded seen(Packet(frame).udp(1, 4789).vxlan(77).append(arp));
  EXPECT_EQ(seen.flow(), "udp 198.51.100.1:1 > 198.51.100.2:4789");
  EXPECT_EQ(seen.tunnels(), "vlan gre");
  EXPECT_EQ(seen.id(), "8");
  EXPECT_EQ(seen.outer(), "192.0.2.1 > 192.0.2.2");
  EXPECT_EQ(seen.packet.around.vlan, 9);
  EXPECT_EQ(seen.packet.around.customer_vlan, kNoVlan);
  EXPECT_EQ(seen.packet.around.mac_at, 0);
  EXPECT_EQ(seen.anomalies(), 0U) << "there is nothing wrong with it";
}

TEST(Encapsulation, OnlyRegisteredPortsAreTunnels) {
  EXPECT_EQ(Decoded(outer().udp(1, 4790).vxlan(1).eth().append(inner_udp())).flow(),
            "udp 192.0.2.1:1 > 192.0.2.2:4790");
  EXPECT_EQ(Decoded(outer().udp(4789, 6081).geneve(1).append(inner_udp())).tunnels(), "geneve")
      << "the destination decides";
}

TEST(Encapsulation, BeyondTheBoundThePacketCountsWhereDecodingStopped) {
  Packet frame = Packet().eth();
  for (int depth = 1; depth <= 12; ++depth) {
    frame.ipv4("192.0.2." + std::to_string(depth), "198.51.100.1");
    const Decoded seen(Packet(frame).append(inner_udp()));
    EXPECT_EQ(seen.packet.around.count, std::min<unsigned>(static_cast<unsigned>(depth), kMaxTunnels));
    EXPECT_EQ(seen.flow(), depth <= 10 ? "udp 10.0.0.1:1000 > 10.0.0.2:2000" : "4 192.0.2.11 > 198.51.100.1") << depth;
    EXPECT_EQ(seen.count(Anomaly::TooDeep), depth <= 10 ? 0U : 1U) << depth;
    EXPECT_EQ(seen.packet.octets,
              inner_udp().wire_size() + (depth <= 10 ? 0U : 20U * (static_cast<unsigned>(depth) - 10)))
        << depth;
  }
}

TEST(Encapsulation, TooManyWithoutIpAreTheReasonWhyThePacketIsIgnored) {
  Packet frame = Packet().eth();
  for (uint16_t id = 1; id <= kMaxTunnels; ++id) frame.vlan(id);
  EXPECT_EQ(Decoded(Packet(frame).append(inner_udp())).flow(), "udp 10.0.0.1:1000 > 10.0.0.2:2000");
  const Decoded seen(frame.vlan(11).append(inner_udp()));
  EXPECT_EQ(seen.reason, Ignored::TooDeep);
  EXPECT_EQ(seen.count(Anomaly::TooDeep), 0U) << "that is of packets that are metered all the same";
  const Packet full = Packet(outer())
                          .ipv4("1.1.1.1", "2.2.2.2")
                          .udp(1, 4789)
                          .vxlan(1)
                          .eth()
                          .vlan(1)
                          .vlan(2)
                          .vlan(3)
                          .vlan(4)
                          .vlan(5)
                          .vlan(6)
                          .vlan(7)
                          .vlan(8, {.ethertype = 0x0806});
  const Decoded ten(Packet(full).payload("arp"));
  EXPECT_EQ(ten.reason, Ignored::kCount);
  EXPECT_EQ(ten.count(Anomaly::TooDeep), 0U) << "ten, and no IP in the last";
}

}  // namespace
}  // namespace microcloud
