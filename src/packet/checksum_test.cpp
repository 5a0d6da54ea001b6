// Checksums of IP headers always, of TCP and UDP when asked.
#include "packet/checksum.h"

#include <gtest/gtest.h>

#include <random>

#include "packet/decode_test_bed.h"

namespace microcloud {
namespace {

using tools::Blob;
using tools::Packet;

uint64_t bad_transport(const Packet& frame) {
  return Decoded(frame, {.verify = true}).count(Anomaly::BadTransportChecksum);
}
uint64_t bad_ip(const Packet& frame) {
  return Decoded(frame).count(Anomaly::BadIpChecksum);
}

TEST(Checksum, AsWorkedOutInRfc1071) {
  const Blob bytes = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};  // section 3: their sum is ddf2
  EXPECT_EQ(__builtin_bswap16(internet_checksum(Bytes(bytes))), 0xffff - 0xddf2);
}

TEST(Checksum, IsTheSimpleSumAtEverySize) {
  std::mt19937 random(1071);
  for (size_t size = 0; size < 70; ++size) {
    Blob bytes(size);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() % 3 == 0 ? 0xff : random());
    uint32_t sum = 0;
    for (size_t at = 0; at < size; ++at) sum += at % 2 == 0 ? static_cast<uint32_t>(bytes[at]) << 8 : bytes[at];
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    EXPECT_EQ(__builtin_bswap16(internet_checksum(Bytes(bytes))), sum ^ 0xffff) << size;
    if (size == 20) {
      EXPECT_EQ(internet_checksum(Bytes(bytes).first<20>()), internet_checksum(Bytes(bytes)));
    }
  }
}

TEST(Checksum, EveryWrongIpHeaderIsCountedAndMetered) {
  const tools::Ipv4Options wrong{.bad_checksum = true};
  EXPECT_EQ(bad_ip(v4().udp(1, 2)), 0U);
  EXPECT_EQ(bad_ip(Packet().eth().ipv4("10.0.0.1", "10.0.0.2", wrong).udp(1, 2)), 1U);
  EXPECT_EQ(Decoded(Packet().eth().ipv4("10.0.0.1", "10.0.0.2", wrong).udp(1, 2)).flow(),
            "udp 10.0.0.1:1 > 10.0.0.2:2");
  EXPECT_EQ(bad_ip(v4().ipv4("10.0.0.3", "10.0.0.4", wrong).udp(1, 2)), 1U);
  EXPECT_EQ(bad_ip(Packet().eth().ipv4("10.0.0.1", "10.0.0.2", wrong).ipv4("10.0.0.3", "10.0.0.4", wrong).udp(1, 2)),
            2U);
}

TEST(Checksum, OptionsAreInTheIpHeadersSum) {
  const tools::Ipv4Options right{.options = {148, 4, 0, 0, 7, 7, 7, 7}};
  const tools::Ipv4Options wrong{.options = {148, 4, 0, 0, 7, 7, 7, 7}, .bad_checksum = true};
  EXPECT_EQ(bad_ip(Packet().eth().ipv4("10.0.0.1", "10.0.0.2", right).udp(1, 2)), 0U);
  EXPECT_EQ(bad_ip(Packet().eth().ipv4("10.0.0.1", "10.0.0.2", wrong).udp(1, 2)), 1U);
  Blob damaged = Packet().eth().ipv4("10.0.0.1", "10.0.0.2", right).udp(1, 2).bytes();
  damaged[14 + 20 + 7] ^= 1;
  EXPECT_EQ(Decoded(damaged).count(Anomaly::BadIpChecksum), 1U);
}

TEST(Checksum, EveryFlippedBitOfAnIpHeaderIsSeen) {
  const Blob good = Packet().eth().ipv4("10.0.0.1", "10.0.0.2", {.ttl = 0x55, .id = 0x1234}).udp(1, 2).bytes();
  for (size_t bit = size_t{14} * 8; bit < size_t{34} * 8; ++bit) {
    Blob damaged = good;
    damaged[bit / 8] = static_cast<uint8_t>(damaged[bit / 8] ^ (1U << bit % 8));
    const Decoded seen(damaged);
    EXPECT_TRUE(!seen.metered() || seen.count(Anomaly::BadIpChecksum) == 1) << "bit " << bit;
  }
}

TEST(Checksum, TransportIsCheckedInBothFamilies) {
  for (size_t size = 0; size < 10; ++size) {
    const Blob payload(size, 0xab);
    for (const Packet& ip : {v4(), v6()}) {
      EXPECT_EQ(bad_transport(Packet(ip).udp(1, 2).payload(payload)), 0U);
      EXPECT_EQ(bad_transport(Packet(ip).tcp(1, 2).payload(payload)), 0U);
      EXPECT_EQ(bad_transport(Packet(ip).udp(1, 2, {.bad_checksum = true}).payload(payload)), 1U);
      EXPECT_EQ(bad_transport(Packet(ip).tcp(1, 2, {.bad_checksum = true}).payload(payload)), 1U);
      EXPECT_EQ(bad_transport(Packet(ip).tcp(1, 2, {.options = Blob(12, 1), .bad_checksum = true}).payload(payload)),
                1U);
      EXPECT_EQ(bad_transport(Packet(ip).tcp(1, 2, {.options = Blob(12, 1)}).payload(payload)), 0U);
    }
  }
}

