#include "probe/flow_teller.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>

#include "flow/flow_test_bed.h"

namespace microcloud {
namespace {

struct EveryFlow final : FlowFilter {
  bool may_take(const FlowKey&) const override { return true; }
  bool takes(const Common&, const FlowRecord&) const override { return true; }
};

/// Of a server's port.
struct OfPort final : FlowFilter {
  explicit OfPort(uint16_t its_port) : port(its_port) {}
  bool may_take(const FlowKey& key) const override { return key.low_port == port || key.high_port == port; }
  bool takes(const Common& common, const FlowRecord&) const override { return common.destination_port == port; }
  uint16_t port;
};

using Ends = std::string;
using Packets = std::map<Ends, uint64_t>;

uint64_t of(const Packets& packets, const Ends& ends) {
  const auto found = packets.find(ends);
  return found == packets.end() ? 0 : found->second;
}

/// A worker's table with a teller, and whoever asks it, on one thread.
struct Bed {
  explicit Bed(const TableOptions& options = {})
      : flows(options), teller(mailbox, flows.table, records, options.capacity, HashSeed{3, 4}) {}

  struct Flow {
    unsigned client, server;
    uint16_t port, server_port;
    Ends ends() const {
      return "10.0.0." + std::to_string(client) + ":" + std::to_string(port) + " 10.0.0." + std::to_string(server) +
             ":" + std::to_string(server_port);
    }
    bool has(const std::vector<unsigned>& hosts) const {
      return std::count(hosts.begin(), hosts.end(), client) + std::count(hosts.begin(), hosts.end(), server) > 0;
    }
  };
  void packet(const Flow& flow, int64_t time_us) {
    flows.frame(time_us, tools::Packet()
                             .eth()
                             .ipv4("10.0.0." + std::to_string(flow.client), "10.0.0." + std::to_string(flow.server))
                             .udp(flow.port, flow.server_port)
                             .payload(tools::Blob(10)));
    ++metered[flow.ends()];
    known.emplace(flow.ends(), flow);
    take_told();
  }
  void pass(int64_t time_us) {
    flows.pass(time_us);
    take_told();
  }
  void take_told() {
    for (const Told& one : flows.told()) told[one.source() + " " + one.destination()] += one.flow.packets;
  }
  void ask(unsigned lane, FlowQuestion question) {
    answer = {};
    answer.number = question.number;
    mailbox.ask(lane, std::make_shared<FlowQuestion>(std::move(question)));
  }
  /// A step, and what is there then. `told_before`, `metered_before`: as they were at the mark.
  bool step() {
    const bool more = teller.step();
    records.publish();
    if (const auto item = records.read(); item && item->type == nullptr && item->mark == answer.number) {
      answer.is_marked = true;
      answer.told_before = told;
      answer.metered_before = metered;
    }
    records.release();
    return more;
  }
  void take_answers(unsigned lane) {
    ByteRing& ring = mailbox.answers(lane);
    size_t size = 0;
    while (uint8_t* message = ring.read(size)) {
      void* at = message;
      if (size == sizeof(AnswerEnd)) {
        const AnswerEnd& end = *std::launder(static_cast<const AnswerEnd*>(at));
        if (end.question == answer.number) answer.whole = end.whole;
        continue;
      }
      const OpenFlow& open = *std::launder(static_cast<const OpenFlow*>(at));
      if (open.question != answer.number) continue;
      EXPECT_FALSE(answer.whole.has_value()) << "behind its end";
      const Told one{open.common, open.flow};
      answer.packets[one.source() + " " + one.destination()] += open.flow.packets;
      ++answer.flows;
    }
    ring.release();
    mailbox.made_room(lane);
  }
  /// Until the answer has come.
  void run(unsigned lane) {
    for (int time = 0; time < 100'000 && !answer.whole; ++time) {
      step();
      take_answers(lane);
    }
    ASSERT_TRUE(answer.whole.has_value());
  }

