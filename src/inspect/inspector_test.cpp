// From packets of a flow table to what a parser is given and what it tells, whatever the packets were like.
#include "inspect/inspector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>

#include "flow/flow_clock.h"
#include "flow/flow_table.h"
#include "packet/decode_test_bed.h"

namespace microcloud {
namespace {

using tools::Blob;

constexpr int64_t kStartUs = 1'700'000'000'000'000;

/// One record a call of the parser, so that tests see what it was given.
struct Heard {
  std::array<char, 256> text{};
  uint32_t index = 0;
};
constexpr RecordType kHeardType{"heard", "call of the parser", {}, sizeof(Heard)};
constexpr const RecordType* kHeardTypes[] = {&kHeardType};

class Listener final : public Parser {
 public:
  Status on_data(const Segment& segment, Dialogue& dialogue) override {
    std::string text = segment.from_initiator ? ">" : "<";
    if (segment.in_middle) text += "(middle)";
    if (segment.gap != 0) text += "(gap " + std::to_string(segment.gap) + ")";
    text.append(segment.bytes.begin(), segment.bytes.end());
    if (segment.octets != segment.bytes.size()) text += "(of " + std::to_string(segment.octets) + ")";
    say(text, dialogue, segment.from_initiator);
    if (text.find("STOP") != std::string::npos) return Status::Done;
    return text.find("WRONG") != std::string::npos ? Status::Malformed : Status::More;
  }
  void on_time(int64_t, Dialogue& dialogue) override { say("time", dialogue); }
  void on_end(FlowOver why, int64_t, Dialogue& dialogue) override {
    say(why == FlowOver::Ended ? "ended" : why == FlowOver::RunOver ? "run over" : "evicted", dialogue);
  }

