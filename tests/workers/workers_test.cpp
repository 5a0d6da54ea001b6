// What parsers of several workers share: whoever reads a flow, each record says what it would if one worker read all.
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "inspect/announcements.h"
#include "protocols/voip_flows_test.h"
#include "protocols/wire/dhcp_book.h"
#include "tests/protocols/conversation.h"
#include "tests/protocols/parser_driver.h"

namespace microcloud {
namespace {

using namespace voip_test;

constexpr unsigned kWorkers = 3;

/// Runs `work(number)` on threads of their own, all at once.
void on_workers(const std::function<void(unsigned worker)>& work) {
  std::barrier together(kWorkers);
  std::vector<std::jthread> threads;
  for (unsigned worker = 0; worker < kWorkers; ++worker) {
    threads.emplace_back([&, worker] {
      together.arrive_and_wait();
      work(worker);
    });
  }
}

// ---- calls

constexpr unsigned kCallsOfAWorker = 20;
constexpr unsigned kPackets = 50;

std::string name_of(unsigned call) {
  return "call-" + std::to_string(call);
}
uint16_t port_of(unsigned call) {
  return static_cast<uint16_t>(10'000 + 2 * call);
}

/// SIP of each call is read by one worker, its media by the next one.
struct Calls {
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  std::vector<std::unique_ptr<Sip>> signalling;
  std::vector<std::unique_ptr<Rtp>> media;

  Calls() {
    for (unsigned call = 0; call < kWorkers * kCallsOfAWorker; ++call) {
      signalling.push_back(std::make_unique<Sip>(shared));
      media.push_back(std::make_unique<Rtp>(shared, port_of(call), port_of(call)));
    }
  }
  template <typename Act>
  static void each(unsigned worker, const Act& act) {
    for (unsigned at = 0; at < kCallsOfAWorker; ++at) act(worker * kCallsOfAWorker + at);
  }
  void begin(unsigned call) {
    signalling[call]->begin(name_of(call), sdp_text("192.0.2.1", port_of(call)), sdp_text("192.0.2.2", port_of(call)));
  }
  void stream(unsigned call, unsigned part) {
    const uint32_t first = part * kPackets;
    for (const bool from : {kCaller, kCalled}) {
      media[call]->stream(from, 2 * call + (from ? 1U : 0U), first, kPackets, kTick * first);
    }
  }
};

TEST(Calls, MediaFindsWhatAnotherWorkerHears) {
  Calls calls;
  std::barrier phase(kWorkers);
  on_workers([&](unsigned worker) {
    calls.shared->join();
    const unsigned next = (worker + 1) % kWorkers;
    Calls::each(worker, [&](unsigned call) {
      calls.begin(call);  // its media may be heard before, at once, or later
      calls.stream(next * kCallsOfAWorker + call % kCallsOfAWorker, 0);
    });
    phase.arrive_and_wait();
    Calls::each(next, [&](unsigned call) { calls.stream(call, 1); });
    Calls::each(worker, [&](unsigned call) { calls.signalling[call]->time(1'500'000); });
    Calls::each(next, [&](unsigned call) {
      calls.media[call]->time(2'500'000);
      calls.media[call]->end(FlowOver::Ended, 2'500'000);
    });
    phase.arrive_and_wait();
    Calls::each(worker, [&](unsigned call) {
      calls.signalling[call]->finish(name_of(call), 3'000'000);
      calls.signalling[call]->time(20 * kSecond);
    });
  });
  for (unsigned call = 0; call < kWorkers * kCallsOfAWorker; ++call) {
    const std::vector<Told>& streams = calls.media[call]->told();
    ASSERT_EQ(streams.size(), 2U) << call;
    for (const Told& stream : streams) {
      EXPECT_EQ(stream.at("sipCallId"), name_of(call));
      const std::string& match = stream.at("rtpMatch");  // symmetric: heard while the INVITE had no answer
      EXPECT_TRUE(match == "exact" || match == "symmetric") << match;
      EXPECT_EQ(stream.at("rtpPackets"), std::to_string(2 * kPackets));
    }
    const std::string told = calls.signalling[call]->call(name_of(call)).at("callStreams");
    EXPECT_NE(told.find("ssrc=" + std::to_string(2 * call)), std::string::npos) << told;
    EXPECT_NE(told.find("ssrc=" + std::to_string(2 * call + 1)), std::string::npos) << told;
  }
}

TEST(Calls, WhatNoFlowTellsIsToldOnce) {
  Calls calls;
  std::mutex told_mutex;
  std::multiset<std::string> told;
  struct Sink final : RecordSink {
    void put(const RecordRef& record) override {
      std::string line;
      JsonWriter().append(record, line);
      const size_t at = line.find("\"sipCallId\":\"") + 13;
      names.insert(line.substr(at, line.find('"', at) - at));
    }
    std::multiset<std::string> names;
  };
  on_workers([&](unsigned worker) {
    calls.shared->join();
    Sink sink;
    Calls::each(worker, [&](unsigned call) {
      calls.begin(call);
      calls.signalling[call]->end(FlowOver::Ended, kSecond);  // the call goes on
      calls.shared->on_time(TestFlow::kBegin + kSecond, sink);
    });
    calls.shared->leave(TestFlow::kBegin + 2 * kSecond, sink);
    const std::lock_guard lock(told_mutex);
    told.merge(sink.names);
  });
  EXPECT_EQ(told.size(), kWorkers * kCallsOfAWorker);
  for (unsigned call = 0; call < kWorkers * kCallsOfAWorker; ++call) EXPECT_EQ(told.count(name_of(call)), 1U) << call;
}

/// Another probe has heard all the signalling; what it is asked it answers on a thread of its own.
class Answerer final : public CallsElsewhere {
 public:
  explicit Answerer(CallBook& book) : book_(book), thread_([this](const std::stop_token& stop) { answer(stop); }) {
    book.know("here", this);
  }
  bool ask(const SdpAddress& at) override {
    const std::lock_guard lock(mutex_);
    asked_.push_back(at);
    ++waiting_;
    return true;
  }
  bool ask(std::string_view) override { return false; }
  bool may_wait() const override { return true; }
  void settle() override {
    while (waiting_ != 0) std::this_thread::yield();
  }

 private:
  void answer(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      SdpAddress at;
      {
        const std::lock_guard lock(mutex_);
        if (asked_.empty()) {
          std::this_thread::yield();
          continue;
        }
        at = asked_.front();
        asked_.pop_front();
      }
      book_.learn(at, EndpointElsewhere{.call = name_of((at.port - 10'000U) / 2), .formats = {}});
      --waiting_;
    }
  }

  CallBook& book_;
  std::mutex mutex_;
  std::deque<SdpAddress> asked_;
  std::atomic<unsigned> waiting_ = 0;
  std::jthread thread_;
};

TEST(Calls, AnswersOfOtherProbesComeOnAThreadOfTheirOwn) {
  Calls calls;
  Answerer answerer(calls.shared->of<CallBook>());
  on_workers([&](unsigned worker) {
    Calls::each(worker, [&](unsigned call) {
      calls.stream(call, 0);
      calls.stream(call, 1);
      calls.media[call]->time(4 * kSecond);
      calls.media[call]->end(FlowOver::Ended, 4 * kSecond);
    });
  });
  for (unsigned call = 0; call < kWorkers * kCallsOfAWorker; ++call) {
    ASSERT_EQ(calls.media[call]->told().size(), 2U) << call;
    for (const Told& stream : calls.media[call]->told()) EXPECT_EQ(stream.at("sipCallId"), name_of(call));
  }
}

// ---- requests of clients that have no address yet

TEST(DhcpBook, AnAnswerFindsTheRequestThatAnotherWorkerRead) {
  constexpr uint32_t kRequests = 2'000;
  Shared shared;
  std::atomic<uint32_t> asked = 0, paired = 0, wrong = 0;
  const IpAddress server = address("192.0.2.1");
  const auto request = [](uint32_t number) {
    return DhcpExchange{.transaction = number / 2, .client = number % 2 != 0 ? "a" : "b"};
  };
  on_workers([&](unsigned worker) {
    DhcpBook& book = shared.of<DhcpBook>();
    for (uint32_t number = 0; number < kRequests; ++number) {
      if (worker == 0) {
        book.asked(request(number), number);
        asked.store(number + 1, std::memory_order_release);
      } else {
        while (asked.load(std::memory_order_acquire) <= number) std::this_thread::yield();
        const auto latency = book.answered(request(number), server, int64_t{number} + 5);  // one of two is the first
        paired += latency ? 1 : 0;
        wrong += latency && *latency != 5 ? 1 : 0;
      }
    }
  });
  EXPECT_EQ(paired, kRequests);
  EXPECT_EQ(wrong, 0U);
}

// ---- places that a server sends its clients to

TEST(Announcements, AreSeenByOtherWorkers) {
  constexpr uint16_t kPlaces = Announcements::kMost;
  Announcements announcements;
  const IpAddress place = address("192.0.2.9");
  std::atomic<uint16_t> announced = 0;
  std::atomic<uint32_t> found = 0;
  on_workers([&](unsigned worker) {
    for (uint16_t port = 1; port <= kPlaces; ++port) {
      if (worker == 0) {
        announcements.add(protocol::oracle, place, port);
        announced.store(port, std::memory_order_release);
      } else {
        while (announced.load(std::memory_order_acquire) < port) std::this_thread::yield();
        EXPECT_TRUE(announcements.any());
        announcements.at(place, port, [&](const Protocol& protocol) { found += &protocol == &protocol::oracle; });
      }
    }
  });
  EXPECT_EQ(found, (kWorkers - 1) * kPlaces);
}

// ---- parsers

/// All protocols on one flow, each as if it were its own.
std::vector<std::string> told_of(const Conversation& conversation) {
  std::vector<std::string> lines;
  for (const Protocol* const protocol : protocols()) {
    if (conversation.over_tcp() ? !protocol->over_tcp : !protocol->over_udp) continue;
    DrivenFlow driven(*protocol, conversation.flow);
    for (const Said& said : conversation.said) {
      protocol->recognise(said.segment(), conversation.flow);
      driven.data(said.segment());
    }
    driven.end(FlowOver::Ended);
    lines.insert(lines.end(), driven.dialogue.lines.begin(), driven.dialogue.lines.end());
  }
  return lines;
}

TEST(Parsers, OfSeveralWorkersKeepNothingOfEachOther) {
  const std::vector<Conversation> conversations = conversations_in(MICROCLOUD_CAPTURES "/real");
  std::vector<std::vector<std::string>> alone, together[kWorkers];
  for (const Conversation& conversation : conversations) alone.push_back(told_of(conversation));
  on_workers([&](unsigned worker) {
    for (const Conversation& conversation : conversations) together[worker].push_back(told_of(conversation));
  });
  ASSERT_GT(alone.size(), 20U);
  for (const auto& one : together) EXPECT_EQ(one, alone);
}

}  // namespace
}  // namespace microcloud
