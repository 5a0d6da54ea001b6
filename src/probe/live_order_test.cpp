// Live capture from several rings, each of which gives its packets late and in blocks.
#include <gtest/gtest.h>

#include <map>

#include "base/wall_clock.h"
#include "probe/probe_test_bed.h"

namespace microcloud {
namespace {

using tools::Packet;

constexpr int64_t kBlockUs = 10'000;

/// Gives each frame when its block is over, as the kernel does: every kBlockUs, at its own moment.
class BlockSource final : public Source {
 public:
  explicit BlockSource(int64_t phase_us) : phase_us_(phase_us) {}
  /// Before the first read().
  void add(StoredFrame frame) { frames_.push_back(std::move(frame)); }

  LinkType link_type() const override { return LinkType::Ethernet; }
  ReadResult read(std::span<Frame> burst) override {
    const int64_t now = wall_us();
    size_t count = 0;
    while (count < burst.size() && next_ < frames_.size() && given_at(frames_[next_].time_us) <= now) {
      const StoredFrame& stored = frames_[next_++];
      Frame& frame = burst[count++] = Frame{};
      frame.data = stored.bytes.data();
      frame.captured = frame.length = static_cast<uint32_t>(stored.bytes.size());
      frame.time_us = stored.time_us;
    }
    if (count > 0) return {count, ReadStatus::More};
    std::this_thread::sleep_for(std::chrono::microseconds(500));
    return {0, ReadStatus::Idle};
  }

 private:
  int64_t given_at(int64_t time_us) const {
    return (time_us - phase_us_ + kBlockUs - 1) / kBlockUs * kBlockUs + phase_us_;
  }

  std::vector<StoredFrame> frames_;
  int64_t phase_us_;
  size_t next_ = 0;
};

constexpr unsigned kFlows = 400;
constexpr int64_t kBetweenUs = 300;  // from packet to packet

/// The two directions of flow `number`, each by a way that `way` tells for it: a question, and its answer. All are made
/// before the first one's time is set: with a sanitizer that takes longer than workers wait for one another.
template <typename Way>
void add_flows(Way way, const Packet& forth, const Packet& back) {
  std::vector<std::pair<BlockSource*, tools::Blob>> packets;
  for (unsigned number = 0; number < kFlows; ++number) {
    const auto port = static_cast<uint16_t>(10'000 + number);
    packets.emplace_back(&way(number, true),
                         Packet(forth).ipv4("10.0.0.1", "10.0.0.2").udp(port, 53).payload("q").bytes());
    packets.emplace_back(&way(number, false),
                         Packet(back).ipv4("10.0.0.2", "10.0.0.1").udp(53, port).payload("a").bytes());
  }
  int64_t time_us = wall_us() + 5'000;
  for (auto& [source, bytes] : packets) {
    source->add({time_us, std::move(bytes)});
    time_us += kBetweenUs;
  }
}

ProbeSettings live_settings(unsigned workers) {
  ProbeSettings settings;
  settings.workers = workers;
  settings.live = true;
  settings.started_us = wall_us();
  settings.longest_hold_us = 60'000'000;  // a busy machine may let a worker stand for more than is waited for
  settings.flows.capacity = 100'000;
  settings.interfaces = {5, 6};
  return settings;
}

/// Stopped as soon as `packets` are on their way: the last ones are still kept back.
void run_and_check(Probe& probe, const KeepingOutput& output) {
  constexpr auto kAll = std::chrono::microseconds(5'000 + int64_t{2} * kFlows * kBetweenUs);
  probe.start();
  std::this_thread::sleep_for(kAll);
  probe.stop();
  EXPECT_EQ(probe.wait(), "");
  const ProbeTotals totals = probe.totals();
  EXPECT_EQ(totals.read, 2 * kFlows);
  EXPECT_EQ(totals.handover_drops, 0U);
  EXPECT_EQ(output.packets, 2 * kFlows);
  ASSERT_EQ(output.records.size(), kFlows);
  for (const auto& kept : output.records) {
    EXPECT_EQ(kept.common.destination_port, 53) << "who asked began it";
    EXPECT_EQ(kept.flow.packets, 1U);
    EXPECT_EQ(kept.flow.reverse_packets, 1U);
  }
}

TEST(LiveOrder, ADirectionOnEachInterface) {
  auto sent = std::make_unique<BlockSource>(0);
  auto received = std::make_unique<BlockSource>(6'000);
  add_flows([&](unsigned, bool forth) -> BlockSource& { return forth ? *sent : *received; }, Packet().eth(),
            Packet().eth());
  std::vector<std::vector<Input>> inputs(1);
  inputs[0].push_back({std::move(received), 1});
  inputs[0].push_back({std::move(sent), 2});
  KeepingOutput output;
  Probe probe(live_settings(1), std::move(inputs), {&output});
  run_and_check(probe, output);
}

TEST(LiveOrder, ADirectionOfATunnelToEachWorker) {
  for (const unsigned workers : {2U, 3U}) {
    ASSERT_GT(workers, 1U);
    std::vector<std::unique_ptr<BlockSource>> rings;
    for (unsigned worker = 0; worker < workers; ++worker)
      rings.push_back(std::make_unique<BlockSource>(4'000 * int64_t{worker}));
    const Packet forth = Packet().eth().ipv4("192.0.2.1", "192.0.2.2").udp(1, 4789).vxlan(7).eth();
    const Packet back = Packet().eth().ipv4("192.0.2.2", "192.0.2.1").udp(2, 4789).vxlan(7).eth();
    add_flows(
        [&](unsigned number, bool is_forth) -> BlockSource& {
          return *rings[(number / workers + (is_forth ? number : number * 2 + 1)) % workers];
        },
        forth, back);
    std::vector<std::vector<Input>> inputs(workers);
    for (unsigned worker = 0; worker < workers; ++worker) inputs[worker].push_back({std::move(rings[worker]), 1});
    KeepingOutput output;
    Probe probe(live_settings(workers), std::move(inputs), {&output});
    run_and_check(probe, output);
    EXPECT_GT(probe.totals().handed_over, kFlows / 4) << workers;
  }
}

TEST(LiveOrder, NoPacketWaitsLong) {
  // One interface is silent: a packet of the other waits until it is sure that nothing older comes.
  const int64_t begun = wall_us();
  auto busy = std::make_unique<BlockSource>(0);
  busy->add({begun, Packet().eth().ipv4("10.0.0.1", "10.0.0.2").udp(1, 53).payload("q").bytes()});
  std::vector<std::vector<Input>> inputs(1);
  inputs[0].push_back({std::make_unique<BlockSource>(0), 1});
  inputs[0].push_back({std::move(busy), 2});
  KeepingOutput output;
  Probe probe(live_settings(1), std::move(inputs), {&output});
  probe.start();
  while (probe.totals().flows == 0 && wall_us() - begun < 10'000'000)
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  EXPECT_GE(wall_us() - begun, kKeptBackUs);
  EXPECT_LT(wall_us() - begun, 10'000'000);
  probe.stop();
  EXPECT_EQ(probe.wait(), "");
  EXPECT_EQ(output.records.size(), 1U);
}

}  // namespace
}  // namespace microcloud