  struct Answer {
    uint64_t number = 0;
    bool is_marked = false;
    Packets told_before, metered_before, packets;
    std::optional<bool> whole;
    size_t flows = 0;
  };
  FlowBed flows;
  unsigned answered = 0;
  Mailbox mailbox{[this](unsigned) { ++answered; }};
  RecordRing records{1 << 16, false};
  FlowTeller teller;
  Packets metered, told;
  std::map<Ends, Flow> known;
  Answer answer;
};

FlowQuestion all(uint64_t number, bool exact = false) {
  FlowQuestion question;
  question.number = number;
  question.filter = std::make_shared<EveryFlow>();
  question.exact = exact;
  return question;
}

FlowQuestion of_hosts(uint64_t number, const std::vector<unsigned>& hosts, bool exact = false) {
  FlowQuestion question;
  question.number = number;
  question.exact = exact;
  for (const unsigned one : hosts) {
    const uint8_t bytes[] = {10, 0, 0, static_cast<uint8_t>(one)};
    question.hosts.push_back(IpAddress::v4(bytes));
  }
  std::sort(question.hosts.begin(), question.hosts.end());
  return question;
}

TEST(FlowTeller, TellsOpenFlowsAndLeavesThemAsTheyAre) {
  Bed bed;
  const Bed::Flow first{1, 2, 40'000, 53}, second{3, 2, 40'001, 53}, third{3, 4, 40'002, 80};
  for (int time = 0; time < 3; ++time) bed.packet(first, time * kMs);
  bed.packet(second, 5 * kMs);
  bed.packet(third, 6 * kMs);
  EXPECT_FALSE(bed.teller.step()) << "nobody asks";
  bed.ask(1, all(1));
  bed.run(1);
  EXPECT_EQ(bed.answer.packets, bed.metered);
  EXPECT_EQ(bed.answer.whole, true);
  EXPECT_GT(bed.answered, 0U);

  FlowQuestion of_port;
  of_port.number = 2;
  of_port.filter = std::make_shared<OfPort>(53);
  bed.ask(1, of_port);
  bed.run(1);
  EXPECT_EQ(bed.answer.packets, (Packets{{first.ends(), 3}, {second.ends(), 1}}));

  bed.ask(0, of_hosts(3, {3}));
  bed.run(0);
  EXPECT_EQ(bed.answer.packets, (Packets{{second.ends(), 1}, {third.ends(), 1}}));
  bed.ask(0, of_hosts(4, {2, 3, 9}));
  bed.run(0);
  EXPECT_EQ(bed.answer.packets, bed.metered);
  EXPECT_EQ(bed.answer.flows, 3U) << "the one between two hosts that are asked for comes once";

  bed.pass(100 * kSecond);
  EXPECT_EQ(bed.told, bed.metered);
  bed.ask(1, all(5));
  bed.run(1);
  EXPECT_EQ(bed.answer.flows, 0U);
}

/// Packets come, slices and flows end, flows begin in the slots of others between the steps: what was told before the
/// mark and the answer are together no less than what was metered at the mark, and no more than what was at the end.
TEST(FlowTeller, AnExactAnswerStandsAtItsMarkWhateverHappensMeanwhile) {
  std::mt19937 random(5);
  const auto some = [&](unsigned count) { return static_cast<unsigned>(random() % count); };
  Bed bed({.capacity = 500, .active_ms = 3'000, .idle_ms = 1'000});
  int64_t now = 0;
  uint64_t number = 0;
  unsigned told_meanwhile = 0;
  for (int round = 0; round < 50; ++round) {
    const auto traffic = [&](unsigned count) {
      for (unsigned time = 0; time < count; ++time) {
        now += some(20) * kMs;
        const unsigned client = 1 + some(30), server = 1 + some(30);
        if (client == server) continue;
        bed.packet({client, server, static_cast<uint16_t>(40'000 + some(8)), 53}, now);
        if (some(20) == 0) bed.pass(now);
      }
    };
    traffic(300);
    const unsigned lane = some(2);
    const std::vector<unsigned> hosts = {1 + some(3), 4 + some(20), 25 + some(10)};
    if (lane == 0) {
      bed.ask(0, of_hosts(++number, hosts, true));
    } else {
      bed.ask(1, all(++number, true));
    }
    const size_t before = bed.told.size();
    for (int time = 0; time < 10'000 && !bed.answer.whole; ++time) {
      bed.step();
      traffic(some(3));
      if (some(3) == 0) bed.take_answers(lane);
    }
    told_meanwhile += bed.told.size() > before ? 1 : 0;
    ASSERT_EQ(bed.answer.whole, true);
    ASSERT_TRUE(bed.answer.is_marked);
    for (const auto& [ends, flow] : bed.known) {
      const uint64_t here = of(bed.answer.told_before, ends) + of(bed.answer.packets, ends);
      if (lane == 0 && !flow.has(hosts)) {
        EXPECT_EQ(of(bed.answer.packets, ends), 0U) << ends;
        continue;
      }
      EXPECT_GE(here, of(bed.answer.metered_before, ends)) << ends << " in round " << round;
      EXPECT_LE(here, of(bed.metered, ends)) << ends << " in round " << round;
    }
  }
  EXPECT_GT(told_meanwhile, 5U);
}

/// Its slot is another host's flow's when the walk goes on.
TEST(FlowTeller, AFlowThatEndsWhereTheWalkStandsIsToldAndTheWalkGoesOnBehindIt) {
  for (const uint64_t stop_at : {4U, 8U, 40U, 96U}) {
    Bed bed({.capacity = 500, .idle_ms = 1'000});
    const auto flow = [](unsigned number) { return Bed::Flow{1, 2, static_cast<uint16_t>(20'000 + number), 53}; };
    for (unsigned number = 0; number < 100; ++number) bed.packet(flow(number), 0);
    for (unsigned number = 0; number < 100; ++number) {
      if (number % 4 != 3) bed.packet(flow(number), 900 * kMs);
    }
    bed.ask(0, of_hosts(1, {1}, true));
    while (bed.teller.counters().flows.get() < stop_at) bed.step();
    EXPECT_EQ(bed.teller.counters().flows.get(), stop_at) << "the newest comes first: one of those that end is next";
    bed.pass(1'500 * kMs);
    EXPECT_EQ(bed.told.size(), 25U);
    for (unsigned number = 0; number < 40; ++number)
      bed.packet({5, 6, static_cast<uint16_t>(30'000 + number), 53}, 1'500 * kMs);
    bed.run(0);
    EXPECT_EQ(bed.answer.packets, bed.answer.metered_before) << "stopped at " << stop_at;
    EXPECT_EQ(bed.answer.flows, 100U);
  }
}

/// Without a mark too: a flow that is there all the time is in the answer, once.
TEST(FlowTeller, WhatIsThereAllTheTimeIsToldOnce) {
  Bed bed({.capacity = 3'000, .idle_ms = 1'000'000});
  for (unsigned flow = 0; flow < 1'000; ++flow)
    bed.packet({1 + flow % 50, 60 + flow % 7, static_cast<uint16_t>(30'000 + flow), 53}, flow * kMs);
  const Packets there = bed.metered;
  bed.ask(1, all(1));
  unsigned more = 0;
  while (!bed.answer.whole) {
    bed.step();
    bed.take_answers(1);
    if (++more < 900) bed.packet({1, 2, static_cast<uint16_t>(10'000 + more), 53}, (1'000 + more) * kMs);
  }
  for (const auto& [ends, packets] : there) EXPECT_EQ(of(bed.answer.packets, ends), packets) << ends;
}

TEST(FlowTeller, StepsAreShort) {
  Bed bed({.capacity = 5'000});
  for (unsigned flow = 0; flow < 4'000; ++flow)
    bed.packet({1 + flow % 200, 210, static_cast<uint16_t>(20'000 + flow), 53}, 0);
  const auto most_in_a_step = [&](unsigned lane, FlowQuestion question) {
    bed.ask(lane, std::move(question));
    uint64_t most = 0;
    while (!bed.answer.whole) {
      const uint64_t before = bed.teller.counters().flows.get();
      bed.step();
      most = std::max(most, bed.teller.counters().flows.get() - before);
      bed.take_answers(lane);
    }
    EXPECT_EQ(bed.answer.flows, 4'000U);
    return most;
  };
  EXPECT_LE(most_in_a_step(1, all(1)), 16U);
  EXPECT_LE(most_in_a_step(0, of_hosts(2, {210})), 16U);
}

TEST(FlowTeller, WaitsForWhoDoesNotTakeTheAnswer) {
  Bed bed({.capacity = 5'000});
  for (unsigned flow = 0; flow < 4'000; ++flow)
    bed.packet({1 + flow % 200, 210, static_cast<uint16_t>(20'000 + flow), 53}, 0);
  bed.ask(1, all(1));
  for (int time = 0; time < 5'000; ++time) bed.step();
  const uint64_t waiting = bed.teller.counters().flows.get();
  EXPECT_LT(waiting, 4'000U);
  EXPECT_LE(waiting * sizeof(OpenFlow), Mailbox::kRingBytes);
  bed.ask(0, of_hosts(2, {5}));
  bed.run(0);
  EXPECT_EQ(bed.answer.flows, 20U) << "the other lane goes on";
  bed.answer = {};
  bed.answer.number = 1;
  bed.run(1);
  EXPECT_EQ(bed.answer.flows, 4'000U);
}

/// Flows that end before their turn have no room: the answer says that it is not whole.
TEST(FlowTeller, RestsWhileNobodyTakesTheAnswerAndIsWokenByWhoDoes) {
  Bed bed({.capacity = 8'192});
  for (unsigned port = 0; port < 5'000; ++port) bed.packet({1, 2, static_cast<uint16_t>(1'000 + port), 53}, port);
  for (const unsigned lane : {1U, 0U}) {
    bed.ask(lane, all(10 + lane));
    int steps = 0;
    while (bed.step() && steps < 100'000) ++steps;
    EXPECT_FALSE(bed.answer.whole.has_value()) << "the ring is full";
    EXPECT_FALSE(wait_for(bed.mailbox.wake_fd(), -1, std::chrono::nanoseconds(0))) << "the worker may sleep";
    const uint64_t before = bed.teller.counters().steps.get();
    for (int time = 0; time < 100; ++time) EXPECT_FALSE(bed.step());
    EXPECT_EQ(bed.teller.counters().steps.get(), before) << "and has nothing to do beside packets";
    while (!bed.answer.whole) {
      bed.take_answers(lane);
      EXPECT_TRUE(bed.answer.whole || wait_for(bed.mailbox.wake_fd(), -1, std::chrono::nanoseconds(0)));
      while (bed.step()) {
      }
    }
    EXPECT_EQ(bed.answer.flows, 5'000U);
  }
}

TEST(FlowTeller, AnExactAnswerThatNobodyTakesIsGivenUp) {
  Bed bed({.capacity = 9'000, .idle_ms = 1'000});
  for (unsigned flow = 0; flow < 8'000; ++flow)
    bed.packet({1 + flow % 200, 210, static_cast<uint16_t>(20'000 + flow), 53}, 0);
  bed.ask(1, all(1, true));
  for (int time = 0; time < 5'000; ++time) bed.step();
  bed.pass(100 * kSecond);
  bed.run(1);
  EXPECT_EQ(bed.answer.whole, false);
  EXPECT_EQ(bed.teller.counters().broken.get(), 1U);
  bed.ask(1, all(2, true));
  bed.run(1);
  EXPECT_EQ(bed.answer.whole, true);
  EXPECT_EQ(bed.answer.flows, 0U);
}

TEST(FlowTeller, ANewQuestionTakesThePlaceOfTheOldOne) {
  Bed bed({.capacity = 5'000});
  for (unsigned flow = 0; flow < 2'000; ++flow) bed.packet({1, 2, static_cast<uint16_t>(20'000 + flow), 53}, 0);
  bed.ask(1, all(1));
  for (int time = 0; time < 5; ++time) bed.step();
  bed.ask(1, all(2));
  bed.run(1);
  EXPECT_EQ(bed.answer.flows, 2'000U);
}

TEST(FlowTeller, TheEndOfAWorkerEndsWhatIsAsked) {
  Bed bed;
  for (unsigned flow = 0; flow < 500; ++flow) bed.packet({1, 2, static_cast<uint16_t>(20'000 + flow), 53}, 0);
  bed.ask(1, all(1));
  bed.step();
  bed.teller.finish();
  bed.take_answers(1);
  EXPECT_TRUE(bed.answer.whole.has_value());
  EXPECT_LT(bed.answer.flows, 500U);
  EXPECT_TRUE(bed.mailbox.closed());
}

}  // namespace
}  // namespace microcloud
