// Plain packets: what is told of IP and transport headers, and which frames are not metered.
#include "packet/decode.h"

#include <gtest/gtest.h>

#include "packet/decode_test_bed.h"

namespace microcloud {
namespace {

using tools::Blob;
using tools::Packet;

TEST(Decode, BothDirectionsHaveOneKey) {
  const Decoded forth(v4().udp(1000, 2000));
  const Decoded back(Packet().eth().ipv4("10.0.0.2", "10.0.0.1").udp(2000, 1000));
  EXPECT_EQ(forth.packet.key, back.packet.key);
  EXPECT_TRUE(forth.packet.from_low);
  EXPECT_FALSE(back.packet.from_low);
  const HashSeed seed{1, 2};
  EXPECT_EQ(forth.packet.key.hash(seed), back.packet.key.hash(seed));
  EXPECT_EQ(back.flow(), "udp 10.0.0.2:2000 > 10.0.0.1:1000");
}

TEST(Decode, AddressesAreOrderedAsBytes) {
  EXPECT_TRUE(Decoded(Packet().eth().ipv4("9.255.255.255", "10.0.0.0").udp(1, 2)).packet.from_low);
  EXPECT_FALSE(Decoded(Packet().eth().ipv4("200.0.0.1", "10.0.0.0").udp(1, 2)).packet.from_low);
  EXPECT_TRUE(Decoded(Packet().eth().ipv6("::1", "::2").udp(1, 2)).packet.from_low);
  EXPECT_FALSE(Decoded(Packet().eth().ipv6("8000::", "7000::1").udp(1, 2)).packet.from_low);
  EXPECT_FALSE(Decoded(Packet().eth().ipv6("1::", "0:ffff::").udp(1, 2)).packet.from_low);
}

TEST(Decode, BetweenEqualAddressesThePortsDecide) {
  const Decoded forth(Packet().eth().ipv4("127.0.0.1", "127.0.0.1").tcp(5000, 80));
  const Decoded back(Packet().eth().ipv4("127.0.0.1", "127.0.0.1").tcp(80, 5000));
  EXPECT_EQ(forth.packet.key, back.packet.key);
  EXPECT_NE(forth.packet.from_low, back.packet.from_low);
  EXPECT_EQ(forth.flow(), "tcp 127.0.0.1:5000 > 127.0.0.1:80");
}

TEST(Decode, TellsTcpsFields) {
  const Decoded seen(
      v4().tcp(4000, 80, {.seq = 0xfffffff0, .flags = tools::kSyn | tools::kEce | tools::kCwr, .options = Blob(8, 1)})
          .payload("hello"));
  EXPECT_TRUE(seen.packet.has_tcp);
  EXPECT_EQ(seen.packet.tcp_sequence, 0xfffffff0U);
  EXPECT_EQ(seen.packet.tcp_flags, tools::kSyn | tools::kEce | tools::kCwr);
  EXPECT_EQ(seen.packet.octets, 20U + 28 + 5);
  EXPECT_EQ(seen.packet.payload_octets, 5U);
  EXPECT_EQ(seen.payload(), "hello");
  EXPECT_FALSE(seen.packet.has_icmp);
}

TEST(Decode, TcpHeaderThatIsTooShortToBeOneGivesPortsOnly) {
  const Decoded seen(v4().tcp(4000, 80, {.header_words = 4}).payload("hello"));
  EXPECT_EQ(seen.flow(), "tcp 10.0.0.1:4000 > 10.0.0.2:80");
  EXPECT_FALSE(seen.packet.has_tcp);
}

TEST(Decode, TcpHeaderLargerThanItsPacketHasNoPayload) {
  const Decoded seen(v4().tcp(4000, 80, {.header_words = 15}));
  EXPECT_TRUE(seen.packet.has_tcp);
  EXPECT_EQ(seen.packet.payload_octets, 0U);
  EXPECT_EQ(seen.packet.payload_captured, 0U);
}

TEST(Decode, PayloadThatIsNotCapturedCountsAllTheSame) {
  const Decoded seen(v4().tcp(4000, 80).payload("0123456789").cut(14 + 20 + 20 + 4));
  EXPECT_EQ(seen.packet.payload_octets, 10U);
  EXPECT_EQ(seen.payload(), "0123");
  EXPECT_EQ(seen.packet.octets, 50U);
}

TEST(Decode, UdpLengthBoundsItsPayload) {
  const Decoded shorter(v4().udp(1, 2, {.length = 12}).payload("0123456789"));
  EXPECT_EQ(shorter.payload(), "0123");
  EXPECT_EQ(shorter.packet.payload_octets, 4U);
  EXPECT_EQ(shorter.packet.octets, 38U) << "IP's length is what is metered";
  const Decoded longer(v4().udp(1, 2, {.length = 2000}).payload("0123456789"));
  EXPECT_EQ(longer.packet.payload_octets, 10U);
  const Decoded none(v4().udp(1, 2, {.length = 0}).payload("0123456789"));
  EXPECT_EQ(none.packet.payload_octets, 10U);
}

TEST(Decode, UdpLiteHasPortsAndItsWholePayload) {
  const Packet lite =
      Packet().eth().ipv4("10.0.0.1", "10.0.0.2", {.protocol = 136}).udp(5, 6, {.length = 8}).payload("covered not");
  const Decoded seen(lite, {.verify = true});
  EXPECT_EQ(seen.flow(), "udplite 10.0.0.1:5 > 10.0.0.2:6");
  EXPECT_EQ(seen.payload(), "covered not");
  EXPECT_EQ(seen.anomalies(), 0U) << "the length field is the checksum's coverage";
}

TEST(Decode, IcmpTellsTypeAndCodeAndHasNoPorts) {
  const Decoded v4_seen(v4().icmp(3, 13));
  EXPECT_TRUE(v4_seen.packet.has_icmp);
  EXPECT_EQ(v4_seen.packet.icmp_type, 3);
  EXPECT_EQ(v4_seen.packet.icmp_code, 13);
  EXPECT_EQ(v4_seen.flow(), "1 10.0.0.1 > 10.0.0.2");
  const Decoded v6_seen(v6().icmp6(135, 1));
  EXPECT_EQ(v6_seen.packet.icmp_type, 135);
  EXPECT_EQ(v6_seen.packet.icmp_code, 1);
}

TEST(Decode, QuotedPacketOfAnIcmpErrorIsNoTraffic) {
  const Packet quoted = Packet().ipv4("10.0.0.2", "10.0.0.1").udp(53, 1000);
  const Decoded seen(v4().icmp(3, 3).append(quoted));
  EXPECT_EQ(seen.flow(), "1 10.0.0.1 > 10.0.0.2");
}

TEST(Decode, TellsTrafficClassOfBothFamilies) {
  EXPECT_EQ(Decoded(Packet().eth().ipv4("10.0.0.1", "10.0.0.2", {.tos = 0xb8}).udp(1, 2)).packet.tos, 0xb8);
  EXPECT_EQ(
      Decoded(Packet().eth().ipv6("::1", "::2", {.traffic_class = 0xb8, .flow_label = 0xfffff}).udp(1, 2)).packet.tos,
      0xb8);
}

TEST(Decode, PaddingBehindThePacketIsNoPayload) {
  const tools::AddrMac a = "02:00:00:00:00:0a";
  const Decoded seen(Packet().eth(a, a, {.pad_to = 60}).ipv4("10.0.0.1", "10.0.0.2").tcp(1, 2).payload("x"));
  EXPECT_EQ(seen.packet.octets, 41U);
  EXPECT_EQ(seen.packet.payload_octets, 1U);
  EXPECT_EQ(seen.payload(), "x");
  const Decoded v6_seen(Packet().eth(a, a, {.pad_to = 100}).ipv6("::1", "::2").udp(1, 2).payload("x"));
  EXPECT_EQ(v6_seen.packet.octets, 49U);
  EXPECT_EQ(v6_seen.payload(), "x");
}

TEST(Decode, TotalLengthZeroMeansTheRestOfTheFrame) {
  const Decoded seen(Packet().eth().ipv4("10.0.0.1", "10.0.0.2", {.total_length = 0}).tcp(1, 2).payload("segments"));
  EXPECT_EQ(seen.flow(), "tcp 10.0.0.1:1 > 10.0.0.2:2");
  EXPECT_EQ(seen.packet.octets, 48U);
  EXPECT_EQ(seen.packet.payload_octets, 8U);
  EXPECT_EQ(seen.count(Anomaly::ZeroIpLength), 1U);
  const Packet cut =
      Packet().eth().ipv4("10.0.0.1", "10.0.0.2", {.total_length = 0}).tcp(1, 2).payload(Blob(9000)).cut(100);
  EXPECT_EQ(Decoded(cut).packet.octets, 9040U) << "of the frame as it was on the wire";
}

TEST(Decode, JumbogramIsAsLongAsItsFrame) {
  const Packet jumbo =
      Packet().eth().ipv6("::1", "::2", {.payload_length = 0}).hop_by_hop({0xc2, 4, 0, 1, 0x11, 0x78}).udp(1, 2);
  const Decoded seen(Packet(jumbo).payload(Blob(70'000)).cut(200));
  EXPECT_EQ(seen.packet.octets, 40U + 8 + 8 + 70'000);
  EXPECT_EQ(seen.flow(), "udp [::1]:1 > [::2]:2");
}

TEST(Decode, Ipv6LengthZeroMeansTheRestOfTheFrameWhereTransportFollows) {
  const auto frame = [](const tools::Ipv6Options& options, size_t octets) {
    return Packet().eth().ipv6("::1", "::2", options).tcp(1, 2).payload(Blob(octets));
  };
  const Decoded seen(frame({.payload_length = 0}, 3000));
  EXPECT_EQ(seen.flow(), "tcp [::1]:1 > [::2]:2");
  EXPECT_EQ(seen.packet.octets, 3060U);
  EXPECT_EQ(seen.packet.payload_octets, 3000U);
  EXPECT_EQ(seen.count(Anomaly::ZeroIpLength), 1U);
  const Decoded nothing(frame({.next_header = 59, .payload_length = 0}, 3000));
  EXPECT_EQ(nothing.packet.octets, 40U) << "no next header: what follows is padding";
  EXPECT_EQ(nothing.anomalies(), 0U);
}

TEST(Decode, FrameIsNeverShorterThanWhatIsHereOfIt) {
  const Blob frame = Packet().eth().ipv4("10.0.0.1", "10.0.0.2", {.total_length = 0}).tcp(1, 2).payload("x").bytes();
  const Decoded seen(frame, {.wire_size = 10});
  EXPECT_EQ(seen.packet.octets, 41U);
}

TEST(Decode, Ipv6ExtensionHeadersArePassed) {
  const Packet long_options = v6().hop_by_hop(Blob(100, 0)).destination_options(Blob(30, 0));
  const Decoded seen(Packet(long_options).routing(0, 0, {"::9", "::8"}).destination_options().tcp(1, 2).payload("end"));
  EXPECT_EQ(seen.flow(), "tcp [2001:db8::1]:1 > [2001:db8::2]:2");
  EXPECT_EQ(seen.packet.payload_octets, 3U);
  EXPECT_EQ(seen.payload(), "end");
  EXPECT_TRUE(seen.packet.has_tcp);
  EXPECT_EQ(Decoded(v6().ah(1, 2).tcp(1, 2)).flow(), "51 2001:db8::1 > 2001:db8::2") << "not opened";
}

TEST(Decode, ExtensionHeaderLongerThanItsPacketIsWhereReadingEnds) {
  const Decoded seen(Packet().eth().ipv6("::1", "::2", {.next_header = 60}).payload(Blob{6, 200, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(seen.flow(), "60 ::1 > ::2");
}

TEST(Decode, FramesWithoutIpAreIgnoredByReason) {
  const auto frame = [](uint16_t type, const Blob& content) {
    const tools::AddrMac a = "02:00:00:00:00:0a";
    return Packet().eth(a, a, {.ethertype = type}).payload(content);
  };
  EXPECT_EQ(Decoded(frame(0x0806, Blob(28))).reason, Ignored::Arp);
  EXPECT_EQ(Decoded(Packet().eth().vlan(5, {.ethertype = 0x0806}).payload(Blob(28))).reason, Ignored::Arp);
  EXPECT_EQ(Decoded(frame(0x88cc, Blob(40))).reason, Ignored::NotIp) << "LLDP";
  EXPECT_EQ(Decoded(frame(38, {0x42, 0x42, 3, 0, 0})).reason, Ignored::NotIp) << "spanning tree in LLC";
  EXPECT_EQ(Decoded(frame(8, {0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0})).reason, Ignored::NotIp) << "SNAP of a vendor";
  EXPECT_EQ(Decoded(frame(0x8863, Blob(40))).reason, Ignored::NotIp) << "PPPoE discovery";
  EXPECT_EQ(Decoded(Packet().eth().pppoe(1).ppp({.protocol = 0xc021}).payload("lcp")).reason, Ignored::NotIp);
}

TEST(Decode, HeadersThatContradictThemselvesAreMalformed) {
  const auto ip = [](const tools::Ipv4Options& options) {
    return Packet().eth().ipv4("10.0.0.1", "10.0.0.2", options).udp(1, 2);
  };
  EXPECT_EQ(Decoded(ip({.version = 5})).reason, Ignored::Malformed);
  EXPECT_EQ(Decoded(ip({.header_words = 4})).reason, Ignored::Malformed);
  EXPECT_EQ(Decoded(ip({.total_length = 19})).reason, Ignored::Malformed);
  EXPECT_EQ(
      Decoded(Packet().eth().vlan(1, {.ethertype = 0x86dd}).ipv4("10.0.0.1", "10.0.0.2").payload(Blob(40))).reason,
      Ignored::Malformed)
      << "IPv4 that calls itself IPv6";
}

TEST(Decode, CapturesThatEndInTheIpHeaderAreTruncated) {
  for (size_t size = 0; size < 34; ++size) {
    const Decoded seen(v4().udp(1, 2).cut(size));
    EXPECT_EQ(seen.reason, Ignored::Truncated) << size;
  }
  EXPECT_EQ(Decoded(v4().udp(1, 2).cut(34)).flow(), "udp 10.0.0.1:0 > 10.0.0.2:0") << "the ports are not there";
  EXPECT_EQ(Decoded(v4().udp(1, 2).cut(38)).flow(), "udp 10.0.0.1:1 > 10.0.0.2:2");
  EXPECT_EQ(Decoded(v6().udp(1, 2).cut(53)).reason, Ignored::Truncated);
  EXPECT_EQ(Decoded(v6().udp(1, 2).cut(54)).packet.octets, 48U);
}

TEST(Decode, TransportHeaderThatIsCutGivesItsPorts) {
  EXPECT_EQ(Decoded(v4().tcp(10, 20).cut(34 + 19)).flow(), "tcp 10.0.0.1:10 > 10.0.0.2:20");
  EXPECT_FALSE(Decoded(v4().tcp(10, 20).cut(34 + 19)).packet.has_tcp);
  EXPECT_TRUE(Decoded(v4().tcp(10, 20).cut(34 + 20)).packet.has_tcp);
  EXPECT_EQ(Decoded(v4().udp(10, 20).cut(34 + 7)).flow(), "udp 10.0.0.1:10 > 10.0.0.2:20");
  EXPECT_EQ(Decoded(v4().sctp(10, 20).cut(34 + 4)).flow(), "sctp 10.0.0.1:10 > 10.0.0.2:20");
  EXPECT_FALSE(Decoded(v4().icmp(8).cut(34 + 1)).packet.has_icmp);
}

TEST(Decode, EveryReasonAndAnomalyHasAName) {
  for (size_t at = 0; at < static_cast<size_t>(Ignored::kCount); ++at)
    EXPECT_STRNE(ignored_name(static_cast<Ignored>(at)), "");
  for (size_t at = 0; at < static_cast<size_t>(Anomaly::kCount); ++at)
    EXPECT_STRNE(anomaly_name(static_cast<Anomaly>(at)), "");
}

}  // namespace
}  // namespace microcloud
