// A protocol that begins in the middle of a connection: who is asked, for how long, and what its parser is given.
#include "inspect/inspector_test_bed.h"

namespace microcloud {
namespace {

Verdict recognise_nothing(const Segment&, const Common&) {
  return Verdict::NotMine;
}
bool begins_with_switch(Bytes segment) {
  constexpr std::string_view kSwitch = "SWITCH";
  return segment.size() >= kSwitch.size() && std::equal(kSwitch.begin(), kSwitch.end(), segment.begin());
}
const Protocol kSecond{.name = "second",
                       .records = kHeardTypes,
                       .over_udp = true,
                       .over_tcp = true,
                       .ports = {},
                       .recognise = recognise_nothing,
                       .make_parser = make_listener,
                       .takes_over = begins_with_switch};

class TakeoverTest : public InspectorTest {
 protected:
  TakeoverTest() : InspectorTest({&kListener, &kSecond}) {}
  void say(const std::string& text) {
    send({.text = text, .seq = client_});
    client_ += static_cast<uint32_t>(text.size());
  }
  void answer(const std::string& text) {
    send({.text = text, .seq = server_, .client = false});
    server_ += static_cast<uint32_t>(text.size());
  }
  uint32_t client_ = 1001, server_ = 5001;
};

TEST_F(TakeoverTest, OfAConnectionThatNobodyReads) {
  handshake();
  answer("220 ready");
  say("STARTTLS");
  answer("220 go");
  say("SWITCH");
  answer("yes");
  say("more");
  EXPECT_EQ(finish(), ">SWITCH <yes >more run over");
  EXPECT_EQ(sink.flows.at(0).transactions, 4U);
  EXPECT_EQ(inspector.counters().recognised.get(), 1U);
}

TEST_F(TakeoverTest, WhileAnotherIsStillUnsure) {
  handshake();
  say("HEL");
  answer("HEL");
  say("SWITCH");
  answer("LO");
  EXPECT_EQ(finish(), ">SWITCH <LO run over");
}

TEST_F(TakeoverTest, AfterAParserThatIsDone) {
  handshake();
  say("HELLO STOP");
  answer("go");
  say("SWITCH");
  answer("yes");
  EXPECT_EQ(finish(), ">HELLO STOP >SWITCH <yes run over");
  EXPECT_EQ(sink.indices, (std::vector<uint32_t>{1, 2, 3, 4}));
  EXPECT_EQ(sink.flows.at(0).transactions, 4U);
}

TEST_F(TakeoverTest, AParserThatWasWrongHearsOfItsEnd) {
  handshake();
  say("HELLO WRONG");
  answer("go");
  say("SWITCH");
  EXPECT_EQ(finish(), ">HELLO WRONG ended >SWITCH run over");
  EXPECT_EQ(inspector.counters().streams.held_bytes.get(), 0U);
}

TEST_F(TakeoverTest, NotWhileAParserReads) {
  handshake();
  say("HELLO");
  say("SWITCH");
  EXPECT_EQ(finish(), ">HELLO >SWITCH run over");
}

TEST_F(TakeoverTest, NotTwice) {
  handshake();
  say("GET");
  say("SWITCH STOP");
  say("SWITCH");
  EXPECT_EQ(finish(), ">SWITCH STOP");
}

TEST_F(TakeoverTest, WhatWasSentBeforeIsNotReadAgain) {
  handshake();
  answer("220 ready");
  say("STARTTLS");
  answer("220 go");
  say("SWITCH");
  send({.text = "220 go", .seq = 5010, .client = false});  // once more
  send({.text = "STARTTLS", .seq = 1001});
  answer("yes");
  EXPECT_EQ(finish(), ">SWITCH <yes run over");
}

TEST_F(TakeoverTest, FromThereOnInOrder) {
  handshake();
  say("STARTTLS");
  say("SWITCH");
  send({.text = "second", .seq = 5004, .client = false});
  send({.text = "one", .seq = 5001, .client = false});
  EXPECT_EQ(finish(), ">SWITCH <one <second run over");
}

TEST_F(TakeoverTest, OnlyAtTheBeginningOfASegment) {
  handshake();
  say("GET");
  say("a SWITCH");
  EXPECT_EQ(finish(), "");
}

TEST_F(TakeoverTest, OnlySoFarIntoAFlow) {
  for (const unsigned others : {16U, 17U}) {  // the first payload was shown to all protocols anyway
    const auto port = static_cast<uint16_t>(50000 + others);
    const auto part = [&](uint32_t seq, uint8_t flags, const std::string& bytes) {
      frame(tools::Packet()
                .eth()
                .ipv4("10.0.0.9", "10.0.0.1")
                .tcp(port, 7000, {.seq = seq, .flags = flags})
                .payload(Blob(bytes.begin(), bytes.end())));
    };
    part(1000, tools::kSyn, "");
    for (unsigned at = 0; at < others; ++at) {
      part(1001 + at, tools::kAck, "x");
      part(1002 + at, tools::kAck, "");  // no payload does not count
    }
    part(1001 + others, tools::kAck, "SWITCH");
    EXPECT_EQ(heard(), others == 16 ? ">SWITCH" : "") << others;
  }
}

TEST_F(TakeoverTest, DatagramsHaveNoMiddle) {
  frame(udp("GOODBYE"));
  frame(udp("SWITCH"));
  EXPECT_EQ(finish(), "");
}

}  // namespace
}  // namespace microcloud
