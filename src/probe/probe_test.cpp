// From frames to records, through all threads.
#include "probe/probe.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "probe/probe_test_bed.h"

namespace microcloud {
namespace {

using tools::Blob;
using tools::Packet;

constexpr int64_t kStartUs = 1'700'000'000'000'000;

ProbeSettings settings(unsigned workers, bool live = false) {
  ProbeSettings settings;
  settings.workers = workers;
  settings.live = live;
  settings.started_us = kStartUs;
  settings.flows.capacity = 100'000;
  settings.flows.active_ms = 20'000;
  settings.probe_id = "p";
  return settings;
}

/// Minutes of everything: TCP and UDP both ways, ICMP, tunnels, fragments in and out of order, some that is no IP.
std::vector<StoredFrame> mixed_traffic(size_t count) {
  std::mt19937 random(42);
  std::vector<StoredFrame> frames;
  int64_t now = kStartUs;
  const auto add = [&](const Packet& frame) { frames.push_back({now, frame.bytes()}); };
  while (frames.size() < count) {
    now += random() % 1000 == 0 ? static_cast<int64_t>(random() % 50'000'000) : static_cast<int64_t>(random() % 30'000);
    const auto host = static_cast<unsigned>(random() % 60);
    const bool forth = random() % 2 == 0;
    const std::string a = "10.0.0." + std::to_string(host + 1);
    const std::string b = "10.1.0." + std::to_string(host % 7 + 1);
    const auto port = static_cast<uint16_t>(1000 + host % 5);
    Packet outer = Packet().eth();
    if (random() % 4 == 0) outer.vlan(7).ipv4("192.0.2.1", "192.0.2.2").udp(1, 4789).vxlan(host).eth();
    Packet ip = forth ? Packet().ipv4(a, b) : Packet().ipv4(b, a);
    switch (random() % 8) {
      case 0:
        add(outer.append(ip).icmp(forth ? 8 : 0).payload(Blob(random() % 50)));
        break;
      case 1: {
        ip.udp(forth ? port : 53, forth ? 53 : port).payload(Blob(200));
        std::vector<Packet> parts = tools::fragments(ip, 96, static_cast<uint32_t>(random()));
        if (random() % 3 == 0) std::swap(parts.front(), parts.back());
        if (random() % 10 == 0) parts.erase(parts.begin());
        for (const Packet& part : parts) add(Packet(outer).append(part));
        break;
      }
      case 2:
        add(Packet().eth("02:00:00:00:00:01", "02:00:00:00:00:02", {.ethertype = 0x0806}).payload(Blob(28)));
        break;
      case 3:
        add(outer.ipv6("2001:db8::" + std::to_string(host), "2001:db8:1::1").udp(port, 53).payload(Blob(20)));
        break;
      default: {
        constexpr uint8_t kFlags[] = {
            tools::kSyn, tools::kAck, tools::kAck, tools::kAck, tools::kAck | tools::kFin, tools::kAck | tools::kPsh};
        const tools::TcpOptions options{.seq = static_cast<uint32_t>(random() % 5000),
                                        .flags = kFlags[random() % std::size(kFlags)]};
        add(outer.append(ip).tcp(forth ? port : 80, forth ? 80 : port, options).payload(Blob(random() % 300)));
      }
    }
  }
  return frames;
}

struct Run {
  KeepingOutput output;
  ProbeTotals totals;
  std::string error;
};

/// A whole file through `workers`.
std::unique_ptr<Run> run(unsigned workers, std::vector<StoredFrame> frames,
                         MemorySource::Then then = MemorySource::Then::End) {
  auto run = std::make_unique<Run>();
  Probe probe(settings(workers), one_input(std::make_unique<MemorySource>(std::move(frames), then)), {&run->output});
  probe.start();
  run->error = probe.wait();
  run->totals = probe.totals();
  return run;
}

TEST(Probe, EveryPacketIsInOneRecord) {
  const std::vector<StoredFrame> frames = mixed_traffic(20'000);
  for (const unsigned workers : {1U, 3U}) {
    const auto done = run(workers, frames);
    EXPECT_EQ(done->error, "");
    EXPECT_EQ(done->totals.read, frames.size());
    EXPECT_GT(done->totals.ignored_in_all(), 1000U);
    EXPECT_EQ(done->output.packets, done->totals.metered());
    EXPECT_EQ(done->totals.records, done->output.records.size());
    EXPECT_EQ(done->totals.open_flows, 0U);
    EXPECT_EQ(done->totals.record_drops + done->totals.handover_drops, 0U);
    EXPECT_EQ(done->output.finished, 1);
    EXPECT_EQ(done->output.records.front().probe_id, "p");
  }
}

TEST(Probe, AnyNumberOfWorkersGivesTheSameRecords) {
  const std::vector<StoredFrame> frames = mixed_traffic(20'000);
  const auto alone = run(1, frames);
  EXPECT_GT(alone->output.records.size(), 500U);
  EXPECT_EQ(alone->totals.handed_over, 0U);
  for (const unsigned workers : {2U, 4U}) {
    const auto shared = run(workers, frames);
    EXPECT_EQ(shared->output.lines(), alone->output.lines()) << workers;
    EXPECT_EQ(shared->totals.flows, alone->totals.flows);
    EXPECT_EQ(shared->totals.ignored_in_all(), alone->totals.ignored_in_all());
    EXPECT_EQ(shared->totals.handed_over, shared->totals.metered()) << "the reader keeps none";
  }
}

TEST(Probe, FragmentsThatWaitedAreMeteredInTheirPlace) {
  // In the middle of a burst the clock jumps past the timeouts; a worker's bursts begin anywhere in the reader's ones.
  constexpr int kRounds = 300;
  std::vector<StoredFrame> frames;
  for (int round = 0; round < kRounds; ++round) {
    const int64_t now = kStartUs + round * int64_t{100'000'000};
    const Packet ip = Packet().ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).payload(Blob(80));
    std::vector<Packet> parts = tools::fragments(ip, 48, static_cast<uint32_t>(round));
    std::swap(parts.front(), parts.back());
    for (const Packet& part : parts) frames.push_back({now, Packet().eth().append(part).bytes()});
    for (int other = 0; other < 61; ++other)
      frames.push_back({now + 50'000'000, Packet().eth().ipv4("10.0.0.3", "10.0.0.4").udp(3, 4).bytes()});
  }
  for (const unsigned workers : {1U, 2U, 4U}) {
    const auto done = run(workers, frames);
    const auto whole = [](const KeepingOutput::Kept& kept) {
      return kept.common.protocol == 17 && kept.flow.packets == 2 && kept.flow.slice == 1;
    };
    EXPECT_EQ(std::ranges::count_if(done->output.records, whole), kRounds) << workers;
  }
}

TEST(Probe, AFileIsToldAlikeEachTime) {
  const std::vector<StoredFrame> frames = mixed_traffic(3'000);
  std::vector<uint64_t> ids[2];
  for (std::vector<uint64_t>& list : ids) {
    const auto done = run(1, frames);
    for (const auto& kept : done->output.records) list.push_back(kept.common.flow_id);
  }
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_EQ(*std::min_element(ids[0].begin(), ids[0].end()), first_flow_id(frames.front().time_us))
      << "named by its first frame's time";
}

TEST(Probe, ASampledFileIsToldAlikeByAnyNumberOfWorkers) {
  const std::vector<StoredFrame> frames = mixed_traffic(20'000);
  std::vector<std::string> before;
  for (const unsigned workers : {1U, 1U, 3U}) {
    ProbeSettings sampled = settings(workers);
    sampled.sampling = 10;
    KeepingOutput output;
    Probe probe(sampled, one_input(std::make_unique<MemorySource>(frames)), {&output});
    probe.start();
    EXPECT_EQ(probe.wait(), "");
    const ProbeTotals totals = probe.totals();
    EXPECT_EQ(totals.read, frames.size());
    EXPECT_EQ(totals.not_sampled, totals.read - totals.read / 10);
    EXPECT_EQ(output.packets, totals.metered());
    EXPECT_EQ(totals.metered() + totals.ignored_in_all() + totals.not_sampled, totals.read);
    for (const auto& kept : output.records) {
      EXPECT_EQ(kept.common.sampling, 10U);
      EXPECT_FALSE(kept.flow.client_latency_us || kept.flow.application_latency_us || kept.flow.retransmitted ||
                   kept.flow.out_of_order)
          << "what only all packets could say";
    }
    if (!before.empty()) {
      EXPECT_EQ(output.lines(), before);
    }
    before = output.lines();
  }
}

TEST(Probe, FlowIdsAreUniqueOverAllWorkers) {
  const auto done = run(4, mixed_traffic(20'000));
  std::map<uint64_t, std::string> flows;
  uint64_t slices = 0;
  for (const auto& kept : done->output.records) {
    const std::string key = to_text(kept.common.source) + to_text(kept.common.destination) +
                            std::to_string(kept.common.source_port) + "." +
                            std::to_string(kept.common.destination_port) + "." + std::to_string(kept.common.protocol);
    const auto [flow, is_new] = flows.emplace(kept.common.flow_id, key);
    EXPECT_EQ(flow->second, key);
    EXPECT_EQ(is_new, kept.flow.slice == 1);
    EXPECT_LT(kept.common.flow_id, uint64_t{1} << 53);
    slices += is_new ? 0U : 1U;
  }
  EXPECT_EQ(flows.size(), done->totals.flows);
  EXPECT_GT(slices, 0U);
}

TEST(Probe, BrokenFileTellsWhatStoodBeforeAndWhy) {
  for (const unsigned workers : {1U, 4U}) {
    const auto done = run(workers, mixed_traffic(500), MemorySource::Then::Fail);
    EXPECT_EQ(done->error, "the file is cut");
    EXPECT_EQ(done->output.packets, done->totals.metered());
    EXPECT_GT(done->output.packets, 300U);
  }
}

TEST(Probe, EmptyFileHasNoRecords) {
  for (const unsigned workers : {1U, 4U}) {
    const auto done = run(workers, {});
    EXPECT_EQ(done->error, "");
    EXPECT_TRUE(done->output.records.empty());
    EXPECT_EQ(done->output.finished, 1);
  }
}

StoredFrame numbered(uint64_t number) {
  const std::string client = "10." + std::to_string(number % 200) + ".0.1";
  const auto port = static_cast<uint16_t>(number % 5000 + 1);
  return {kStartUs + static_cast<int64_t>(number) * 10,
          Packet().eth().ipv4(client, "192.0.2.1").udp(port, 53).payload("x").bytes()};
}

TEST(Probe, StopTellsAllThatIsOpen) {
  for (const unsigned workers : {1U, 4U}) {
    KeepingOutput output;
    Probe probe(settings(workers), one_input(std::make_unique<EndlessSource>(numbered)), {&output});
    probe.start();
    while (probe.totals().read < 5000) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    probe.stop();
    EXPECT_EQ(probe.wait(), "");
    const ProbeTotals totals = probe.totals();
    EXPECT_GE(totals.read, 5000U);
    EXPECT_EQ(output.packets, totals.read);
    EXPECT_EQ(totals.open_flows, 0U);
    EXPECT_EQ(output.finished, 1);
  }
}

TEST(Probe, WhatIsIgnoredIsNeverTakenForMetered) {
  const Blob arp =
      Packet().eth("02:00:00:00:00:01", "02:00:00:00:00:02", {.ethertype = 0x0806}).payload(Blob(28)).bytes();
  KeepingOutput output;
  const auto make = [&](uint64_t number) -> StoredFrame { return {kStartUs + static_cast<int64_t>(number), arp}; };
  Probe probe(settings(1), one_input(std::make_unique<EndlessSource>(make)), {&output});
  probe.start();
  while (probe.totals().read < 1'000'000) {
    const ProbeTotals totals = probe.totals();  // at any moment of a burst
    ASSERT_EQ(totals.decoded, 0U) << totals.read << " read, " << totals.ignored_in_all() << " ignored";
  }
  probe.stop();
  EXPECT_EQ(probe.wait(), "");
}

TEST(Probe, MayEndWithoutBeingWaitedFor) {
  KeepingOutput output;
  {
    Probe probe(settings(2), one_input(std::make_unique<EndlessSource>(numbered)), {&output});
    probe.start();
  }
  EXPECT_EQ(output.finished, 1);
}

/// Fails once it has taken some records.
class FailingOutput final : public KeepingOutput {
 public:
  void put(const RecordRef& record) override {
    KeepingOutput::put(record);
    if (records.size() == 100) error_ = "the disk is full";
  }
  std::string error() const override { return error_; }

 private:
  std::string error_;
};

TEST(Probe, OutputThatFailedEndsTheRun) {
  for (const unsigned workers : {1U, 4U}) {
    FailingOutput failing;
    KeepingOutput other;
    ProbeSettings small = settings(workers);
    small.flows.capacity = 400;
    Probe probe(small, one_input(std::make_unique<EndlessSource>(numbered)), {&other, &failing});
    probe.start();
    EXPECT_EQ(probe.wait(), "the disk is full");
    EXPECT_EQ(other.packets, probe.totals().metered()) << "the others got everything";
  }
}

TEST(Probe, LiveWorkersHandEachOtherWhatIsTheirs) {
  // Each worker sees one direction of every flow; both must meet in one table.
  constexpr unsigned kFlows = 300;
  std::vector<std::vector<Input>> inputs(2);
  const int64_t now =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  for (const bool forth : {true, false}) {
    std::vector<StoredFrame> frames;
    for (unsigned number = 0; number < kFlows; ++number) {
      const auto port = static_cast<uint16_t>(10'000 + number);
      const Packet frame = forth ? Packet().eth().ipv4("10.0.0.1", "10.0.0.2").udp(port, 53)
                                 : Packet().eth().ipv4("10.0.0.2", "10.0.0.1").udp(53, port);
      frames.push_back({now, Packet(frame).payload("x").bytes()});
    }
    inputs[forth ? 0 : 1].push_back({std::make_unique<MemorySource>(std::move(frames), MemorySource::Then::Idle), 1});
  }
  KeepingOutput output;
  ProbeSettings live = settings(2, true);
  live.interfaces = {5};
  Probe probe(live, std::move(inputs), {&output});
  probe.start();
  const auto begun = std::chrono::steady_clock::now();
  while (probe.totals().read < 2 * kFlows && std::chrono::steady_clock::now() - begun < std::chrono::seconds(30)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  probe.stop();
  EXPECT_EQ(probe.wait(), "");
  const ProbeTotals totals = probe.totals();
  EXPECT_EQ(totals.handover_drops, 0U);
  EXPECT_GT(totals.handed_over, kFlows / 2);
  EXPECT_EQ(output.packets, uint64_t{2} * kFlows);
  ASSERT_EQ(output.records.size(), kFlows);
  for (const auto& kept : output.records) {
    EXPECT_EQ(kept.flow.packets, 1U);
    EXPECT_EQ(kept.flow.reverse_packets, 1U);
    EXPECT_EQ(kept.flow.ingress, 5U);
  }
}

TEST(Probe, LiveFlowsEndWhileNoPacketComes) {
  const int64_t now =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  std::vector<StoredFrame> frames = {
      {now, Packet().eth().ipv4("10.0.0.1", "10.0.0.2").udp(1, 53).payload("x").bytes()}};
  KeepingOutput output;
  ProbeSettings live = settings(1, true);
  live.flows.idle_ms = 300;
  Probe probe(live, one_input(std::make_unique<MemorySource>(std::move(frames), MemorySource::Then::Idle)), {&output});
  probe.start();
  const auto begun = std::chrono::steady_clock::now();
  while (probe.totals().records == 0 && std::chrono::steady_clock::now() - begun < std::chrono::seconds(30)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(probe.totals().records, 1U);
  probe.stop();
  probe.wait();
  ASSERT_EQ(output.records.size(), 1U);
  EXPECT_EQ(output.records[0].flow.end_reason, static_cast<uint8_t>(EndReason::Idle));
}

}  // namespace
}  // namespace microcloud
