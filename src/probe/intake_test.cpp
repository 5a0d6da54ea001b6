// Every frame that is read is metered, ignored by a reason, or held; none twice.
#include "probe/intake.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <random>

#include "tools/packet_builder.h"

namespace microcloud {
namespace {

using tools::Blob;

class IntakeTest : public testing::Test {
 protected:
  static Frame frame_of(const Blob& bytes, int64_t time_us) {
    Frame frame;
    frame.data = bytes.data();
    frame.captured = frame.length = static_cast<uint32_t>(bytes.size());
    frame.time_us = time_us;
    return frame;
  }
  /// Takes a burst and all that it sets free; how many packets are to be metered.
  size_t take(Intake& intake, const std::vector<tools::Packet>& frames, int64_t time_us = 0,
              FirstHeader first = FirstHeader::Ethernet) {
    kept_.clear();
    std::vector<Frame> burst;
    burst.reserve(frames.size());
    for (const tools::Packet& frame : frames) burst.push_back(frame_of(kept_.emplace_back(frame.bytes()), time_us));
    packets.resize(frames.size() + 1);
    size_t count = intake.take(first, burst, port, packets.data());
    packets.resize(count);
    for (Packet waiting; intake.take_waiting(waiting); ++count) packets.push_back(waiting);
    return count;
  }
  static tools::Packet udp(uint16_t port = 1, bool bad_checksum = false) {
    return tools::Packet().eth().ipv4("10.0.0.1", "10.0.0.2").udp(port, 2, {.bad_checksum = bad_checksum}).payload("x");
  }

  uint16_t port = 0;
  std::vector<Packet> packets;

