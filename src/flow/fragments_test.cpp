// Later fragments find their datagram's first one, in any order, within bounds.
#include "flow/fragments.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>

#include "packet/decode_test_bed.h"

namespace microcloud {
namespace {

using tools::Blob;
using Verdict = Fragments::Verdict;

tools::Packet whole(const char* source = "10.0.0.9", uint16_t port = 1000, size_t octets = 100) {
  return tools::Packet().ipv4(source, "10.0.0.1").udp(port, 53).payload(Blob(octets));
}

class FragmentsTest : public testing::Test {
 protected:
  /// A decoded frame; `packet` stays as long as the test.
  Packet& decoded(const tools::Packet& frame, uint32_t tick_ms = 0) {
    Packet& packet = frames_.emplace_back(std::make_unique<Decoded>(frame))->packet;
    packet.tick_ms = tick_ms;
    return packet;
  }
  Packet& fragment(const tools::Packet& ip, size_t number, uint32_t id = 7, uint32_t tick_ms = 0) {
    return decoded(tools::Packet().eth().append(tools::fragments(ip, 48, id).at(number)), tick_ms);
  }
  std::vector<Packet> freed() {
    std::vector<Packet> all;
    for (Packet packet; fragments.take(packet);) all.push_back(packet);
    return all;
  }
  static std::string ports(const Packet& packet) {
    const uint16_t source = packet.from_low ? packet.key.low_port : packet.key.high_port;
    const uint16_t destination = packet.from_low ? packet.key.high_port : packet.key.low_port;
    return std::to_string(source) + " > " + std::to_string(destination);
  }

  Fragments fragments{HashSeed{}};

