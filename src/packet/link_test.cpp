// How frames begin on each link type that is read.
#include <gtest/gtest.h>

#include "packet/decode_test_bed.h"
#include "packet/golden_frames_test.h"

namespace microcloud {
namespace {

using tools::Blob;
using tools::Packet;

const char* const kUdp = "udp 10.0.0.1:1000 > 10.0.0.2:2000";
const char* const kTcp6 = "tcp [2001:db8::2]:3000 > [2001:db8::1]:80";

/// What is read behind `link` in front of an IPv4 and of an IPv6 packet.
void expect_both(FirstHeader first, const Packet& link) {
  const Decoded v4(Packet(link).append(inner_udp()), {.first = first, .verify = true});
  EXPECT_EQ(v4.flow(), kUdp);
  EXPECT_EQ(v4.payload(), "inner payload");
  EXPECT_EQ(v4.tunnels(), "");
  EXPECT_EQ(v4.anomalies(), 0U);
  const Decoded v6(Packet(link).append(inner_v6()), {.first = first, .verify = true});
  EXPECT_EQ(v6.flow(), kTcp6);
  EXPECT_EQ(v6.anomalies(), 0U);
}

std::string flow(FirstHeader first, const Packet& frame) {
  return Decoded(frame, {.first = first}).flow();
}

TEST(Link, RawIp) {
  expect_both(FirstHeader::Ip, Packet());
  EXPECT_EQ(flow(FirstHeader::Ipv4, inner_udp()), kUdp);
  EXPECT_EQ(flow(FirstHeader::Ipv6, inner_v6()), kTcp6);
  EXPECT_EQ(flow(FirstHeader::Ipv4, inner_v6()), "malformed");
  EXPECT_EQ(flow(FirstHeader::Ip, Packet().payload("? no ip")), "not_ip");
}

TEST(Link, RawIpHasNoMacs) {
  EXPECT_EQ(Decoded(inner_udp(), {.first = FirstHeader::Ip}).packet.around.mac_at, 0xffff);
}

TEST(Link, BsdLoopbackInEitherByteOrder) {
  for (const uint32_t ipv6_family : {10U, 24U, 28U, 30U}) {
    expect_both(FirstHeader::BsdLoopback, Packet().bsd_null(ipv6_family));
    expect_both(FirstHeader::BsdLoopback, Packet().bsd_loop(ipv6_family));
  }
  EXPECT_EQ(flow(FirstHeader::BsdLoopback, Packet().payload(Blob{7, 0, 0, 0}).append(inner_udp())), "not_ip");
}

TEST(Link, LinuxCooked) {
  expect_both(FirstHeader::LinuxCooked, Packet().sll());
  expect_both(FirstHeader::LinuxCookedV2, Packet().sll2());
  EXPECT_EQ(Decoded(Packet().sll().vlan(5).append(inner_udp()), {.first = FirstHeader::LinuxCooked}).tunnels(), "vlan");
  Blob snap = Packet().sll().llc_snap().append(inner_udp()).bytes();
  snap[14] = 0;  // protocol 4: 802.2 follows
  snap[15] = 4;
  EXPECT_EQ(Decoded(snap, {.first = FirstHeader::LinuxCooked}).flow(), kUdp);
}

TEST(Link, PppWithAndWithoutAddressAndControl) {
  expect_both(FirstHeader::Ppp, Packet().ppp());
  expect_both(FirstHeader::Ppp, Packet().ppp({.address_control = true}));
  expect_both(FirstHeader::Ppp, Packet().ppp({.address_control = true, .compressed = true}));
  EXPECT_EQ(Decoded(Packet().ppp().mpls(16).append(inner_udp()), {.first = FirstHeader::Ppp}).tunnels(), "mpls");
  EXPECT_EQ(flow(FirstHeader::Ppp, Packet().ppp({.protocol = 0x8021}).payload("ipcp")), "not_ip");
}

TEST(Link, PppInHdlcOrCiscosOwn) {
  expect_both(FirstHeader::PppHdlc, Packet().ppp({.address_control = true}));
  for (const uint8_t address : {uint8_t{0x0f}, uint8_t{0x8f}}) {
    EXPECT_EQ(flow(FirstHeader::PppHdlc, Packet().payload(Blob{address, 0, 0x08, 0x00}).append(inner_udp())), kUdp);
    EXPECT_EQ(flow(FirstHeader::PppHdlc, Packet().payload(Blob{address, 0, 0x86, 0xdd}).append(inner_v6())), kTcp6);
    EXPECT_EQ(flow(FirstHeader::PppHdlc, Packet().payload(Blob{address, 0, 0x80, 0x35, 0, 0})), "not_ip")
        << "keep-alive";
  }
}

TEST(Link, PppoeWithoutEthernet) {
  const Decoded seen(Packet().pppoe(33).append(inner_udp()), {.first = FirstHeader::Pppoe});
  EXPECT_EQ(seen.flow(), kUdp);
  EXPECT_EQ(seen.tunnels(), "pppoe");
  EXPECT_EQ(seen.id(), "33");
}

TEST(Link, PppoeLengthEndsThePacket) {
  Blob frame =
      Packet().eth().pppoe(33).ipv4("10.0.0.1", "10.0.0.2", {.total_length = 0}).udp(1, 2).payload("x").bytes();
  frame.resize(frame.size() + 9);  // padding
  EXPECT_EQ(Decoded(frame).packet.octets, 29U);
}

TEST(Link, PppoeThatIsNone) {
  EXPECT_EQ(flow(FirstHeader::Pppoe, Packet().payload(Blob{0x21, 0, 0, 1, 0, 30}).append(inner_udp())), "malformed")
      << "version";
  EXPECT_EQ(flow(FirstHeader::Pppoe, Packet().pppoe(1, 0xa7).payload("terminate")), "not_ip");
}

TEST(Link, Nflog) {
  expect_both(FirstHeader::Nflog, Packet().nflog());
  expect_both(FirstHeader::Nflog, Packet().nflog({.prefix = "a rule's prefix: "}));
  EXPECT_EQ(flow(FirstHeader::Nflog, Packet().payload(Blob{2, 0, 0, 5})), "not_ip") << "no packet in it";
  // From a machine of the other byte order: length 8 type 10 (prefix), then type 9 (packet).
  const Blob big_endian = {2, 0, 0, 5, 0, 8, 0, 10, 'x', 0, 0, 0, 0, 45, 0, 9};
  EXPECT_EQ(flow(FirstHeader::Nflog, Packet().payload(big_endian).append(inner_udp())), kUdp);
  EXPECT_EQ(flow(FirstHeader::Nflog, Packet().payload(Blob{2, 0, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0})), "malformed")
      << "an attribute of no length would never end";
}

TEST(Link, WirelessDataInTheClear) {
  const tools::AddrMac a = "02:00:00:00:00:0a";
  expect_both(FirstHeader::Ieee80211, Packet().wlan_data(a, a).llc_snap());
  expect_both(FirstHeader::Ieee80211, Packet().wlan_data(a, a, true).llc_snap());
  expect_both(FirstHeader::Radiotap, Packet().radiotap().wlan_data(a, a, true).llc_snap());
}

TEST(Link, WirelessHeadersOfOtherForms) {
  const auto frame = [](uint8_t control, uint8_t flags, const Blob& more) {
    Blob header(24);
    header[0] = control;
    header[1] = flags;
    header.insert(header.end(), more.begin(), more.end());
    return Packet().payload(header).llc_snap().append(inner_udp());
  };
  const auto read = [&](uint8_t control, uint8_t flags, const Blob& more) {
    return flow(FirstHeader::Ieee80211, frame(control, flags, more));
  };
  EXPECT_EQ(read(0x08, 0x02, {}), kUdp) << "from the access point";
  EXPECT_EQ(read(0x08, 0x03, Blob(6)), kUdp) << "four addresses";
  EXPECT_EQ(read(0x88, 0x01, {0, 0}), kUdp) << "quality of service";
  EXPECT_EQ(read(0x88, 0x81, {0, 0, 1, 2, 3, 4}), kUdp) << "and HT control";
  EXPECT_EQ(read(0x88, 0x83, Blob(12)), kUdp) << "and four addresses";
  EXPECT_EQ(read(0x88, 0x01, {0x80, 0}), "not_ip") << "aggregated subframes";
  EXPECT_EQ(read(0x08, 0x41, {}), "not_ip") << "protected";
  EXPECT_EQ(read(0x48, 0x01, {}), "not_ip") << "no data";
  EXPECT_EQ(read(0x80, 0x00, {}), "not_ip") << "a beacon";
  EXPECT_EQ(read(0xb4, 0x00, {}), "not_ip") << "control";
}

TEST(Link, RadiotapFlagsTellOfTheFrameCheckSequence) {
  const tools::AddrMac a = "02:00:00:00:00:0a";
  const Packet open_length =
      Packet().wlan_data(a, a).llc_snap().ipv4("10.0.0.1", "10.0.0.2", {.total_length = 0}).udp(1, 2);
  const auto octets = [&](const Blob& radiotap) {
    return Decoded(Packet().payload(radiotap).append(open_length).payload("crc4"), {.first = FirstHeader::Radiotap})
        .packet.octets;
  };
  EXPECT_EQ(octets({0, 0, 9, 0, 2, 0, 0, 0, 0x00}), 32U) << "without";
  EXPECT_EQ(octets({0, 0, 9, 0, 2, 0, 0, 0, 0x10}), 28U) << "with";
  EXPECT_EQ(octets({0, 0, 17, 0, 3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x10}), 28U) << "behind the time";
  EXPECT_EQ(flow(FirstHeader::Radiotap, Packet().payload(Blob{0, 0, 7, 0, 0, 0, 0, 0}).append(open_length)),
            "malformed");
}

TEST(Link, EmptyAndShortFramesAreTruncatedOrNotIp) {
  for (int first = 0; first <= static_cast<int>(FirstHeader::Radiotap); ++first) {
    for (size_t size = 0; size < 8; ++size) {
      const Decoded seen(Blob(size), {.first = static_cast<FirstHeader>(first), .wire_size = 60});
      EXPECT_FALSE(seen.metered()) << "link " << first << ", " << size << " bytes";
      EXPECT_NE(seen.reason, Ignored::Arp);
    }
  }
}

}  // namespace
}  // namespace microcloud