TEST(Checksum, EveryFlippedBitOfASegmentIsSeen) {
  const Blob good = v6().tcp(0x1111, 0x2222, {.seq = 5, .ack = 6}).payload("some payload").bytes();
  for (size_t bit = size_t{14 + 8} * 8; bit < good.size() * 8; ++bit) {  // addresses are in the sum as well
    Blob damaged = good;
    damaged[bit / 8] = static_cast<uint8_t>(damaged[bit / 8] ^ (1U << bit % 8));
    const Decoded seen(damaged, {.verify = true});
    EXPECT_TRUE(!seen.metered() || !seen.packet.has_tcp || seen.count(Anomaly::BadTransportChecksum) == 1)
        << "bit " << bit;
  }
}

TEST(Checksum, TransportIsCheckedOnlyWhenAsked) {
  const Decoded seen(v4().tcp(1, 2, {.bad_checksum = true}));
  EXPECT_EQ(seen.anomalies(), 0U);
}

TEST(Checksum, UdpWithoutOneIsNotWrong) {
  EXPECT_EQ(bad_transport(v4().udp(1, 2, {.no_checksum = true}).payload("x")), 0U);
  EXPECT_EQ(bad_transport(v6().udp(1, 2, {.no_checksum = true}).payload("x")), 0U);
}

TEST(Checksum, UdpSumOfZeroIsSentAsOnes) {
  // The payload is chosen so that the sum comes out as zero, which would mean that there is none.
  const Blob other = v4().udp(1, 2).payload(Blob{0, 0}).bytes();
  const Blob frame = v4().udp(1, 2).payload(Blob{other[40], other[41]}).bytes();
  ASSERT_EQ(load_be16(&frame[40]), 0xffff);
  EXPECT_EQ(Decoded(frame, {.verify = true}).anomalies(), 0U);
}

TEST(Checksum, SegmentThatIsNotAllHereIsNotChecked) {
  for (const Packet& ip : {v4(), v6()}) {
    const Packet udp = Packet(ip).udp(1, 2, {.bad_checksum = true}).payload("0123456789");
    const Packet tcp = Packet(ip).tcp(1, 2, {.bad_checksum = true}).payload("0123456789");
    for (const Packet& whole : {udp, tcp}) {
      EXPECT_EQ(bad_transport(whole), 1U);
      EXPECT_EQ(bad_transport(Packet(whole).cut(whole.wire_size() - 1)), 0U);
    }
  }
  EXPECT_EQ(bad_transport(v4().udp(1, 2, {.length = 100}).payload("short")), 0U);
}

TEST(Checksum, UdpIsCheckedOverItsOwnLength) {
  Blob frame = v4().udp(1, 2).payload("0123").bytes();
  frame.insert(frame.end(), {1, 2, 3});  // behind the datagram, inside the IP packet
  frame[14 + 3] = static_cast<uint8_t>(frame[14 + 3] + 3);
  EXPECT_EQ(Decoded(frame, {.verify = true}).count(Anomaly::BadTransportChecksum), 0U);
}

TEST(Checksum, FragmentIsNotChecked) {
  const Packet udp = Packet().udp(1, 2, {.bad_checksum = true}).payload("first of more");
  EXPECT_EQ(bad_transport(Packet().eth().ipv4("10.0.0.1", "10.0.0.2", {.more_fragments = true}).append(udp)), 0U);
  EXPECT_EQ(bad_transport(v6().ipv6_fragment(7, {.more = true}).append(udp)), 0U);
  EXPECT_EQ(bad_transport(v6().ipv6_fragment(7).append(udp)), 1U) << "an atomic fragment is whole";
}

TEST(Checksum, RoutingHeaderHoldsTheDestinationThatCounts) {
  const Packet on_its_way =
      Packet().eth().ipv6("2001:db8::1", "2001:db8::2").routing(0, 1, {"2001:db8::77:3"}).udp(1, 2).payload("x");
  EXPECT_EQ(bad_transport(on_its_way), 0U);
  const Packet arrived = v6().routing(0, 0, {"2001:db8::77:3"});
  EXPECT_EQ(bad_transport(Packet(arrived).udp(1, 2).payload("x")), 0U);
  EXPECT_EQ(bad_transport(Packet(arrived).udp(1, 2, {.bad_checksum = true}).payload("x")), 1U);
}

TEST(Checksum, InnerAndOuterAreBothChecked) {
  const Packet bad_inside =
      v4().udp(1, 4789).vxlan(1).eth().ipv4("10.1.0.1", "10.1.0.2").tcp(1, 2, {.bad_checksum = true});
  EXPECT_EQ(bad_transport(bad_inside), 1U);
  const Packet bad_both = v4().udp(1, 4789, {.bad_checksum = true})
                              .vxlan(1)
                              .eth()
                              .ipv4("10.1.0.1", "10.1.0.2")
                              .tcp(1, 2, {.bad_checksum = true});
  EXPECT_EQ(bad_transport(bad_both), 2U);
  const Packet bad_in_gre = v4().gre().ipv6("::1", "::2").udp(1, 2, {.bad_checksum = true}).payload("x");
  EXPECT_EQ(bad_transport(bad_in_gre), 1U);
}

}  // namespace
}  // namespace microcloud
