// Questions to the workers of a whole probe, all its threads among it.
#include "query/asker.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>

#include "probe/probe_test_bed.h"

namespace microcloud {
namespace {

constexpr int64_t kStartUs = 1'700'000'000'000'000;

struct EveryFlow final : FlowFilter {
  bool may_take(const FlowKey&) const override { return true; }
  bool takes(const Common&, const FlowRecord&) const override { return true; }
};

StoredFrame packet_of(uint64_t flow, int64_t time_us) {
  return {time_us, tools::Packet()
                       .eth()
                       .ipv4("10.0.0." + std::to_string(1 + flow % 20), "10.1.0." + std::to_string(1 + flow % 7))
                       .udp(static_cast<uint16_t>(20'000 + flow / 20), 53)
                       .payload(tools::Blob(5))
                       .bytes()};
}

FlowQuestion question(bool exact, bool of_hosts) {
  FlowQuestion question;
  question.exact = exact;
  if (of_hosts) {
    for (const uint8_t last : {uint8_t{3}, uint8_t{5}}) {
      const uint8_t bytes[] = {10, 0, 0, last};
      question.hosts.push_back(IpAddress::v4(bytes));
    }
  } else {
    question.filter = std::make_shared<EveryFlow>();
  }
  return question;
}

/// Packets told; read by the output thread alone, and in a cut.
struct Counting final : Output {
  void put(const RecordRef& record) override { packets += static_cast<const FlowRecord*>(record.body)->packets; }
  void finish() override {}
  uint64_t packets = 0;
};

struct Bed {
  Bed(unsigned workers, std::unique_ptr<Source> source, uint32_t idle_ms = 3'600'000)
      : probe(settings(workers, idle_ms), one_input(std::move(source)), {&output}), asker(probe, [this](unsigned lane) {
          const std::lock_guard lock(mutex);
          woken[lane] = true;
          wake.notify_all();
        }) {
    probe.start();
  }
  ~Bed() {
    probe.stop();
    wait_end();
  }
  void wait_end() {
    if (std::exchange(ended, true)) return;
    EXPECT_EQ(probe.wait(), "");
  }
  static ProbeSettings settings(unsigned workers, uint32_t idle_ms) {
    ProbeSettings settings;
    settings.workers = workers;
    settings.started_us = kStartUs;
    settings.flows.capacity = 200'000;
    settings.flows.idle_ms = idle_ms;
    settings.flows.active_ms = 3'600'000;
    settings.probe_id = "p";
    return settings;
  }
  void wait_metered(uint64_t packets) {
    for (int time = 0; time < 10'000 && probe.totals().metered() < packets; ++time)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  /// Gathers lanes that were asked until all are answered; asks those again that failed.
  void gather(const std::vector<unsigned>& lanes, const std::function<void(unsigned)>& ask) {
    std::vector<unsigned> open = lanes;
    for (const unsigned lane : open) ask(lane);
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!open.empty()) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up);
      std::erase_if(open, [&](unsigned lane) {
        Asker::State state;
        do {
          state = asker.gather(lane, 100, [&](const Common& common, const FlowRecord& flow) {
            flows[lane][common.flow_id] += flow.packets;
            hosts[lane][to_text(common.source)] += flow.packets;
          });
        } while (state == Asker::State::More);
        if (state == Asker::State::Failed) {
          ++failed;
          flows[lane].clear();
          hosts[lane].clear();
          ask(lane);
        }
        return state == Asker::State::Done;
      });
      if (open.empty()) return;
      std::unique_lock lock(mutex);
      wake.wait_for(lock, std::chrono::milliseconds(20), [&] { return woken[0] || woken[1]; });
      woken = {};
    }
  }

  Counting output;
  std::mutex mutex;
  std::condition_variable wake;
  std::array<bool, 2> woken{};
  std::array<std::map<uint64_t, uint64_t>, 2> flows;     // packets, by lane and flow
  std::array<std::map<std::string, uint64_t>, 2> hosts;  // by lane and initiator
  unsigned failed = 0;
  bool ended = false;
  Probe probe;
  Asker asker;
};

std::vector<StoredFrame> some_frames(uint64_t flows, unsigned packets_each) {
  std::vector<StoredFrame> frames;
  for (unsigned time = 0; time < packets_each; ++time) {
    for (uint64_t flow = 0; flow < flows; ++flow) frames.push_back(packet_of(flow, kStartUs + time));
  }
  return frames;
}

TEST(Asker, GathersTheFlowsOfAllWorkers) {
  for (const unsigned workers : {1U, 3U}) {
    Bed bed(workers, std::make_unique<MemorySource>(some_frames(1'000, 2), MemorySource::Then::Idle));
    bed.wait_metered(2'000);
    for (const bool exact : {false, true}) {
      bed.flows = {};
      bed.hosts = {};
      unsigned cuts = 0;
      // Both lanes at once: of exact questions one cut comes after the other.
      bed.gather({0, 1}, [&](unsigned lane) { bed.asker.ask(lane, question(exact, lane == 0), [&] { ++cuts; }); });
      EXPECT_EQ(bed.flows[1].size(), 1'000U);
      for (const auto& [flow, packets] : bed.flows[1]) EXPECT_EQ(packets, 2U);
      EXPECT_EQ(bed.hosts[0], (std::map<std::string, uint64_t>{{"10.0.0.3", 100}, {"10.0.0.5", 100}}));
      EXPECT_EQ(cuts, exact ? 2U : 0U);
      EXPECT_EQ(bed.failed, 0U);
    }
  }
}

TEST(Asker, ANewQuestionIsAnsweredInPlaceOfTheOldOne) {
  Bed bed(2, std::make_unique<MemorySource>(some_frames(1'000, 1), MemorySource::Then::Idle));
  bed.wait_metered(1'000);
  for (int time = 0; time < 5; ++time) bed.asker.ask(1, question(time % 2 == 0, false), [] {});
  bed.gather({1}, [&](unsigned lane) { bed.asker.ask(lane, question(true, false), [] {}); });
  EXPECT_EQ(bed.flows[1].size(), 1'000U);
}

/// Flows begin and end all the time; what was told at the cut and what is answered are together what was metered.
TEST(Asker, AnExactAnswerAndWhatWasToldAreOneMoment) {
  Bed bed(1, std::make_unique<EndlessSource>([](uint64_t number) {
            if (number % 256 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
            return packet_of(number % 3'000 + number / 10'000 * 20, kStartUs + static_cast<int64_t>(number) * 100);
          }),
          1'000);
  bed.wait_metered(20'000);
  constexpr uint64_t kOnTheirWay = 2'000;  // read, and not metered yet
  for (int time = 0; time < 10; ++time) {
    bed.flows = {};
    uint64_t told = 0;
    const uint64_t before = bed.probe.totals().metered();
    bed.gather({1},
               [&](unsigned lane) { bed.asker.ask(lane, question(true, false), [&] { told = bed.output.packets; }); });
    uint64_t answered = 0;
    for (const auto& [flow, packets] : bed.flows[1]) answered += packets;
    EXPECT_LE(before, told + answered + kOnTheirWay);
    EXPECT_LE(told + answered, bed.probe.totals().metered());
  }
  EXPECT_GT(bed.probe.totals().records, 100U);
}

TEST(Asker, AtTheEndNothingIsOpen) {
  Bed bed(2, std::make_unique<MemorySource>(some_frames(1'000, 1)));
  bed.wait_end();
  EXPECT_EQ(bed.output.packets, 1'000U);
  unsigned cuts = 0;
  bed.gather({0, 1}, [&](unsigned lane) { bed.asker.ask(lane, question(true, lane == 0), [&] { ++cuts; }); });
  EXPECT_EQ(cuts, 2U);
  EXPECT_TRUE(bed.flows[0].empty() && bed.flows[1].empty());
}

}  // namespace
}  // namespace microcloud
