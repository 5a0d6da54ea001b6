// What the builder fixes by itself, held against bytes and sums worked out apart from it.
#include "tools/packet_builder.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "tools/packet_layer.h"
#include "tools/pcap_writer.h"

namespace microcloud::tools {
namespace {

// The ones' complement sum of a transport segment and its pseudo-header is all ones when the checksum is right.
uint32_t transport_sum(const Blob& ip, size_t header) {
  Writer pseudo;
  const Bytes all(ip);
  const bool is_v4 = ip[0] >> 4 == 4;
  pseudo.bytes(is_v4 ? all.subspan(12, 8) : all.subspan(8, 32)).u32(static_cast<uint32_t>(ip.size() - header));
  pseudo.u32(is_v4 ? ip[9] : ip[6]);
  return internet_sum(all.subspan(header), internet_sum(pseudo.out()));
}

TEST(PacketBuilder, Ipv4HeaderAsWorkedOutByHand) {
  const Blob ip = Packet()
                      .ipv4("192.168.0.1", "192.168.0.199", {.ttl = 64, .dont_fragment = true})
                      .udp(1, 2)
                      .payload(Blob(87))
                      .bytes();
  const Blob expected = {0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 64, 17, 0xb8, 0x61, 192, 168, 0, 1, 192, 168, 0, 199};
  EXPECT_EQ(Blob(ip.begin(), ip.begin() + 20), expected);
}

TEST(PacketBuilder, TransportChecksums) {
  EXPECT_EQ(transport_sum(Packet().ipv4("10.0.0.1", "10.0.0.2").udp(53, 9999).payload("odd").bytes(), 20), 0xffffU);
  EXPECT_EQ(transport_sum(Packet().ipv4("10.0.0.1", "10.0.0.2").tcp(80, 9999).payload("even").bytes(), 20), 0xffffU);
  EXPECT_EQ(transport_sum(Packet().ipv6("fe80::1", "fe80::2").icmp6(128).payload("ping").bytes(), 40), 0xffffU);
  const Packet wrong = Packet().ipv4("10.0.0.1", "10.0.0.2").tcp(80, 9999, {.bad_checksum = true});
  EXPECT_NE(transport_sum(wrong.bytes(), 20), 0xffffU);
  const Blob none = Packet().ipv4("10.0.0.1", "10.0.0.2").udp(53, 9999, {.no_checksum = true}).bytes();
  EXPECT_EQ(load_be16(&none[26]), 0);
}

TEST(PacketBuilder, ChecksumGoesToTheLastSegmentOfARoutingHeader) {
  const Blob routed = Packet().ipv6("2001:db8::1", "2001:db8::2").routing(0, 1, {"2001:db8::3"}).udp(1, 2).bytes();
  const Blob direct = Packet().ipv6("2001:db8::1", "2001:db8::3").udp(1, 2).bytes();
  EXPECT_EQ(Blob(routed.end() - 8, routed.end()), Blob(direct.end() - 8, direct.end()));
}

TEST(PacketBuilder, EachHeaderNamesTheNext) {
  const Blob frame = Packet().eth().vlan(100, {.tpid = 0x88a8}).vlan(5).mpls(16).mpls(17).ipv6("::1", "::2").bytes();
  EXPECT_EQ(load_be16(&frame[12]), 0x88a8);
  EXPECT_EQ(load_be16(&frame[16]), 0x8100);
  EXPECT_EQ(load_be16(&frame[20]), 0x8847);
  EXPECT_EQ(frame[24] & 1, 0);  // not the bottom of the stack
  EXPECT_EQ(frame[28] & 1, 1);
  EXPECT_EQ(frame[30] >> 4, 6);
}

TEST(PacketBuilder, PppIsPutInOnce) {
  const Blob short_form = Packet().eth().pppoe(7).ipv4("10.0.0.1", "10.0.0.2").bytes();
  const Blob long_form = Packet().eth().pppoe(7).ppp().ipv4("10.0.0.1", "10.0.0.2").bytes();
  EXPECT_EQ(short_form, long_form);
  EXPECT_EQ(load_be16(&short_form[18]), 22);
}

TEST(PacketBuilder, InnerHeadersAreTheSameAtAnyDepth) {
  const Packet inner = Packet().ipv4("10.0.0.1", "10.0.0.2").tcp(1, 2, {.options = {2, 4, 5, 180}}).payload("x");
  const Packet outer =
      Packet().eth().ipv6("::1", "::2").udp(4789, 4789).vxlan(9).eth().ipv4("1.1.1.1", "2.2.2.2").gre({.key = 1});
  const Blob bare = inner.bytes();
  const Blob nested = Packet(outer).append(inner).bytes();
  EXPECT_EQ(Blob(nested.end() - static_cast<std::ptrdiff_t>(bare.size()), nested.end()), bare);
}

TEST(PacketBuilder, SctpCrcAsInRfc3720) {
  // RFC 3720 B.4: the CRC of 32 zeros, in the order of sending.
  const Blob ip = Packet().ipv4("10.0.0.1", "10.0.0.2").sctp(0, 0).payload(Blob(20)).bytes();
  EXPECT_EQ(Blob(ip.begin() + 28, ip.begin() + 32), (Blob{0xaa, 0x36, 0x91, 0x8a}));
}

TEST(PacketBuilder, FragmentsJoinToTheWhole) {
  const std::string text(100, 'f');
  for (const Packet& ip : {Packet().ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).payload(text),
                           Packet().ipv6("::1", "::2").udp(1, 2).payload(text)}) {
    const Blob whole = ip.bytes();
    const size_t header = whole[0] >> 4 == 4 ? 20 : 40;
    const size_t fragment_header = whole[0] >> 4 == 4 ? 20 : 48;
    Blob joined(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(header));
    for (const Packet& fragment : fragments(ip, 48, 77)) {
      const Blob bytes = fragment.bytes();
      joined.insert(joined.end(), bytes.begin() + static_cast<std::ptrdiff_t>(fragment_header), bytes.end());
    }
    EXPECT_EQ(joined, whole);
  }
}

TEST(PacketBuilder, CutAndPadding) {
  const Packet cut = Packet().eth().ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).payload("0123456789").cut(40);
  EXPECT_EQ(cut.bytes().size(), 40U);
  EXPECT_EQ(cut.wire_size(), 52U);
  const AddrMac a = "02:00:00:00:00:0a";
  const AddrMac b = "02:00:00:00:00:0b";
  EXPECT_EQ(Packet().eth(a, b, {.pad_to = 60}).ipv4("10.0.0.1", "10.0.0.2").bytes().size(), 60U);
}