 private:
  std::deque<Blob> kept_;
};

TEST_F(IntakeTest, OfSampledFramesOnlyThoseTakenAreLookedAt) {
  Intake::Settings settings;
  settings.sampling = 10;
  settings.sampling_seed = 3;
  Intake intake(settings);
  Sampler sampler(10, 3);
  const auto arp = tools::Packet().eth("02:00:00:00:00:01", "02:00:00:00:00:02", {.ethertype = 0x0806}).payload("x");
  uint64_t metered = 0, ignored = 0;
  for (unsigned burst = 0; burst < 100; ++burst) {
    std::vector<tools::Packet> frames;
    for (uint16_t at = 0; at < 60; ++at) frames.push_back(at % 3 == 0 ? arp : udp(static_cast<uint16_t>(at + 1)));
    take(intake, frames, burst * 1000);
    const uint64_t taken = sampler.take(60);
    std::vector<uint16_t> expected, ports;
    for (uint16_t at = 0; at < 60; ++at) {
      if ((taken >> at & 1) == 0) continue;
      if (at % 3 == 0) {
        ++ignored;
      } else {
        expected.push_back(at + 1);
      }
    }
    for (const Packet& packet : packets) ports.push_back(std::max(packet.key.low_port, packet.key.high_port));
    for (uint16_t& wanted : expected) wanted = std::max<uint16_t>(wanted, 2);
    EXPECT_EQ(ports, expected);
    metered += expected.size();
  }
  const IntakeCounters& counters = intake.counters();
  EXPECT_EQ(counters.read.get(), 6000U);
  EXPECT_EQ(counters.ignored.get(Ignored::Arp), ignored);
  EXPECT_EQ(counters.not_sampled.get(), 5400U) << "one out of each ten is taken";
  EXPECT_EQ(metered + ignored, 600U);
  EXPECT_EQ(counters.last_us.get(), 99'000U) << "time goes on with every frame";
}

TEST_F(IntakeTest, GivesEachPacketItsTimeAndWhereItCameFrom) {
  Intake intake({});
  port = 3;
  EXPECT_EQ(take(intake, {udp(5)}, 1'000'000), 1U);
  EXPECT_EQ(packets[0].time_us, 1'000'000);
  EXPECT_EQ(packets[0].port, 3);
  EXPECT_FALSE(packets[0].outgoing);
  const uint32_t tick = packets[0].tick_ms;
  take(intake, {udp(5)}, 1'250'000);
  EXPECT_EQ(packets[0].tick_ms, tick + 250);
  take(intake, {udp(5)}, 1'100'000);
  EXPECT_EQ(packets[0].tick_ms, tick + 250) << "it came late";
  EXPECT_EQ(packets[0].time_us, 1'100'000);
  EXPECT_EQ(intake.counters().first_us.get(), 1'000'000U);
  EXPECT_EQ(intake.counters().last_us.get(), 1'250'000U);
}

TEST_F(IntakeTest, SentFramesAreTold) {
  Intake intake({});
  const Blob bytes = udp().bytes();
  Frame frame = frame_of(bytes, 0);
  frame.outgoing = true;
  Packet packet;
  ASSERT_EQ(intake.take(FirstHeader::Ethernet, {&frame, 1}, 1, &packet), 1U);
  EXPECT_TRUE(packet.outgoing);
}

TEST_F(IntakeTest, CountsWhatItIgnoresByReason) {
  Intake intake({});
  const tools::AddrMac mac = "02:00:00:00:00:01";
  const tools::Packet arp = tools::Packet().eth(mac, mac, {.ethertype = 0x0806}).payload(Blob(28));
  const tools::Packet lldp = tools::Packet().eth(mac, mac, {.ethertype = 0x88cc}).payload(Blob(28));
  const tools::Packet broken = tools::Packet().eth().ipv4("10.0.0.1", "10.0.0.2", {.version = 7});
  EXPECT_EQ(take(intake, {udp(1), arp, lldp, arp, broken, udp().cut(20), udp(2)}), 2U);
  EXPECT_EQ(packets[0].key.low_port, 1);
  EXPECT_EQ(packets[1].key.low_port, 2);
  const Counters<Ignored>& ignored = intake.counters().ignored;
  EXPECT_EQ(ignored.get(Ignored::Arp), 2U);
  EXPECT_EQ(ignored.get(Ignored::NotIp), 1U);
  EXPECT_EQ(ignored.get(Ignored::Malformed), 1U);
  EXPECT_EQ(ignored.get(Ignored::Truncated), 1U);
  EXPECT_EQ(ignored.sum(), 5U);
  EXPECT_EQ(intake.counters().read.get(), 7U);
}

TEST_F(IntakeTest, ReadIsMeteredAndIgnoredAndHeld) {
  Intake intake({});
  std::mt19937 random(5);
  uint64_t read = 0;
  uint64_t metered = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<tools::Packet> burst;
    for (unsigned left = static_cast<unsigned>(random() % 32); left > 0; --left) {
      switch (random() % 4) {
        case 0:
          burst.push_back(udp());
          break;
        case 1:
          burst.push_back(udp().cut(random() % 60));
          break;
        default: {
          const tools::Packet ip = tools::Packet().ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).payload(Blob(100));
          const std::vector<tools::Packet> parts = tools::fragments(ip, 48, static_cast<uint32_t>(random() % 200));
          burst.push_back(tools::Packet().eth().append(parts[random() % 20 == 0 ? 0 : 1 + random() % 2]));
        }
      }
    }
    read += burst.size();
    metered += take(intake, burst, int64_t{round} * 20'000);
    intake.expire();
    ASSERT_LE(metered + intake.counters().ignored.sum(), read);
  }
  EXPECT_GT(intake.counters().ignored.get(Ignored::LostFragment), 0U) << "some waited in vain";
  intake.finish();
  EXPECT_EQ(metered + intake.counters().ignored.sum(), read);
  EXPECT_EQ(intake.counters().read.get(), read);
}

TEST_F(IntakeTest, FragmentsOfOneBurstAreMeteredWhateverTheirOrder) {
  Intake intake({});
  const tools::Packet ip = tools::Packet().ipv4("10.0.0.1", "10.0.0.2").udp(1111, 2222).payload(Blob(100));
  std::vector<tools::Packet> parts;
  for (const tools::Packet& part : tools::fragments(ip, 48, 9)) parts.push_back(tools::Packet().eth().append(part));
  std::sort(parts.begin(), parts.end(),
            [](const auto& a, const auto& b) { return a.wire_size() < b.wire_size(); });  // the last one first
  EXPECT_EQ(take(intake, parts), 3U);
  uint32_t octets = 0;
  for (const Packet& packet : packets) {
    EXPECT_EQ(packet.key.low_port, 1111);
    octets += packet.octets;
  }
  EXPECT_EQ(octets, ip.wire_size() + 40) << "the same payload behind three IP headers";
}

TEST_F(IntakeTest, OneTransportChecksumIn64IsCheckedOrEachOne) {
  for (const bool every : {false, true}) {
    Intake intake({.every_checksum = every, .seed = {}});
    for (int burst = 0; burst < 20; ++burst) take(intake, std::vector<tools::Packet>(32, udp(1, true)));
    const auto found = static_cast<double>(intake.counters().anomalies.get(Anomaly::BadTransportChecksum));
    EXPECT_NEAR(found, every ? 640 : 10, every ? 0 : 6);
  }
}

TEST_F(IntakeTest, ChecksumsThatAreCheckedFollowNoRhythmOfTheTraffic) {
  constexpr uint64_t kFrames = 64'000;
  const Blob good = udp().bytes(), bad = udp(1, true).bytes();
  packets.resize(Intake::kBurst);
  for (const size_t burst : {64U, 32U, 61U}) {
    for (const unsigned period : {2U, 64U, 128U}) {
      for (unsigned phase = 0; phase < period; phase += period / 2) {
        SCOPED_TRACE(testing::Message() << "bursts of " << burst << ", bad: " << phase << " of each " << period);
        Intake intake({});
        for (uint64_t at = 0; at < kFrames;) {
          std::vector<Frame> frames;
          for (; frames.size() < burst && at < kFrames; ++at)
            frames.push_back(frame_of(at % period == phase ? bad : good, 0));
          intake.take(FirstHeader::Ethernet, frames, 1, packets.data());
        }
        const double wanted = kFrames / 64.0 / period;
        const auto found = static_cast<double>(intake.counters().anomalies.get(Anomaly::BadTransportChecksum));
        EXPECT_NEAR(found, wanted, 5 * std::sqrt(wanted));
      }
    }
  }
}

TEST_F(IntakeTest, SamplingAndCheckingAreLeftToChanceApart) {
  Intake intake({.seed = {}, .sampling = 64});
  for (int burst = 0; burst < 2000; ++burst) take(intake, std::vector<tools::Packet>(64, udp(1, true)));
  EXPECT_LT(intake.counters().anomalies.get(Anomaly::BadTransportChecksum), 80U) << "one in 64 of the 2000 metered";
}

TEST_F(IntakeTest, EveryLinkTypeThatIsReadHasItsFirstHeader) {
  const tools::Packet v4 = tools::Packet().ipv4("10.0.0.1", "10.0.0.2").udp(1, 2);
  const tools::Packet v6 = tools::Packet().ipv6("::1", "::2").udp(1, 2);
  const tools::AddrMac mac = "02:00:00:00:00:01";
  using tools::Packet;
  const std::pair<LinkType, Packet> frames[] = {
      {LinkType::Null, Packet().bsd_null()},
      {LinkType::Loop, Packet().bsd_loop()},
      {LinkType::Ethernet, Packet().eth()},
      {LinkType::Ppp, Packet().ppp()},
      {LinkType::PppHdlc, Packet().ppp()},
      {LinkType::PppEther, Packet().pppoe(1)},
      {LinkType::RawOld, Packet()},
      {LinkType::RawOldBsd, Packet()},
      {LinkType::Raw, Packet()},
      {LinkType::Ipv4, Packet()},
      {LinkType::Ipv6, Packet()},
      {LinkType::LinuxSll, Packet().sll()},
      {LinkType::LinuxSll2, Packet().sll2()},
      {LinkType::Nflog, Packet().nflog()},
      {LinkType::Ieee80211, Packet().wlan_data(mac, mac).llc_snap()},
      {LinkType::Ieee80211Radio, Packet().radiotap().wlan_data(mac, mac).llc_snap()},
  };
  for (const auto& [type, link] : frames) {
    EXPECT_TRUE(supported(type));
    Intake intake({});
    const Packet& ip = type == LinkType::Ipv6 ? v6 : v4;
    EXPECT_EQ(take(intake, {Packet(link).append(ip)}, 0, first_header(type)), 1U) << static_cast<int>(type);
    EXPECT_EQ(packets.at(0).key.high_port, 2) << static_cast<int>(type);
  }
}

}  // namespace
}  // namespace microcloud
