// Keys and packets of RFC 9001's and RFC 9369's appendices; CRYPTO frames in any order.
#include "protocols/wire/quic_initial.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "protocols/wire/quic_bytes_test.h"

namespace microcloud {
namespace {

using namespace quic_bytes;

const Octets8 kId{0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};

std::string hex(Bytes octets) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t octet : octets) {
    text += kHex[octet >> 4];
    text += kHex[octet & 15];
  }
  return text;
}

Octets8 from_hex(std::string_view text) {
  Octets8 octets;
  for (size_t at = 0; at + 1 < text.size(); at += 2)
    octets.push_back(static_cast<uint8_t>(std::stoul(std::string(text.substr(at, 2)), nullptr, 16)));
  return octets;
}

TEST(QuicInitial, KeysOfRfc9001) {  // appendix A.1
  const QuicInitialKeys keys(kQuicV1, kId);
  EXPECT_EQ(hex(keys.key()), "1f369613dd76d5467730efcbe3b1a22d");
  EXPECT_EQ(hex(keys.iv()), "fa044b2f42a3fd3b46fb255c");
  EXPECT_EQ(hex(keys.header_key()), "9f50449e04a0e810283a1e9933adedd2");
}

TEST(QuicInitial, KeysOfRfc9369) {  // appendix A.1
  const QuicInitialKeys keys(kQuicV2, kId);
  EXPECT_EQ(hex(keys.key()), "8b1a0bc121284290a29e0971b5cd045d");
  EXPECT_EQ(hex(keys.iv()), "91f73e2351d8fa91660e909f");
  EXPECT_EQ(hex(keys.header_key()), "45b95e15235d6f45a6b19cbcb0294ba9");
}

TEST(QuicInitial, ThePacketOfRfc9001) {  // appendix A.2: what is written must be what stands there
  const Octets8 frames = from_hex(
      "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000c0000000"
      "10000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e0005000501000000000033"
      "00260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304000d0010000e040305"
      "0306030203080408050806002d00020101001c00024001003900320408ffffffffffffffff05048000ffff07048000ffff08011001048000"
      "75300901100f088394c8f03e51570806048000ffff");
  const Octets8 packet = Initial{}.with(frames);
  EXPECT_EQ(packet.size(), 1200U);
  EXPECT_EQ(hex(Bytes(packet).first(22)), "c000000001088394c8f03e5157080000449e7b9aec34");
  EXPECT_EQ(hex(Bytes(packet).subspan(22, 16)), "d1b1c98dd7689fb8ec11d242b123dc9b");
  QuicPacket read;
  ASSERT_TRUE(read_quic_packet(packet, read));
  EXPECT_TRUE(read.initial);
  EXPECT_EQ(hex(read.destination), hex(kId));
  const auto opened = QuicInitialKeys(kQuicV1, kId).open(read);
  ASSERT_TRUE(opened);
  EXPECT_EQ(hex(Bytes(*opened).first(frames.size())), hex(frames));
  QuicCryptoStream stream;
  EXPECT_TRUE(stream.take_frames(*opened));
  EXPECT_EQ(stream.beginning().size(), 0xf1U);
}

TEST(QuicInitial, OnlyTheRightKeysOpenIt) {
  for (const uint32_t version : {kQuicV1, kQuicV2, kQuicDraft23, kQuicDraft23 + 6, kQuicDraft23 + 11}) {
    Octets8 packet = Initial{.version = version}.with(crypto(0, octets("hello")));
    QuicPacket read;
    ASSERT_TRUE(read_quic_packet(packet, read));
    EXPECT_TRUE(QuicInitialKeys(version, kId).open(read)) << version;
    EXPECT_FALSE(QuicInitialKeys(version, Octets8{1, 2, 3, 4, 5, 6, 7, 8}).open(read));
    EXPECT_FALSE(QuicInitialKeys(version == kQuicV2 ? kQuicDraft23 + 5 : kQuicV2, kId).open(read));
    packet[packet.size() / 2] ^= 1;
    EXPECT_FALSE(QuicInitialKeys(version, kId).open(read));
  }
}

TEST(QuicInitial, HeadersThatDoNotFit) {
  const Octets8 packet = Initial{.token = {1, 2, 3}}.with(crypto(0, octets("hello")));
  QuicPacket read;
  for (size_t size = 0; size < packet.size(); ++size)
    EXPECT_FALSE(read_quic_packet(Bytes(packet).first(size), read)) << size;
  EXPECT_TRUE(read_quic_packet(packet, read));
  Octets8 other = packet;
  other[0] = 0x43;
  EXPECT_FALSE(read_quic_packet(other, read)) << "a short header";
  other = packet;
  other[5] = 21;
  EXPECT_FALSE(read_quic_packet(other, read)) << "a connection id of 21 octets";
  other = packet;
  other[4] = 9;
  ASSERT_TRUE(read_quic_packet(other, read)) << "of a version that nobody knows";
  EXPECT_FALSE(read.initial);
  EXPECT_FALSE(QuicInitialKeys(9, kId).open(read));
  other = packet;
  other[0] = 0xf3;
  ASSERT_TRUE(read_quic_packet(other, read)) << "a Retry has no length";
  EXPECT_FALSE(read.initial);
}

TEST(QuicInitial, CryptoFramesInAnyOrder) {
  const Octets8 text = octets("one two three");
  const Bytes all(text);
  QuicCryptoStream stream;
  EXPECT_TRUE(stream.take_frames(crypto(8, all.subspan(8))));
  EXPECT_TRUE(stream.beginning().empty());
  EXPECT_TRUE(stream.take_frames(joined({{0, 0, 1}, crypto(0, all.first(4)), {2, 5, 0, 0, 1}})));
  EXPECT_EQ(stream.beginning().size(), 4U);
  EXPECT_TRUE(stream.take_frames(crypto(2, all.subspan(2, 8)))) << "some of it again";
  EXPECT_TRUE(std::ranges::equal(stream.beginning(), all));
  EXPECT_FALSE(stream.take_frames(Octets8{0x08, 1})) << "no frame of an Initial";
  EXPECT_FALSE(stream.take_frames(Octets8{6, 0, 9, 1})) << "longer than the packet";
  EXPECT_TRUE(stream.take_frames(joined({{3, 5, 0, 1, 0, 1, 1, 9, 9, 9}, {0x1c, 0, 0, 0}})));
}

TEST(QuicInitial, TheStreamIsBounded) {
  QuicCryptoStream stream;
  const Octets8 part(1000, 7);
  for (size_t at = 0; at < 100; ++at) stream.take_frames(crypto(at * part.size(), part));
  EXPECT_EQ(stream.beginning().size(), QuicCryptoStream::kMost);
  QuicCryptoStream holes;
  for (size_t at = 0; at < 1000; ++at) holes.take_frames(crypto(1 + 2 * at, octets("x")));
  holes.take_frames(crypto(0, octets("x")));
  EXPECT_TRUE(holes.beginning().empty()) << "of so many pieces not all are kept";
}

}  // namespace
}  // namespace microcloud