 private:
  std::deque<std::unique_ptr<Decoded>> frames_;
};

TEST_F(FragmentsTest, InOrderTheyAreMeteredAtOnce) {
  for (size_t number = 0; number < 3; ++number) {
    Packet& packet = fragment(whole(), number);
    EXPECT_EQ(fragments.resolve(packet), Verdict::Meter);
    EXPECT_EQ(ports(packet), "1000 > 53");
    EXPECT_EQ(packet.octets, number == 2 ? 20U + 12 : 20U + 48);
  }
  EXPECT_TRUE(freed().empty());
  EXPECT_EQ(fragments.held(), 0U);
}

TEST_F(FragmentsTest, LaterOnesWaitForTheFirst) {
  EXPECT_EQ(fragments.resolve(fragment(whole(), 2, 7, 100)), Verdict::Held);
  EXPECT_EQ(fragments.resolve(fragment(whole(), 1, 7, 200)), Verdict::Held);
  EXPECT_EQ(fragments.held(), 2U);
  EXPECT_TRUE(freed().empty());
  Packet& first = fragment(whole(), 0, 7, 300);
  EXPECT_EQ(fragments.resolve(first), Verdict::Meter);
  EXPECT_EQ(fragments.held(), 0U);
  const std::vector<Packet> rest = freed();
  ASSERT_EQ(rest.size(), 2U);
  uint32_t octets = 0;
  for (const Packet& packet : rest) {
    EXPECT_EQ(packet.key, first.key);
    EXPECT_EQ(packet.from_low, first.from_low);
    EXPECT_EQ(packet.tick_ms, 300U) << "the clock does not go back";
    EXPECT_EQ(packet.frame, first.frame) << "its own frame is gone";
    EXPECT_EQ(packet.payload_captured, 0U);
    octets += packet.octets;
  }
  EXPECT_EQ(octets, 20U + 48 + 20 + 12);
}

TEST_F(FragmentsTest, WhatIsSetFreePointsIntoTheFirstFragmentsFrame) {
  // The first one is captured up to its IP header only; the other one had more in front.
  const tools::Packet later = tools::Packet().eth().vlan(1).vlan(2).append(tools::fragments(whole(), 48, 7).at(1));
  tools::Packet cut = tools::Packet().eth().append(tools::fragments(whole(), 48, 7).at(0));
  EXPECT_EQ(fragments.resolve(decoded(later)), Verdict::Held);
  EXPECT_EQ(fragments.resolve(decoded(cut.cut(34))), Verdict::Meter);
  const std::vector<Packet> rest = freed();
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_LE(rest[0].payload_at + rest[0].payload_captured, 34);
}

TEST_F(FragmentsTest, DatagramsAreToldApart) {
  const tools::Packet v6 = tools::Packet().ipv6("2001:db8::9", "2001:db8::1").udp(4000, 53).payload(Blob(100));
  const tools::Packet tcp = tools::Packet().ipv4("10.0.0.9", "10.0.0.1").tcp(5000, 53).payload(Blob(100));
  EXPECT_EQ(fragments.resolve(fragment(whole("10.0.0.9", 1000), 0, 7)), Verdict::Meter);
  EXPECT_EQ(fragments.resolve(fragment(whole("10.0.0.9", 2000), 0, 8)), Verdict::Meter) << "another identification";
  EXPECT_EQ(fragments.resolve(fragment(whole("10.0.0.8", 3000), 0, 7)), Verdict::Meter) << "another source";
  EXPECT_EQ(fragments.resolve(fragment(v6, 0, 7)), Verdict::Meter);
  EXPECT_EQ(fragments.resolve(fragment(tcp, 0, 7)), Verdict::Meter) << "another protocol";
  const auto later = [this](const tools::Packet& ip, uint32_t id) {
    Packet& packet = fragment(ip, 1, id);
    EXPECT_EQ(fragments.resolve(packet), Verdict::Meter);
    return ports(packet);
  };
  EXPECT_EQ(later(whole("10.0.0.9"), 7), "1000 > 53");
  EXPECT_EQ(later(whole("10.0.0.9"), 8), "2000 > 53");
  EXPECT_EQ(later(whole("10.0.0.8"), 7), "3000 > 53");
  EXPECT_EQ(later(v6, 7), "4000 > 53");
  EXPECT_EQ(later(tcp, 7), "5000 > 53");
  EXPECT_EQ(fragments.resolve(fragment(whole("10.0.0.7"), 1, 7)), Verdict::Held);
}

TEST_F(FragmentsTest, DirectionIsInItsName) {
  const tools::Packet forth = tools::Packet().ipv4("10.0.0.1", "10.0.0.9").udp(1, 2).payload(Blob(100));
  const tools::Packet back = tools::Packet().ipv4("10.0.0.9", "10.0.0.1").udp(3, 4).payload(Blob(100));
  fragments.resolve(fragment(forth, 0));
  EXPECT_EQ(fragments.resolve(fragment(back, 1)), Verdict::Held);
}

TEST_F(FragmentsTest, ReusedIdentificationIsTheNewDatagrams) {
  fragments.resolve(fragment(whole("10.0.0.9", 1000), 0));
  fragments.resolve(fragment(whole("10.0.0.9", 2000), 0));
  Packet& later = fragment(whole(), 1);
  EXPECT_EQ(fragments.resolve(later), Verdict::Meter);
  EXPECT_EQ(ports(later), "2000 > 53");
}

TEST_F(FragmentsTest, LostFirstFragmentIsCountedAfterAWhile) {
  fragments.resolve(fragment(whole(), 1, 7, 1000));
  fragments.resolve(fragment(whole(), 2, 7, 20'000));
  fragments.resolve(fragment(whole(), 1, 8, 20'000));
  EXPECT_EQ(fragments.expire(30'999), 0U);
  EXPECT_EQ(fragments.expire(31'000), 2U);
  EXPECT_EQ(fragments.held(), 1U);
  EXPECT_EQ(fragments.resolve(fragment(whole(), 0, 7, 31'000)), Verdict::Meter);
  EXPECT_TRUE(freed().empty()) << "they were given up";
  EXPECT_EQ(fragments.finish(), 1U);
  EXPECT_EQ(fragments.held(), 0U);
  EXPECT_EQ(fragments.finish(), 0U);
}

TEST_F(FragmentsTest, FirstFragmentIsForgottenAfterAWhile) {
  fragments.resolve(fragment(whole(), 0, 7, 0));
  EXPECT_EQ(fragments.expire(29'999), 0U);
  EXPECT_EQ(fragments.resolve(fragment(whole(), 1, 7, 29'999)), Verdict::Meter);
  EXPECT_EQ(fragments.expire(30'000), 0U);
  EXPECT_EQ(fragments.resolve(fragment(whole(), 2, 7, 30'000)), Verdict::Held);
}

TEST_F(FragmentsTest, TicksMayWrap) {
  fragments.resolve(fragment(whole(), 1, 7, 0xffff'ff00));
  EXPECT_EQ(fragments.expire(100), 0U);
  EXPECT_EQ(fragments.expire(30'000), 1U);
}

TEST_F(FragmentsTest, NumberHeldOfOneDatagramIsBounded) {
  const Packet later = fragment(whole(), 1);
  for (size_t count = 0; count < Fragments::kMostHeldOfOne; ++count) {
    Packet packet = later;
    ASSERT_EQ(fragments.resolve(packet), Verdict::Held);
  }
  Packet packet = later;
  EXPECT_EQ(fragments.resolve(packet), Verdict::Lost);
  EXPECT_EQ(fragments.held(), Fragments::kMostHeldOfOne);
  EXPECT_EQ(fragments.resolve(fragment(whole(), 0)), Verdict::Meter);
  EXPECT_EQ(freed().size(), Fragments::kMostHeldOfOne);
}

TEST_F(FragmentsTest, NumberHeldInAllIsBounded) {
  const Packet later = fragment(whole(), 1);
  uint64_t lost = 0;
  constexpr size_t kSent = Fragments::kMostHeld + 5000;
  for (size_t count = 0; count < kSent; ++count) {
    Packet packet = later;
    packet.fragment_id = static_cast<uint32_t>(count % 1000);
    if (fragments.resolve(packet) == Verdict::Lost) ++lost;
  }
  EXPECT_EQ(fragments.held(), Fragments::kMostHeld);
  EXPECT_EQ(lost + fragments.finish(), kSent);
}

TEST_F(FragmentsTest, NumberOfDatagramsIsBoundedAndThePushedOutAreCounted) {
  const Packet later = fragment(whole(), 1);
  constexpr size_t kMore = 1000;
  for (size_t count = 0; count < Fragments::kMostDatagrams + kMore; ++count) {
    Packet packet = later;
    packet.fragment_id = static_cast<uint32_t>(count);
    ASSERT_EQ(fragments.resolve(packet), Verdict::Held);
  }
  EXPECT_EQ(fragments.held(), Fragments::kMostDatagrams);
  EXPECT_EQ(fragments.expire(0), kMore);
  Packet oldest = fragment(whole(), 0);
  oldest.fragment_id = 0;
  EXPECT_EQ(fragments.resolve(oldest), Verdict::Meter);
  EXPECT_TRUE(freed().empty()) << "it was pushed out";
  Packet youngest = fragment(whole(), 0);
  youngest.fragment_id = Fragments::kMostDatagrams + kMore - 1;
  fragments.resolve(youngest);
  EXPECT_EQ(freed().size(), 1U);
}

TEST_F(FragmentsTest, InnerOctetsOfATunnelsFragmentsCountOnce) {
  const tools::Packet inner = whole("10.0.0.9", 1000, 500);
  const tools::Packet tunnel = tools::Packet().ipv4("192.0.2.1", "192.0.2.2").udp(1, 4789).vxlan(5).eth().append(inner);
  const std::vector<tools::Packet> parts = tools::fragments(tunnel, 200, 99);
  ASSERT_EQ(parts.size(), 3U);
  Packet& last = decoded(tools::Packet().eth().append(parts[2]));
  EXPECT_EQ(fragments.resolve(last), Verdict::Held);
  Packet& first = decoded(tools::Packet().eth().append(parts[0]));
  EXPECT_EQ(fragments.resolve(first), Verdict::Meter);
  EXPECT_EQ(first.octets, inner.wire_size());
  Packet& second = decoded(tools::Packet().eth().append(parts[1]));
  EXPECT_EQ(fragments.resolve(second), Verdict::Meter);
  EXPECT_EQ(second.octets, 0U) << "they are in the inner packet's length";
  EXPECT_EQ(second.payload_octets, 0U);
  EXPECT_EQ(second.key, first.key);
  const std::vector<Packet> rest = freed();
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].octets, 0U);
  EXPECT_EQ(rest[0].key, first.key);
}

TEST_F(FragmentsTest, BytesAreKeptWhereTheyAreWanted) {
  Fragments keeping{HashSeed{}, true};
  const tools::Packet ip = tools::Packet().ipv4("10.0.0.9", "10.0.0.1").udp(1000, 53).payload(Blob(100, 0x5a));
  {
    const Decoded gone(tools::Packet().eth().append(tools::fragments(ip, 48, 7).at(1)));
    Packet later = gone.packet;
    EXPECT_EQ(keeping.resolve(later), Verdict::Held);
  }
  Packet& first = fragment(ip, 0);
  EXPECT_EQ(keeping.resolve(first), Verdict::Meter);
  Packet packet;
  ASSERT_TRUE(keeping.take(packet));
  EXPECT_EQ(packet.key, first.key);
  ASSERT_EQ(packet.ip_captured, 20 + 48);
  EXPECT_NE(packet.frame, first.frame);
  EXPECT_EQ(load_be16(packet.frame + packet.fragment_at - 6), 0x2000 | 6) << "more fragments, offset 48";
  for (size_t at = 20; at < packet.ip_captured; ++at) EXPECT_EQ(packet.frame[packet.ip_at + at], 0x5a);
  EXPECT_FALSE(keeping.take(packet));
}

TEST_F(FragmentsTest, OctetsKeptAreBounded) {
  Fragments keeping{HashSeed{}, true};
  const tools::Packet ip = tools::Packet().ipv4("10.0.0.9", "10.0.0.1").udp(1000, 53).payload(Blob(65'000));
  constexpr uint32_t kFit = Fragments::kMostHeldOctets / 60'034;
  for (uint32_t id = 0; id <= kFit; ++id) {
    const tools::Packet later =
        tools::Packet()
            .eth()
            .ipv4("10.0.0.9", "10.0.0.1", {.id = static_cast<uint16_t>(id), .offset = 8, .protocol = uint8_t{17}})
            .payload(Blob(60'000));
    EXPECT_EQ(keeping.resolve(decoded(later)), Verdict::Held);
  }
  const auto kept = [&](uint32_t id) {
    keeping.resolve(fragment(ip, 0, id));
    Packet packet;
    EXPECT_TRUE(keeping.take(packet));
    return packet.ip_at != kNoIp;
  };
  EXPECT_TRUE(kept(0));
  EXPECT_FALSE(kept(kFit)) << "metered all the same, without its bytes";
  EXPECT_EQ(keeping.resolve(fragment(ip, 1, 1000)), Verdict::Held) << "there is room again";
  EXPECT_TRUE(kept(1000));
  EXPECT_EQ(keeping.held(), kFit - 1);
}

}  // namespace
}  // namespace microcloud
