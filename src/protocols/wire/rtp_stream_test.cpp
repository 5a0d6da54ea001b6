// One RTP stream by itself: what counts as media, as an event, as noise, and what its record says.
#include "protocols/wire/rtp_stream.h"

#include <gtest/gtest.h>

#include <optional>

namespace microcloud {
namespace {

constexpr int64_t kBegin = 1'700'000'000'000'000, kTick = 20'000;  // microseconds
constexpr uint8_t kPcma = 8, kNoise = 13, kDynamic = 101;

struct Heard {
  void packet(uint8_t payload_type, uint16_t sequence, uint32_t timestamp, uint32_t octets = 160) {
    RtpPacket packet;
    packet.payload_type = payload_type;
    packet.sequence = sequence;
    packet.timestamp = timestamp;
    packet.ssrc = stream.ssrc();
    packet.payload_octets = octets;
    stream.add(packet, kBegin + sequence * kTick);
  }
  RtpRecord record() {
    RtpRecord told;
    stream.fill(told, book, std::nullopt);
    return told;
  }

  CallBook book;
  RtpStream stream{77, kBegin};
};

TEST(OneRtpStream, IsProvedByTwoPacketsInARow) {
  Heard heard;
  heard.packet(kPcma, 0, 0);
  EXPECT_FALSE(heard.stream.valid());
  heard.packet(kPcma, 2, 320);
  EXPECT_FALSE(heard.stream.valid());
  heard.packet(kPcma, 3, 480);
  EXPECT_TRUE(heard.stream.valid());
  EXPECT_EQ(heard.stream.last_us(), kBegin + 3 * kTick);
}

TEST(OneRtpStream, TellsTheFirstPayloadTypeThatIsMedia) {
  Heard heard;
  heard.packet(kNoise, 0, 0, 1);
  EXPECT_EQ(heard.record().payload_type, kNoise) << "there is none but this";
  heard.packet(kPcma, 1, 160);
  for (const uint16_t sequence : {uint16_t{2}, uint16_t{3}, uint16_t{4}}) heard.packet(kDynamic, sequence, 320, 4);
  heard.packet(kDynamic, 5, 960, 4);
  heard.packet(kPcma, 6, 960);
  const RtpRecord told = heard.record();
  EXPECT_EQ(told.payload_type, kPcma);
  EXPECT_EQ(told.codec.value().view(), "PCMA");
  EXPECT_EQ(told.dtmf_events, 2U) << "packets of one event share a timestamp";
  EXPECT_EQ(told.packets, 7U);
  EXPECT_EQ(told.max_jitter_us, 0U) << "only media is timed";
  EXPECT_EQ(told.duration_ms, 120U);
}

TEST(OneRtpStream, IsHeardWorseWhenPacketsAreLost) {
  Heard whole, lossy;
  for (uint16_t at = 0; at < 200; ++at) {
    whole.packet(kPcma, at, 160U * at);
    if (at % 10 != 5) lossy.packet(kPcma, at, 160U * at);
  }
  EXPECT_EQ(lossy.record().lost, 20);
  EXPECT_DOUBLE_EQ(whole.record().r.value(), 93.2);
  EXPECT_DOUBLE_EQ(lossy.record().r.value(), 66.134) << "93.2 - 95 * 10 / (10 + 25.1)";
  EXPECT_LT(lossy.record().mos.value(), whole.record().mos.value());
  EXPECT_FALSE(whole.record().mos_cq) << "nobody said how long the way is";
}

TEST(OneRtpStream, AsksAtFirstLaterAndAtItsEnd) {
  Heard heard;
  const SdpAddress source{.address = {}, .port = 1}, destination{.address = {}, .port = 2};
  EXPECT_FALSE(heard.stream.has_asked());
  heard.stream.ask(heard.book, source, destination, nullptr, kBegin, false);
  EXPECT_TRUE(heard.stream.has_asked());
  EXPECT_EQ(heard.stream.call().call, nullptr) << "no call is known";
  EXPECT_FALSE(heard.record().call_id);
}

}  // namespace
}  // namespace microcloud
