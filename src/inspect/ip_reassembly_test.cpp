// Fragments in any order give the datagram back; what cannot be joined is told by its reason, and nothing grows.
#include "inspect/ip_reassembly.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "packet/decode_test_bed.h"

namespace microcloud {
namespace {

using tools::Blob;

Blob counting(size_t octets) {
  Blob blob(octets);
  std::iota(blob.begin(), blob.end(), uint8_t{0});
  return blob;
}

tools::Packet v4(size_t octets = 100) {
  return tools::Packet().ipv4("10.0.0.9", "10.0.0.1").udp(1000, 53).payload(counting(octets));
}

tools::Packet v6(size_t octets = 100) {
  return tools::Packet().ipv6("2001:db8::9", "2001:db8::1").udp(1000, 53).payload(counting(octets));
}

class IpReassemblyTest : public testing::Test {
 protected:
  /// Gives one frame; true when a datagram came out, which is in `joined`.
  bool give(const Blob& frame, FirstHeader first, uint32_t tick_ms = 0) {
    const Decoded decoded(frame, {.first = first});
    EXPECT_TRUE(decoded.metered());
    EXPECT_NE(decoded.packet.fragment, FragmentPart::Whole);
    Packet packet = decoded.packet;
    packet.port = 0;
    packet.outgoing = false;
    packet.tick_ms = tick_ms;
    packet.time_us = int64_t{tick_ms} * 1000;
    return reassembly.add(packet, frame, joined);
  }
  bool give(const tools::Packet& ip, uint32_t tick_ms = 0) {
    return give(tools::Packet().eth().append(ip).bytes(), FirstHeader::Ethernet, tick_ms);
  }
  std::string payload() const {
    const uint8_t* from = joined.frame + joined.payload_at;
    return {from, from + joined.payload_captured};
  }
  static std::string text(const Blob& blob) { return {blob.begin(), blob.end()}; }
  uint64_t lost(NotJoined reason) const { return reassembly.counters().lost.get(reason); }
  uint64_t lost() const { return reassembly.counters().lost.sum(); }
  uint64_t held() const { return reassembly.counters().held_bytes.get(); }

