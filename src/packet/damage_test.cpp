// Frames that are cut, damaged, or nothing at all: never a fault, and no more is believed than is there.
#include <gtest/gtest.h>

#include <random>

#include "packet/decode_test_bed.h"
#include "packet/golden_frames_test.h"

namespace microcloud {
namespace {

using tools::Blob;
using tools::Packet;

TEST(Damage, CutFramesAreMeteredFromTheirFirstIpHeaderOn) {
  for (const GoldenFrame& golden : golden_frames()) {
    SCOPED_TRACE(golden.name);
    const Blob whole = golden.frame().bytes();
    const Blob inner = golden.inner.bytes();
    const size_t inner_at = whole.size() - inner.size();
    const size_t inner_header = inner[0] >> 4 == 4 ? (inner[0] & 15U) * 4U : 40U;
    const std::string inner_ends = golden.flow.substr(golden.flow.find(' '));
    bool metered = false;
    for (size_t size = 0; size < whole.size(); ++size) {
      const Decoded seen(Blob(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)),
                         {.first = golden.first, .verify = true, .wire_size = whole.size()});
      ASSERT_TRUE(seen.metered() || !metered) << "less was enough before " << size;
      metered = seen.metered();
      if (!metered) {
        ASSERT_TRUE(seen.reason == Ignored::Truncated || seen.reason == Ignored::NotIp) << size;
        continue;
      }
      ASSERT_EQ(seen.count(Anomaly::BadIpChecksum) + seen.count(Anomaly::BadTransportChecksum), 0U) << size;
      if (size < inner_at + inner_header) continue;
      ASSERT_EQ(seen.packet.octets, inner.size()) << size;
      ASSERT_EQ(seen.tunnels(), golden.tunnels) << size;
      if (size >= inner_at + inner_header + 4 && golden.name != "extension headers") {
        ASSERT_EQ(seen.flow(), golden.flow) << size;
      }
    }
    EXPECT_TRUE(metered);
  }
}

TEST(Damage, EveryBitMayFlip) {
  size_t metered = 0;
  for (const GoldenFrame& golden : golden_frames()) {
    SCOPED_TRACE(golden.name);
    const Blob whole = golden.frame().bytes();
    for (size_t at = 0; at < whole.size(); ++at) {
      for (const unsigned flip : {1U, 2U, 4U, 8U, 16U, 32U, 64U, 128U, 255U}) {
        Blob damaged = whole;
        damaged[at] = static_cast<uint8_t>(damaged[at] ^ flip);
        const Decoded seen(damaged, {.first = golden.first, .verify = true});  // checks what it got
        metered += seen.metered() ? 1U : 0U;
        ASSERT_FALSE(HasFatalFailure()) << "byte " << at << ", bits " << flip;
      }
    }
  }
  EXPECT_GT(metered, 10'000U) << "most damage leaves an IP packet";
}

TEST(Damage, CutAndFlippedTogether) {
  std::mt19937 random(11);
  const std::vector<GoldenFrame> all = golden_frames();
  for (int round = 0; round < 30'000; ++round) {
    const GoldenFrame& golden = all[random() % all.size()];
    Blob damaged = golden.frame().bytes();
    for (unsigned flips = random() % 4; flips > 0; --flips)
      damaged[random() % damaged.size()] = static_cast<uint8_t>(random());
    const size_t wire = damaged.size();
    damaged.resize(random() % (damaged.size() + 1));
    const Decoded seen(damaged, {.first = golden.first, .verify = round % 2 == 0, .wire_size = wire});
    ASSERT_FALSE(HasFatalFailure()) << golden.name;
  }
}

TEST(Damage, NoiseOnAnyLink) {
  std::mt19937 random(12);
  for (int round = 0; round < 60'000; ++round) {
    Blob noise(random() % 120);
    for (uint8_t& byte : noise) {
      // Bytes that headers are made of come up more often than others.
      constexpr uint8_t kLikely[] = {0, 1, 4, 6, 8, 17, 41, 44, 47, 0x45, 0x60, 0x81, 0x86, 0x88, 0xdd, 0xff};
      byte = random() % 2 == 0 ? kLikely[random() % std::size(kLikely)] : static_cast<uint8_t>(random());
    }
    const auto first = static_cast<FirstHeader>(random() % (static_cast<unsigned>(FirstHeader::Radiotap) + 1));
    const Decoded seen(noise, {.first = first, .verify = true, .wire_size = noise.size() + random() % 50});
    ASSERT_FALSE(HasFatalFailure());
  }
}

/// Encapsulations put together at random, as the builder allows them, and what decode() must call them.
class Nest {
 public:
  explicit Nest(unsigned seed) : random_(seed) {
    frame_.eth();
    while (names_.size() < kMaxTunnels && pick(8) != 0) {
      if (behind_ip_) {
        behind_ip();
      } else {
        behind_ethernet_type();
      }
    }
  }
  Packet frame() const { return Packet(frame_).append(inner()); }
  Packet inner() const { return inner_is_v6_only_ ? inner_v6() : inner_udp(); }
  std::string tunnels() const {
    std::string text;
    for (const char* name : names_) text += (text.empty() ? "" : " ") + std::string(name);
    if (!behind_ip_) return text;
    const bool v6 = inner_is_v6_only_;
    return text + (text.empty() ? "" : " ") + (ip_is_v6_ ? (v6 ? "6in6" : "4in6") : (v6 ? "6in4" : "ipip"));
  }
  bool fits() const { return names_.size() + (behind_ip_ ? 1 : 0) <= kMaxTunnels; }

 private:
  unsigned pick(unsigned count) { return static_cast<unsigned>(random_() % count); }
  void open(const char* name) { names_.push_back(name); }
  void ip() {
    ip_is_v6_ = inner_is_v6_only_ || pick(2) == 0;
    inner_is_v6_only_ = false;
    if (ip_is_v6_) {
      frame_.ipv6("2001:db8:1::1", "2001:db8:1::2");
    } else {
      frame_.ipv4("198.51.100.1", "198.51.100.2");
    }
    behind_ip_ = true;
  }
  void behind_ethernet_type() {
    const unsigned choice = inner_is_v6_only_ ? 5 : pick(6);
    switch (choice) {
      case 0:
        frame_.vlan(static_cast<uint16_t>(pick(4096)));
        return open("vlan");
      case 1:
        frame_.mpls(100).control_word().eth();
        return open("mpls");
      case 2:
        frame_.mpls(100);
        open("mpls");
        return ip();
      case 3:
        frame_.pppoe(6);
        open("pppoe");
        return ip();
      default:
        return ip();
    }
  }
  void behind_ip() {
    behind_ip_ = false;
    switch (pick(8)) {
      case 0:
        frame_.gre({.key = 1});
        return open("gre");
      case 1:
        frame_.gre({.sequence = 1}).erspan2(5).eth();
        return open("erspan");
      case 2:
        frame_.udp(5, 4789).vxlan(6).eth();
        return open("vxlan");
      case 3:
        frame_.udp(5, 6081).geneve(6).eth();
        return open("geneve");
      case 4:
        frame_.udp(2152, 2152).gtpu(7);
        open("gtpu");
        return ip();
      case 5:
        frame_.udp(1701, 1701).l2tp(8, 9);
        open("l2tp");
        return ip();
      case 6:
        frame_.udp(3544, 6).teredo();
        inner_is_v6_only_ = true;
        return open("teredo");
      default: {
        const bool outer_is_v6 = ip_is_v6_;
        ip();
        return open(outer_is_v6 ? (ip_is_v6_ ? "6in6" : "4in6") : (ip_is_v6_ ? "6in4" : "ipip"));
      }
    }
  }

  std::mt19937 random_;
  Packet frame_;
  std::vector<const char*> names_;
  bool behind_ip_ = false;
  bool ip_is_v6_ = false;
  bool inner_is_v6_only_ = false;
};

TEST(Damage, AnyNestOfEncapsulationsIsOpened) {
  int deep = 0;
  for (unsigned seed = 0; seed < 4000; ++seed) {
    const Nest nest(seed);
    if (!nest.fits()) continue;
    const Decoded seen(nest.frame(), {.verify = true});
    ASSERT_EQ(seen.tunnels(), nest.tunnels()) << seed;
    ASSERT_EQ(seen.packet.octets, nest.inner().wire_size()) << seed;
    ASSERT_EQ(seen.anomalies(), 0U) << seed;
    if (seen.packet.around.count >= 8) ++deep;
  }
  EXPECT_GT(deep, 200);
}

}  // namespace
}  // namespace microcloud
