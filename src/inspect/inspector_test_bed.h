// A flow table with an inspector, packets for it, and a parser that repeats what it was given.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "flow/flow_clock.h"
#include "flow/flow_table.h"
#include "inspect/inspector.h"
#include "packet/decode_test_bed.h"

namespace microcloud {

using tools::Blob;

inline constexpr int64_t kStartUs = 1'700'000'000'000'000;

/// One record a call of the parser, so that tests see what it was given.
struct Heard {
  std::array<char, 256> text{};
  uint32_t index = 0;
};
inline constexpr RecordType kHeardType{"heard", "call of the parser", {}, sizeof(Heard)};
inline constexpr const RecordType* kHeardTypes[] = {&kHeardType};

class Listener final : public Parser {
 public:
  Status on_data(const Segment& segment, Dialogue& dialogue) override {
    std::string text = segment.from_initiator ? ">" : "<";
    if (segment.in_middle) text += "(middle)";
    if (segment.gap != 0) text += "(gap " + std::to_string(segment.gap) + ")";
    text.append(segment.bytes.begin(), segment.bytes.end());
    if (segment.octets != segment.bytes.size()) text += "(of " + std::to_string(segment.octets) + ")";
    say(text, dialogue, segment.from_initiator);
    quiet_ = text.find("QUIET") != std::string::npos;
    once_ = text.find("ONCE") != std::string::npos;
    if (text.find("ANNOUNCE") != std::string::npos) dialogue.announce(dialogue.flow().destination, 7001);
    if (text.find("STOP") != std::string::npos) return Status::Done;
    return text.find("WRONG") != std::string::npos ? Status::Malformed : Status::More;
  }
  bool waits() const override { return !quiet_; }
  void on_time(int64_t, Dialogue& dialogue) override {
    say("time", dialogue);
    quiet_ = once_;
  }
  void on_end(FlowOver why, int64_t, Dialogue& dialogue) override {
    say(why == FlowOver::Ended ? "ended" : why == FlowOver::RunOver ? "run over" : "evicted", dialogue);
  }

 private:
  bool quiet_ = false;  // nothing is pending
  bool once_ = false;   // until it hears of the time
  static void say(const std::string& text, Dialogue& dialogue, bool from_initiator = true) {
    Heard heard;
    text.copy(heard.text.data(), heard.text.size() - 1);
    heard.index = dialogue.next_transaction();
    dialogue.tell(kHeardType, &heard, from_initiator);
  }
};

/// Speaks first, "HELLO".
inline Verdict recognise_hello(const Segment& segment, const Common&) {
  constexpr std::string_view kHello = "HELLO";
  const size_t size = std::min(kHello.size(), segment.bytes.size());
  if (!std::equal(kHello.begin(), kHello.begin() + size, segment.bytes.begin())) return Verdict::NotMine;
  return size == kHello.size() ? Verdict::Mine : Verdict::Unsure;
}

inline std::unique_ptr<Parser> make_listener() {
  return std::make_unique<Listener>();
}

inline constexpr uint16_t kPorts[] = {7000};
inline const Protocol kListener{.name = "listener",
                                .records = kHeardTypes,
                                .over_udp = true,
                                .over_tcp = true,
                                .ports = kPorts,
                                .recognise = recognise_hello,
                                .make_parser = make_listener};

class KeepingSink final : public RecordSink {
 public:
  void put(const RecordRef& record) override {
    if (record.type == &kHeardType) {
      const auto& told = *static_cast<const Heard*>(record.body);
      heard.emplace_back(told.text.data());
      indices.push_back(told.index);
      sources.push_back(to_text(record.common->source) + ":" + std::to_string(record.common->source_port));
    } else {
      flows.push_back(*static_cast<const FlowRecord*>(record.body));
    }
  }
  std::vector<std::string> heard;
  std::vector<uint32_t> indices;
  std::vector<std::string> sources;
  std::vector<FlowRecord> flows;
};

struct Sent {
  std::string text = {};
  uint32_t seq = 1001;
  uint8_t flags = tools::kAck;
  bool client = true;
  int64_t time_us = 0;
};

class InspectorTest : public testing::Test {
 protected:
  explicit InspectorTest(std::vector<const Protocol*> protocols = {&kListener}, bool applications = false)
      : table(flow_settings(), sink), inspector(settings(std::move(protocols), applications), sink) {
    table.watch(inspector);
  }
  static FlowSettings flow_settings() {
    FlowSettings settings;
    settings.capacity = 100;
    return settings;
  }
  static InspectSettings settings(std::vector<const Protocol*> protocols, bool applications) {
    InspectSettings settings;
    settings.applications = applications;
    settings.protocols = std::move(protocols);
    return settings;
  }

  void frame(const tools::Packet& description, int64_t time_us = 0) {
    Packet packet = frames_.emplace_back(std::make_unique<Decoded>(description))->packet;
    ASSERT_TRUE(frames_.back()->metered());
    packet.time_us = kStartUs + time_us;
    packet.tick_ms = clock_.advance(packet.time_us);
    packet.port = 0;
    packet.outgoing = false;
    table.meter(std::span(&packet, 1));
  }
  static tools::Packet tcp(const Sent& sent) {
    tools::Packet frame = tools::Packet().eth();
    const tools::TcpOptions options{.seq = sent.seq, .flags = sent.flags};
    if (sent.client) {
      frame.ipv4("10.0.0.9", "10.0.0.1").tcp(40000, 7000, options);
    } else {
      frame.ipv4("10.0.0.1", "10.0.0.9").tcp(7000, 40000, options);
    }
    return frame.payload(Blob(sent.text.begin(), sent.text.end()));
  }
  void send(const Sent& sent) { frame(tcp(sent), sent.time_us); }
  static tools::Packet udp(const std::string& text, bool client = true, uint16_t port = 7000) {
    tools::Packet frame = tools::Packet().eth();
    if (client) {
      frame.ipv4("10.0.0.9", "10.0.0.1").udp(40000, port);
    } else {
      frame.ipv4("10.0.0.1", "10.0.0.9").udp(port, 40000);
    }
    return frame.payload(Blob(text.begin(), text.end()));
  }
  void handshake() {
    send({.seq = 1000, .flags = tools::kSyn});
    send({.seq = 5000, .flags = tools::kSyn | tools::kAck, .client = false});
    send({});
  }
  std::string finish() {
    table.finish(clock_.tick_ms());
    const InspectCounters& of = inspector.counters();
    EXPECT_EQ(of.pieces.get(), of.read.get() + of.refused.get()) << "nothing is kept any more";
    return heard();
  }
  /// All calls since the last time, one behind the other.
  std::string heard() {
    std::string all;
    for (const std::string& one : sink.heard) all += (all.empty() ? "" : " ") + one;
    sink.heard.clear();
    return all;
  }
  void pass(int64_t time_us) { inspector.on_time(kStartUs + time_us, clock_.advance(kStartUs + time_us)); }

  KeepingSink sink;
  FlowTable table;
  Inspector inspector;

 private:
  FlowClock clock_;
  std::deque<std::unique_ptr<Decoded>> frames_;
};

}  // namespace microcloud
