// What decoding tells of IP fragments, for those who find the first one to a later one.
#include <gtest/gtest.h>

#include "packet/decode_test_bed.h"
#include "packet/golden_frames_test.h"

namespace microcloud {
namespace {

using tools::Blob;
using tools::Packet;

std::string fragmented_ends(const Packet& frame, const Decoded& seen) {
  const Blob bytes = frame.bytes();
  const uint8_t* at = bytes.data() + seen.packet.fragment_at;
  const bool v4 = seen.packet.fragment_version == 4;
  return v4 ? to_text(IpAddress::v4(at)) + " > " + to_text(IpAddress::v4(at + 4))
            : to_text(IpAddress::v6(at)) + " > " + to_text(IpAddress::v6(at + 16));
}

TEST(FragmentMarks, FirstHasPortsAndLaterOnesHaveNot) {
  const Packet v4 = Packet().ipv4("10.0.0.2", "10.0.0.1").udp(1000, 2000).payload(Blob(100));
  const Packet v6 = Packet().ipv6("2001:db8::2", "2001:db8::1").udp(1000, 2000).payload(Blob(100));
  for (const Packet& whole : {v4, v6}) {
    const std::vector<Packet> parts = tools::fragments(whole, 48, 0xbeef);
    ASSERT_EQ(parts.size(), 3U);
    for (size_t at = 0; at < parts.size(); ++at) {
      const Packet frame = Packet().eth().vlan(5).append(parts[at]);
      const Decoded seen(frame, {.verify = true});
      EXPECT_EQ(seen.packet.fragment, at == 0 ? FragmentPart::First : FragmentPart::Later);
      EXPECT_EQ(seen.packet.key.protocol, ip_protocol::kUdp);
      EXPECT_EQ(seen.packet.key.low_port, at == 0 ? 2000 : 0);
      EXPECT_EQ(seen.packet.key.high_port, at == 0 ? 1000 : 0);
      EXPECT_EQ(seen.packet.octets, parts[at].wire_size());
      EXPECT_EQ(seen.packet.fragment_id, 0xbeefU);
      EXPECT_EQ(seen.packet.fragment_protocol, ip_protocol::kUdp);
      EXPECT_EQ(seen.packet.fragment_version, seen.packet.key.version);
      EXPECT_FALSE(seen.packet.fragment_opened);
      EXPECT_EQ(fragmented_ends(frame, seen),
                seen.packet.key.version == 4 ? "10.0.0.2 > 10.0.0.1" : "2001:db8::2 > 2001:db8::1");
      EXPECT_EQ(seen.anomalies(), 0U);
    }
  }
}

TEST(FragmentMarks, WholePacketsHaveNone) {
  EXPECT_EQ(
      Decoded(Packet().eth().ipv4("10.0.0.1", "10.0.0.2", {.id = 5, .dont_fragment = true}).udp(1, 2)).packet.fragment,
      FragmentPart::Whole);
  const Decoded atomic(Packet().eth().ipv6("::1", "::2").ipv6_fragment(7).udp(1, 2).payload("x"));
  EXPECT_EQ(atomic.packet.fragment, FragmentPart::Whole);
  EXPECT_EQ(atomic.flow(), "udp [::1]:1 > [::2]:2");
  EXPECT_EQ(atomic.packet.payload_octets, 1U);
}

TEST(FragmentMarks, LaterFragmentsAreNotOpened) {
  // What stands there would read as a whole IP packet in GRE, in IP and in UDP.
  const Blob gre = Packet().gre().append(inner_udp()).bytes();
  const auto later = [](uint8_t protocol, const Blob& content) {
    return Packet().eth().ipv4("10.0.0.1", "10.0.0.2", {.offset = 8, .protocol = protocol}).payload(content);
  };
  EXPECT_EQ(Decoded(later(47, gre)).flow(), "47 10.0.0.1 > 10.0.0.2");
  EXPECT_EQ(Decoded(later(4, inner_udp().bytes())).flow(), "4 10.0.0.1 > 10.0.0.2");
  EXPECT_EQ(Decoded(later(17, inner_udp().bytes())).flow(), "udp 10.0.0.1:0 > 10.0.0.2:0");
  EXPECT_FALSE(Decoded(later(6, Blob(40))).packet.has_tcp);
  EXPECT_FALSE(Decoded(later(1, Blob(40))).packet.has_icmp);
}

TEST(FragmentMarks, LaterIpv6FragmentNamesWhatWasFragmented) {
  const Packet frame = Packet()
                           .eth()
                           .ipv6("::1", "::2")
                           .hop_by_hop()
                           .ipv6_fragment(7, {.offset = 80, .next_header = 6})
                           .payload(Blob(40));
  const Decoded seen(frame);
  EXPECT_EQ(seen.flow(), "tcp [::1]:0 > [::2]:0");
  EXPECT_EQ(seen.packet.fragment, FragmentPart::Later);
  EXPECT_EQ(seen.packet.fragment_id, 7U);
}

TEST(FragmentMarks, TunnelsFirstFragmentIsOpenedAndSaysSo) {
  const Packet inner = Packet().ipv4("10.0.0.1", "10.0.0.2").udp(1000, 2000).payload(Blob(500));
  const Packet tunnel = Packet().ipv4("192.0.2.1", "192.0.2.2").udp(1, 4789).vxlan(5).eth().append(inner);
  const std::vector<Packet> parts = tools::fragments(tunnel, 200, 99);
  const Packet first = Packet().eth().append(parts[0]);
  const Decoded seen(first);
  EXPECT_EQ(seen.flow(), "udp 10.0.0.1:1000 > 10.0.0.2:2000");
  EXPECT_EQ(seen.packet.octets, inner.wire_size());
  EXPECT_EQ(seen.packet.fragment, FragmentPart::First);
  EXPECT_TRUE(seen.packet.fragment_opened);
  EXPECT_EQ(fragmented_ends(first, seen), "192.0.2.1 > 192.0.2.2");
  EXPECT_EQ(seen.packet.fragment_id, 99U);

  const Packet second = Packet().eth().append(parts[1]);
  const Decoded later(second);
  EXPECT_EQ(later.packet.fragment, FragmentPart::Later);
  EXPECT_EQ(fragmented_ends(second, later), "192.0.2.1 > 192.0.2.2");
  EXPECT_EQ(later.packet.fragment_protocol, ip_protocol::kUdp);
}

TEST(FragmentMarks, FragmentInsideAWholeTunnelPacketIsTheInnerOne) {
  const Packet inner = Packet().ipv4("10.0.0.1", "10.0.0.2").udp(1000, 2000).payload(Blob(500));
  const std::vector<Packet> parts = tools::fragments(inner, 200, 99);
  for (size_t at = 0; at < parts.size(); ++at) {
    const Packet frame = Packet().eth().ipv4("192.0.2.1", "192.0.2.2").gre().append(parts[at]);
    const Decoded seen(frame);
    EXPECT_EQ(seen.tunnels(), "gre");
    EXPECT_EQ(seen.packet.fragment, at == 0 ? FragmentPart::First : FragmentPart::Later);
    EXPECT_EQ(fragmented_ends(frame, seen), "10.0.0.1 > 10.0.0.2");
    EXPECT_FALSE(seen.packet.fragment_opened);
  }
}

}  // namespace
}  // namespace microcloud
