#include <gtest/gtest.h>

#include <random>

#include "packet/plain_check.h"
#include "tools/packet_builder.h"

namespace microcloud {
namespace {

using tools::Blob;
using Frame = tools::Packet;

constexpr const char* kOne = "10.0.0.1";
constexpr const char* kTwo = "192.168.7.200";
const std::string kPayload(40, 'x');

std::vector<Frame> plain_frames() {
  return {Frame().eth().ipv4(kOne, kTwo).tcp(443, 50'000).payload(kPayload),
          Frame().eth().ipv4(kTwo, kOne).udp(53, 50'000).payload(kPayload),
          Frame().eth().ipv6("2001:db8::1", "2001:db8::2").tcp(80, 1024).payload(kPayload),
          Frame().eth().ipv6("2001:db8:ffff::1", "2001:db8::2").udp(5353, 5353).payload(kPayload)};
}

bool is_plain(const Frame& frame) {
  const Blob bytes = frame.bytes();
  Packet packet{};
  return plain(bytes, packet);
}

TEST(Plain, TcpAndUdpInBothVersionsAreRead) {
  for (const Frame& frame : plain_frames()) {
    EXPECT_TRUE(is_plain(frame));
    EXPECT_TRUE(plain_agrees(frame.bytes(), static_cast<uint32_t>(frame.wire_size())));
  }
}

TEST(Plain, EverythingElseIsLeft) {
  EXPECT_FALSE(is_plain(Frame().eth().vlan(5).ipv4(kOne, kTwo).tcp(443, 50'000).payload(kPayload)));
  EXPECT_FALSE(is_plain(Frame().eth().ipv4(kOne, kTwo, {.options = Blob(8, 1)}).tcp(443, 50'000).payload(kPayload)));
  EXPECT_FALSE(is_plain(Frame().eth().ipv4(kOne, kTwo, {.more_fragments = true}).udp(1, 2).payload(kPayload)));
  EXPECT_FALSE(is_plain(Frame().eth().ipv4(kOne, kTwo).udp(50'000, 4789).payload(kPayload))) << "perhaps VXLAN";
  EXPECT_FALSE(is_plain(Frame().eth().ipv4(kOne, kTwo).udp(2152, 50'000).payload(kPayload))) << "perhaps GTP-U";
  EXPECT_FALSE(is_plain(Frame().eth().ipv4(kOne, kOne).tcp(443, 50'000).payload(kPayload))) << "the ports decide";
  EXPECT_FALSE(is_plain(Frame().eth().ipv4(kOne, kTwo).icmp(8, 0).payload(kPayload)));
}

TEST(Plain, AWrongChecksumIsLeftForDecodeToCount) {
  Blob bytes = plain_frames()[0].bytes();
  for (size_t at = 14; at < 34; ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      Blob damaged = bytes;
      damaged[at] = static_cast<uint8_t>(damaged[at] ^ 1U << bit);
      Packet packet{};
      EXPECT_FALSE(plain(damaged, packet)) << "byte " << at << ", bit " << bit;
    }
  }
}

TEST(Plain, TheChecksumCountsEveryCarry) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 100'000; ++round) {
    std::array<uint8_t, 20> header;
    for (uint8_t& byte : header) byte = random() % 4 == 0 ? static_cast<uint8_t>(random()) : uint8_t{0xff};
    if (random() % 2 == 0) {
      header[10] = header[11] = 0;
      const uint16_t sum = internet_checksum(Bytes(header));
      header[10] = static_cast<uint8_t>(sum);
      header[11] = static_cast<uint8_t>(sum >> 8);
    }
    const uint64_t sum =
        ipv4_sum(load_raw<uint64_t>(&header[0]), load_raw<uint64_t>(&header[8]), load_raw<uint32_t>(&header[16]));
    ASSERT_EQ(sum % 0xffff == 0, internet_checksum(Bytes(header)) == 0);
  }
}

/// Cut anywhere, any byte changed, and then the header's checksum made right again, so that damage is not just refused.
TEST(Plain, AgreesWithDecodeOnDamagedFrames) {
  std::mt19937 random(7);
  size_t read = 0;
  for (const Frame& frame : plain_frames()) {
    const Blob whole = frame.bytes();
    for (int round = 0; round < 20'000; ++round) {
      Blob bytes = whole;
      for (auto changes = random() % 3; changes > 0; --changes)
        bytes[12 + random() % (bytes.size() - 12)] = static_cast<uint8_t>(random());
      if (bytes[12] == 8) {
        bytes[24] = bytes[25] = 0;
        const uint16_t sum = internet_checksum(Bytes(bytes).subspan(14, 20));
        bytes[24] = static_cast<uint8_t>(sum);
        bytes[25] = static_cast<uint8_t>(sum >> 8);
      }
      if (random() % 2 == 0) bytes.resize(random() % (bytes.size() + 1));
      const Blob exact(bytes);  // of just its size, so that ASan sees a read behind it
      ASSERT_TRUE(plain_agrees(exact, static_cast<uint32_t>(whole.size())));
      Packet packet{};
      read += plain(exact, packet) ? 1U : 0U;
    }
  }
  EXPECT_GT(read, 10'000U);
}

}  // namespace
}  // namespace microcloud
