// A conversation in lines for unit tests, over TCP: each segment comes a millisecond after the one before.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "protocols/dialogue_test.h"

namespace microcloud {

class LineFlow : public TestFlow {
 public:
  LineFlow(const Protocol& protocol, uint16_t port) : TestFlow(protocol, 6, port) {}

  Status client(const std::string& text, uint32_t gap = 0) { return say(kInitiator, text, gap); }
  Status server(const std::string& text, uint32_t gap = 0) { return say(kResponder, text, gap); }
  Status say(bool from, const std::string& text, uint32_t gap = 0, bool in_middle = false) {
    return send({.bytes = bytes_of(text),
                 .octets = static_cast<uint32_t>(text.size()),
                 .gap = gap,
                 .from_initiator = from,
                 .in_middle = in_middle,
                 .time_us = kBegin + (now_us_ += 1000)});
  }
  /// The next segment comes so much later.
  void pass(int64_t passed_us) { now_us_ += passed_us; }
  /// The record, of which there must be one.
  const TestDialogue::Told& only() {
    EXPECT_EQ(dialogue.records.size(), 1U);
    return dialogue.records.at(0);
  }

  static Bytes bytes_of(const std::string& text) {
    return {static_cast<const uint8_t*>(static_cast<const void*>(text.data())), text.size()};
  }

 private:
  int64_t now_us_ = 0;
};

}  // namespace microcloud