TEST(PacketBuilder, WrongTextThrows) {
  EXPECT_THROW(Packet().ipv4("10.0.0", "10.0.0.1"), std::invalid_argument);
  EXPECT_THROW(Packet().ipv6("10.0.0.1", "::1"), std::invalid_argument);
  EXPECT_THROW(Packet().eth("02:00", "02:00:00:00:00:01"), std::invalid_argument);
}

Blob read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TEST(PcapWriter, ByteOrderResolutionAndSnaplen) {
  const std::string path = testing::TempDir() + "pcap_writer_test.pcap";
  PcapWriter writer(path, {.link_type = 101, .big_endian = true, .nanoseconds = true, .snaplen = 2});
  writer.write(1'000'000'005, Blob{1, 2, 3});
  writer.close();
  const Blob expected = {0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 101,  //
                         0,    0,    0,    1,    0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2};
  EXPECT_EQ(read_file(path), expected);
  std::remove(path.c_str());
}

TEST(PcapngWriter, BlocksEndWithTheirSize) {
  const std::string path = testing::TempDir() + "pcap_writer_test.pcapng";
  PcapngWriter writer(path);
  const uint32_t interface = writer.add_interface(1, 9);
  writer.write(interface, 5, Blob{1, 2, 3});
  writer.close();
  const Blob file = read_file(path);
  std::remove(path.c_str());
  size_t blocks = 0;
  for (size_t at = 0; at < file.size(); ++blocks) {
    const size_t size = file[at + 4];
    ASSERT_LE(at + size, file.size());
    EXPECT_EQ(file[at + size - 4], size);
    at += size;
  }
  EXPECT_EQ(blocks, 3U);
}

}  // namespace
}  // namespace microcloud::tools
