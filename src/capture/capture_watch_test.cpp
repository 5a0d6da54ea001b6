#include "capture/capture_watch.h"

#include <gtest/gtest.h>

#include "tools/packet_builder.h"

namespace microcloud {
namespace {

constexpr uint8_t kAck = 0x10, kSynAck = 0x12;

Frame frame_of(const tools::Blob& bytes) {
  Frame frame;
  frame.data = bytes.data();
  frame.captured = frame.length = static_cast<uint32_t>(bytes.size());
  return frame;
}

/// `count` segments from port `from` to port `to`, or of the other direction of the same connection.
void send(DirectionWatch& watch, uint16_t from, uint16_t to, bool forth, unsigned count, uint8_t flags = kAck) {
  const char* const source = forth ? "10.0.0.1" : "10.0.0.2";
  const char* const destination = forth ? "10.0.0.2" : "10.0.0.1";
  const tools::Blob v4 =
      tools::Packet().eth().vlan(5).ipv4(source, destination).tcp(from, to, {.flags = flags}).bytes();
  for (unsigned at = 0; at < count; ++at) watch.see(frame_of(v4), LinkType::Ethernet);
}

TEST(DirectionWatch, OneWayUntilTheOtherEndIsSeen) {
  DirectionWatch watch;
  send(watch, 1000, 80, true, 3);
  EXPECT_EQ(watch.one_way.get(), 0U);
  send(watch, 1000, 80, true, 5);
  EXPECT_EQ(watch.one_way.get(), 1U);
  EXPECT_EQ(watch.two_way.get(), 0U);
  send(watch, 80, 1000, false, 1);
  EXPECT_EQ(watch.one_way.get(), 0U);
  EXPECT_EQ(watch.two_way.get(), 1U);
  send(watch, 80, 1000, false, 9);
  EXPECT_EQ(watch.one_way.get(), 0U);
  EXPECT_EQ(watch.two_way.get(), 1U);
}

TEST(DirectionWatch, HandshakesAndOtherProtocolsSayNothing) {
  DirectionWatch watch;
  send(watch, 1000, 80, true, 9, kSynAck);
  const tools::Blob udp = tools::Packet().eth().ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).bytes();
  for (int at = 0; at < 9; ++at) watch.see(frame_of(udp), LinkType::Ethernet);
  EXPECT_EQ(watch.one_way.get() + watch.two_way.get(), 0U);
}

TEST(DirectionWatch, Ipv6AndCutFrames) {
  DirectionWatch watch;
  tools::Blob v6 = tools::Packet().eth().ipv6("2001:db8::1", "2001:db8::2").tcp(1, 2, {.flags = kAck}).bytes();
  for (size_t size = 0; size <= v6.size(); ++size) {
    const tools::Blob cut(v6.begin(), v6.begin() + static_cast<std::ptrdiff_t>(size));
    watch.see(frame_of(cut), LinkType::Ethernet);
  }
  for (int at = 0; at < 4; ++at) watch.see(frame_of(v6), LinkType::Ethernet);
  EXPECT_EQ(watch.one_way.get(), 1U);
}

TEST(DirectionWatch, EndsWhenItKnows) {
  DirectionWatch watch;
  for (uint16_t port = 1; port < 400 && watch.on(); ++port) {
    send(watch, port, 80, true, 1);
    send(watch, 80, port, false, 1);
  }
  EXPECT_FALSE(watch.on());
}

/// Gives one burst.
class Burst final : public Source {
 public:
  explicit Burst(std::vector<Frame> frames) : frames_(std::move(frames)) {}
  LinkType link_type() const override { return LinkType::Ethernet; }
  ReadResult read(std::span<Frame> burst) override {
    std::copy(frames_.begin(), frames_.end(), burst.begin());
    return {frames_.size(), ReadStatus::End};
  }

 private:
  std::vector<Frame> frames_;
};

TEST(WatchedSource, CountsFramesThatAreTooLongOrCut) {
  Frame usual, received, sent, cut;
  usual.captured = usual.length = 1522;
  received.captured = received.length = 1523;
  sent = received;
  sent.outgoing = true;
  cut.length = 1000;
  cut.captured = 96;
  WatchedSource source(std::make_unique<Burst>(std::vector{usual, received, sent, sent, cut}), 1522, nullptr);
  std::array<Frame, 8> burst;
  EXPECT_EQ(source.read(burst).count, 5U);
  EXPECT_EQ(source.counts().frames.get(), 5U);
  EXPECT_EQ(source.counts().longer_received.get(), 1U);
  EXPECT_EQ(source.counts().longer_sent.get(), 2U);
  EXPECT_EQ(source.counts().cut.get(), 1U);
}

}  // namespace
}  // namespace microcloud