 private:
  static void say(const std::string& text, Dialogue& dialogue, bool from_initiator = true) {
    Heard heard;
    text.copy(heard.text.data(), heard.text.size() - 1);
    heard.index = dialogue.next_transaction();
    dialogue.tell(kHeardType, &heard, from_initiator);
  }
};

/// Speaks first, "HELLO".
Verdict recognise_hello(const Segment& segment, const Common&) {
  constexpr std::string_view kHello = "HELLO";
  const size_t size = std::min(kHello.size(), segment.bytes.size());
  if (!std::equal(kHello.begin(), kHello.begin() + size, segment.bytes.begin())) return Verdict::NotMine;
  return size == kHello.size() ? Verdict::Mine : Verdict::Unsure;
}

std::unique_ptr<Parser> make_listener() {
  return std::make_unique<Listener>();
}

constexpr uint16_t kPorts[] = {7000};
const Protocol kListener{.name = "listener",
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
  InspectorTest() : table(flow_settings(), sink), inspector(settings(), sink) { table.watch(inspector); }
  static FlowSettings flow_settings() {
    FlowSettings settings;
    settings.capacity = 100;
    return settings;
  }
  static InspectSettings settings() {
    InspectSettings settings;
    settings.applications = false;
    settings.protocols = {&kListener};
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

TEST_F(InspectorTest, DatagramsAreSegments) {
  frame(udp("HELLO"));
  frame(udp("there", false));
  EXPECT_EQ(finish(), ">HELLO <there run over");
  EXPECT_EQ(sink.sources, (std::vector<std::string>{"10.0.0.9:40000", "10.0.0.1:7000", "10.0.0.9:40000"}));
  EXPECT_EQ(sink.indices, (std::vector<uint32_t>{1, 2, 3}));
  ASSERT_EQ(sink.flows.size(), 1U);
  EXPECT_EQ(sink.flows[0].transactions, 3U);
}

TEST_F(InspectorTest, OthersAreNotRead) {
  frame(udp("GOODBYE"));
  frame(udp("HELLO"));
  EXPECT_EQ(finish(), "");
  EXPECT_FALSE(sink.flows.at(0).transactions.has_value());
  EXPECT_EQ(inspector.counters().recognised.get(), 0U);
}

TEST_F(InspectorTest, TcpInOrder) {
  handshake();
  send({.text = "HELLO"});
  send({.text = "yes", .seq = 5001, .client = false});
  send({.text = "more", .seq = 1006});
  EXPECT_EQ(finish(), ">HELLO <yes >more run over");
}

TEST_F(InspectorTest, DividedAnywhereItIsRecognised) {
  const std::string text = "HELLOWORLD";
  for (size_t at = 1; at < text.size(); ++at) {
    const auto client_port = static_cast<uint16_t>(41000 + at);
    const auto part = [&](uint32_t seq, uint8_t flags, const std::string& bytes) {
      frame(tools::Packet()
                .eth()
                .ipv4("10.0.0.9", "10.0.0.1")
                .tcp(client_port, 7000, {.seq = seq, .flags = flags})
                .payload(Blob(bytes.begin(), bytes.end())));
    };
    part(1000, tools::kSyn, "");
    part(1001, tools::kAck, text.substr(0, at));
    part(1001 + static_cast<uint32_t>(at), tools::kAck, text.substr(at));
    EXPECT_EQ(heard(), ">" + text.substr(0, at) + " >" + text.substr(at));
  }
}

TEST_F(InspectorTest, ByteByByteFromBothSides) {
  handshake();
  uint32_t seq = 1001;
  std::string expected;
  for (const char byte : std::string("HELLO")) {
    send({.text = std::string(1, byte), .seq = seq++});
    expected += (expected.empty() ? ">" : " >") + std::string(1, byte);
  }
  EXPECT_EQ(finish(), expected + " run over");
}

TEST_F(InspectorTest, OutOfOrderAndRepeated) {
  handshake();
  send({.text = "HELLO"});
  send({.text = "third", .seq = 1012});
  send({.text = "HELLO"});  // once more
  send({.text = "second", .seq = 1006});
  EXPECT_EQ(finish(), ">HELLO >second >third run over");
  EXPECT_EQ(inspector.counters().streams.held_bytes.get(), 0U);
}

TEST_F(InspectorTest, WhatNeverCameIsAGap) {
  handshake();
  send({.text = "HELLO"});
  send({.text = "later", .seq = 1011});
  EXPECT_EQ(finish(), ">HELLO >(gap 5)later run over");
}

TEST_F(InspectorTest, FromTheMiddle) {
  send({.text = "HELLO", .seq = 77});
  EXPECT_EQ(finish(), ">(middle)HELLO run over");
}

TEST_F(InspectorTest, CutByTheCapture) {
  tools::Packet whole = udp("HELLO and much more");
  frame(whole.cut(14 + 20 + 8 + 5));
  EXPECT_EQ(finish(), ">HELLO(of 19) run over");
}

TEST_F(InspectorTest, WhoIsDoneHearsOfNothingMore) {
  frame(udp("HELLO STOP"));
  frame(udp("more"));
  pass(2'000'000);
  EXPECT_EQ(finish(), ">HELLO STOP");
  EXPECT_EQ(inspector.counters().malformed.get(), 0U);
}

TEST_F(InspectorTest, MalformedIsCounted) {
  frame(udp("HELLO WRONG"));
  frame(udp("more"));
  EXPECT_EQ(finish(), ">HELLO WRONG run over");
  EXPECT_EQ(inspector.counters().malformed.get(), 1U);
}

TEST_F(InspectorTest, ParsersHearOfTheTime) {
  frame(udp("HELLO"));
  pass(100);
  heard();
  pass(2'000'000);
  EXPECT_EQ(heard(), "time");
  pass(2'500'000);
  EXPECT_EQ(heard(), "");
  pass(3'100'000);
  EXPECT_EQ(heard(), "time");
}

TEST_F(InspectorTest, IdleFlowsEnd) {
  frame(udp("HELLO"));
  frame(udp("other", true, 9), 60'000'000);
  table.expire(60'000'000 / 1000 + 1'000'000'000, 100);
  EXPECT_EQ(finish(), ">HELLO ended");
}

TEST_F(InspectorTest, FragmentsAreJoined) {
  const tools::Packet ip =
      tools::Packet().ipv4("10.0.0.9", "10.0.0.1").udp(40000, 7000).payload("HELLO, in two fragments");
  for (const tools::Packet& part : tools::fragments(ip, 16, 5)) frame(tools::Packet().eth().append(part));
  EXPECT_EQ(finish(), ">HELLO, in two fragments run over");
  EXPECT_EQ(inspector.reassembly().joined.get(), 1U);
}

TEST_F(InspectorTest, MissingFragmentsAreCounted) {
  const tools::Packet ip =
      tools::Packet().ipv4("10.0.0.9", "10.0.0.1").udp(40000, 7000).payload("HELLO, in two fragments");
  frame(tools::Packet().eth().append(tools::fragments(ip, 16, 5)[0]));
  EXPECT_EQ(finish(), "");
  inspector.finish();
  EXPECT_EQ(inspector.reassembly().lost.get(NotJoined::TimedOut), 1U);
}

}  // namespace
}  // namespace microcloud
