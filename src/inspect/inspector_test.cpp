// From packets of a flow table to what a parser is given and what it tells, whatever the packets were like.
#include "inspect/inspector_test_bed.h"

namespace microcloud {
namespace {

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
  EXPECT_EQ(inspector.counters().refused.get(), 1U);
}

TEST_F(InspectorTest, PiecesAreReadOrRefusedOrKept) {
  const InspectCounters& of = inspector.counters();
  const auto counted = [&of] { return std::array{of.pieces.get(), of.read.get(), of.refused.get()}; };
  handshake();
  send({.text = "HEL"});
  EXPECT_EQ(counted(), (std::array<uint64_t, 3>{1, 0, 0})) << "kept until it is known whose it is";
  send({.text = "LO WRONG", .seq = 1004});
  EXPECT_EQ(counted(), (std::array<uint64_t, 3>{2, 1, 1}));
  send({.text = "more", .seq = 1012});
  EXPECT_EQ(counted(), (std::array<uint64_t, 3>{2, 1, 1})) << "nobody reads it";
  frame(udp("GOODBYE"));
  EXPECT_EQ(counted(), (std::array<uint64_t, 3>{3, 2, 1})) << "nobody's";
  finish();
}

TEST_F(InspectorTest, EndOfAFlowThatNobodyKnew) {
  handshake();
  send({.text = "HEL"});
  EXPECT_EQ(finish(), "");
  EXPECT_EQ(inspector.counters().read.get(), 1U);
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

TEST_F(InspectorTest, OnlyThoseThatWaitHearOfTheTime) {
  frame(udp("HELLO QUIET"));
  pass(100);
  heard();
  pass(2'000'000);
  EXPECT_EQ(heard(), "");
  frame(udp("a question", false), 2'000'000);
  heard();
  pass(3'100'000);
  EXPECT_EQ(heard(), "time");
  frame(udp("QUIET"), 3'200'000);
  heard();
  pass(5'000'000);
  EXPECT_EQ(finish(), "run over");
}

TEST_F(InspectorTest, WhoStopsWaitingMakesNobodyMissHisTurn) {
  for (uint16_t port = 7001; port <= 7005; ++port) frame(udp("HELLO ONCE", true, port));
  frame(udp("HELLO", true, 7006));
  heard();
  pass(100);
  EXPECT_EQ(heard(), "time time time time time time");
  pass(2'000'000);
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