  IpReassembly reassembly{HashSeed{}};
  Packet joined{};
};

TEST_F(IpReassemblyTest, EveryOrderGivesTheDatagram) {
  for (const tools::Packet& whole : {v4(), v6()}) {
    std::vector<size_t> order{0, 1, 2};
    uint32_t id = 1;
    do {
      const std::vector<tools::Packet> parts = tools::fragments(whole, 48, ++id);
      ASSERT_EQ(parts.size(), order.size());
      EXPECT_FALSE(give(parts[order[0]]));
      EXPECT_FALSE(give(parts[order[1]]));
      ASSERT_TRUE(give(parts[order[2]], 70));
      EXPECT_EQ(payload(), text(counting(100)));
      EXPECT_EQ(joined.payload_octets, 100U);
      EXPECT_EQ(joined.fragment, FragmentPart::Whole);
      EXPECT_EQ(joined.key.low_port + joined.key.high_port, 1053);
      EXPECT_EQ(joined.time_us, 70'000);
    } while (std::next_permutation(order.begin(), order.end()));
  }
  EXPECT_EQ(reassembly.counters().joined.get(), 12U);
  EXPECT_EQ(lost(), 0U);
  EXPECT_EQ(held(), 0U);
}

TEST_F(IpReassemblyTest, TheDatagramIsTheOneThatWasDivided) {
  for (const tools::Packet& whole : {v4(1000), v6(1000)}) {
    for (const tools::Packet& part : tools::fragments(whole, 400, 9)) give(part);
    const Blob expected = whole.bytes();
    const size_t fixed =
        joined.key.version == 4 ? 12 : 6;  // identification and checksum of IPv4 are not what they were
    EXPECT_TRUE(std::equal(expected.begin() + static_cast<ptrdiff_t>(fixed), expected.end(), joined.frame + fixed));
    EXPECT_EQ(load_be16(joined.frame + (fixed == 12 ? 2 : 4)), load_be16(&expected[fixed == 12 ? 2 : 4]));
    const Decoded again(Blob(joined.frame, joined.frame + expected.size()), {.first = FirstHeader::Ip, .verify = true});
    EXPECT_EQ(again.anomalies(), 0U);
  }
}

TEST_F(IpReassemblyTest, HeadersBeforeTheFragmentHeaderStay) {
  const Blob whole = v6().bytes();
  const Bytes data = Bytes(whole).subspan(40);
  for (const bool second : {true, false}) {
    const Bytes half = second ? data.subspan(56) : data.first(56);
    // Hop-by-hop options (six of padding), then the fragment header, by hand.
    Blob rest{44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, static_cast<uint8_t>(second ? 56 : 1), 0, 0, 0, 5};
    rest.insert(rest.end(), half.begin(), half.end());
    const bool came =
        give(tools::Packet().ipv6("2001:db8::9", "2001:db8::1", {.next_header = uint8_t{0}}).payload(rest));
    EXPECT_EQ(came, !second);
  }
  EXPECT_EQ(payload(), text(counting(100)));
  EXPECT_EQ(joined.frame[6], 0);    // hop-by-hop
  EXPECT_EQ(joined.frame[40], 17);  // which names UDP now
  EXPECT_EQ(load_be16(joined.frame + 4), 8 + 108);
}

TEST_F(IpReassemblyTest, InnerFragmentsOfATunnel) {
  const std::vector<tools::Packet> parts = tools::fragments(v4(), 48, 3);
  for (size_t at = 0; at < parts.size(); ++at) {
    const tools::Packet frame = tools::Packet().eth().ipv4("192.0.2.1", "192.0.2.2").gre().append(parts[at]);
    EXPECT_EQ(give(frame.bytes(), FirstHeader::Ethernet), at + 1 == parts.size());
  }
  EXPECT_EQ(payload(), text(counting(100)));
}

TEST_F(IpReassemblyTest, ATunnelsFragmentsGiveTheInnerPacket) {
  const tools::Packet outer = tools::Packet().ipv4("192.0.2.1", "192.0.2.2").gre().append(v4(200));
  bool came = false;
  for (const tools::Packet& part : tools::fragments(outer, 96, 3)) came = give(part);
  ASSERT_TRUE(came);
  EXPECT_EQ(payload(), text(counting(200)));
  EXPECT_EQ(joined.around.count, 1);
  EXPECT_EQ(joined.key.low[0], 10);
}

TEST_F(IpReassemblyTest, FragmentsWithinFragments) {
  bool came = false;
  uint32_t outer_id = 100;
  for (const tools::Packet& inner : tools::fragments(v4(200), 96, 3)) {
    const tools::Packet outer = tools::Packet().ipv4("192.0.2.1", "192.0.2.2").gre().append(inner);
    std::vector<tools::Packet> parts = tools::fragments(outer, 40, ++outer_id);
    for (const tools::Packet& part : parts) came = give(part);
  }
  // The first outer fragment of each shows the inner fragment's header, so it is read as that one: not joined, but
  // told.
  EXPECT_FALSE(came);
  reassembly.finish();
  EXPECT_GT(lost(), 0U);
  EXPECT_EQ(held(), 0U);
}

TEST_F(IpReassemblyTest, ARepeatedFragmentChangesNothing) {
  const std::vector<tools::Packet> parts = tools::fragments(v4(), 48, 3);
  EXPECT_FALSE(give(parts[0]));
  EXPECT_FALSE(give(parts[0]));
  EXPECT_FALSE(give(parts[2]));
  EXPECT_FALSE(give(parts[2]));
  EXPECT_TRUE(give(parts[1]));
  EXPECT_EQ(payload(), text(counting(100)));
  EXPECT_EQ(lost(), 0U);
}

TEST_F(IpReassemblyTest, ContradictionsRefuseTheWholeDatagram) {
  const std::vector<tools::Packet> parts = tools::fragments(v4(), 48, 3);
  tools::Packet other =
      tools::Packet()
          .ipv4("10.0.0.9", "10.0.0.1", {.id = 3, .more_fragments = true, .offset = 40, .protocol = uint8_t{17}})
          .payload(Blob(48));
  EXPECT_FALSE(give(parts[0]));
  EXPECT_FALSE(give(other));  // begins within the first one
  EXPECT_EQ(lost(NotJoined::Overlapping), 1U);
  EXPECT_FALSE(give(parts[1]));
  EXPECT_FALSE(give(parts[2]));  // refused is refused
  EXPECT_EQ(lost(), 1U);
  EXPECT_EQ(held(), 0U);
  reassembly.finish();
  EXPECT_EQ(lost(), 1U);  // once a datagram
}

TEST_F(IpReassemblyTest, RepeatedWithOtherBytesIsAContradiction) {
  const auto part = [](uint8_t fill) {
    return tools::Packet()
        .ipv4("10.0.0.9", "10.0.0.1", {.id = 3, .more_fragments = true, .offset = 48, .protocol = uint8_t{17}})
        .payload(Blob(48, fill));
  };
  give(part(1));
  give(part(2));
  EXPECT_EQ(lost(NotJoined::Overlapping), 1U);
}

TEST_F(IpReassemblyTest, NothingBehindTheLastOne) {
  const std::vector<tools::Packet> parts = tools::fragments(v4(), 48, 3);
  EXPECT_FALSE(give(parts[2]));
  EXPECT_FALSE(
      give(tools::Packet()
               .ipv4("10.0.0.9", "10.0.0.1", {.id = 3, .more_fragments = true, .offset = 512, .protocol = uint8_t{17}})
               .payload(Blob(48))));
  EXPECT_EQ(lost(NotJoined::Overlapping), 1U);
}

TEST_F(IpReassemblyTest, LengthsThatCannotBe) {
  const auto part = [&](uint16_t id, uint16_t offset, bool more, size_t octets) {
    return give(
        tools::Packet()
            .ipv4("10.0.0.9", "10.0.0.1", {.id = id, .more_fragments = more, .offset = offset, .protocol = uint8_t{17}})
            .payload(Blob(octets)));
  };
  EXPECT_FALSE(part(1, 48, true, 47));       // not a multiple of 8, and more follow
  EXPECT_FALSE(part(2, 65528, false, 100));  // past the end of any datagram
  EXPECT_FALSE(part(3, 48, true, 0));
  EXPECT_EQ(lost(NotJoined::Malformed), 3U);
}

TEST_F(IpReassemblyTest, CutByTheCapture) {
  Blob frame = tools::Packet().eth().append(tools::fragments(v4(), 48, 3)[0]).bytes();
  frame.pop_back();
  EXPECT_FALSE(give(frame, FirstHeader::Ethernet));
  EXPECT_EQ(lost(NotJoined::Cut), 1U);
}

TEST_F(IpReassemblyTest, WaitsForThirtySeconds) {
  const std::vector<tools::Packet> parts = tools::fragments(v4(), 56, 3);
  give(parts[0], 1000);
  reassembly.expire(1000 + IpReassembly::kTimeoutMs - 1);
  EXPECT_EQ(lost(), 0U);
  reassembly.expire(1000 + IpReassembly::kTimeoutMs);
  EXPECT_EQ(lost(NotJoined::TimedOut), 1U);
  EXPECT_EQ(held(), 0U);
  EXPECT_FALSE(give(parts[1], 40'000));
}

TEST_F(IpReassemblyTest, OldestDatagramsMakeRoom) {
  for (uint32_t id = 0; id < IpReassembly::kMostDatagrams + 10; ++id) give(tools::fragments(v6(), 56, id)[0]);
  EXPECT_EQ(lost(NotJoined::PushedOut), 10U);
  EXPECT_FALSE(give(tools::fragments(v6(), 56, 9)[1]));
  EXPECT_TRUE(give(tools::fragments(v6(), 56, 11 + 9)[1]));
}

TEST_F(IpReassemblyTest, BytesAreBounded) {
  constexpr size_t kOctets = 32'000;
  for (uint32_t id = 0; id < 600; ++id) {
    give(tools::fragments(v6(2 * kOctets), kOctets, id)[0]);
    EXPECT_LE(held(), IpReassembly::kMostBytes);
  }
  EXPECT_GT(lost(NotJoined::PushedOut), 0U);
  EXPECT_GT(held(), IpReassembly::kMostBytes - 2 * kOctets);
}

TEST_F(IpReassemblyTest, PiecesAreBounded) {
  for (size_t at = 1; at <= IpReassembly::kMostPieces + 1; ++at) {
    give(tools::Packet()
             .ipv4("10.0.0.9", "10.0.0.1",
                   {.id = 3, .more_fragments = true, .offset = static_cast<uint16_t>(8 * at), .protocol = uint8_t{17}})
             .payload(Blob(8)));
  }
  EXPECT_EQ(lost(NotJoined::TooMany), 1U);
}

TEST_F(IpReassemblyTest, DamagedFragmentsDoNoHarm) {
  for (const tools::Packet& whole : {v4(), v6()}) {
    for (const tools::Packet& part : tools::fragments(whole, 48, 3)) {
      const Blob good = tools::Packet().eth().append(part).bytes();
      for (size_t at = 0; at < good.size(); ++at) {
        for (const uint8_t flip : {uint8_t{0x01}, uint8_t{0x80}, uint8_t{0xff}}) {
          Blob frame = good;
          frame[at] ^= flip;
          const Decoded decoded(frame);
          if (!decoded.metered() || decoded.packet.fragment == FragmentPart::Whole) continue;
          Packet packet = decoded.packet;
          packet.port = 0;
          packet.outgoing = false;
          packet.tick_ms = 0;
          packet.time_us = 0;
          reassembly.add(packet, frame, joined);
          const Blob cut(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(at));
          reassembly.add(packet, cut, joined);
        }
      }
    }
  }
  reassembly.finish();
  EXPECT_EQ(held(), 0U);
}

}  // namespace
}  // namespace microcloud
