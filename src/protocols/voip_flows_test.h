// Flows of SIP and RTP for unit tests, that may know of one another.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocols/line_flow_test.h"
#include "protocols/protocols.h"
#include "protocols/wire/call_book.h"
#include "protocols/wire/sip_bytes_test.h"

namespace microcloud::voip_test {

using Told = TestDialogue::Told;

inline constexpr uint8_t kUdp = 17;
inline constexpr int64_t kSecond = 1'000'000, kTick = 20'000;
inline constexpr bool kCaller = true, kCalled = false;

inline IpAddress address(const std::string& text) {
  return *parse_address(text);
}

/// A flow of media between two ends.
struct Rtp : TestFlow {
  explicit Rtp(std::shared_ptr<Shared> shared = std::make_shared<Shared>(), uint16_t port = 4000,
               uint16_t server_port = 5000, const std::string& client = "192.0.2.1",
               const std::string& server = "192.0.2.2")
      : TestFlow(protocol::rtp, kUdp, server_port, std::move(shared)) {
    dialogue.flow().source = address(client);
    dialogue.flow().destination = address(server);
    dialogue.flow().source_port = port;
  }
  void packet(bool from, const RtpBytes& packet, int64_t at_us) {
    const std::vector<uint8_t> bytes = packet;
    send(from, Bytes(bytes), at_us);
  }
  /// `count` packets of 20 ms from `first` on, without those that `lost` says.
  template <typename Lost>
  void stream(bool from, uint32_t ssrc, uint32_t first, uint32_t count, const Lost& lost, int64_t at_us = 0) {
    for (uint32_t at = 0; at < count; ++at) {
      if (lost(at)) continue;
      packet(from, {.sequence = static_cast<uint16_t>(first + at), .timestamp = 160 * at, .ssrc = ssrc},
             at_us + kTick * int64_t{at});
    }
  }
  void stream(bool from, uint32_t ssrc, uint32_t first, uint32_t count, int64_t at_us = 0) {
    stream(
        from, ssrc, first, count, [](uint32_t) { return false; }, at_us);
  }
  const std::vector<Told>& told() const { return dialogue.records; }
  Told only() {
    EXPECT_EQ(told().size(), 1U);
    return told().empty() ? Told{} : told()[0];
  }
};

/// A flow of SIP, whose ends are not those of the media.
struct Sip : TestFlow {
  explicit Sip(std::shared_ptr<Shared> shared, const std::string& client = "198.51.100.1")
      : TestFlow(protocol::sip, kUdp, 5060, std::move(shared)) {
    dialogue.flow().source = address(client);
    dialogue.flow().destination = address("198.51.100.2");
  }
  void say(bool from, const std::string& text, int64_t at_us = 0) { send(from, LineFlow::bytes_of(text), at_us); }
  /// Both say where they want their media.
  void begin(const std::string& call, const std::string& caller = sdp_text("192.0.2.1", 4000),
             const std::string& called = sdp_text("192.0.2.2", 5000), int64_t at_us = 0) {
    say(kCaller, invite(call, caller), at_us);
    say(kCalled, sip_answer(200, call, "1 INVITE", called), at_us + 1000);
  }
  void finish(const std::string& call, int64_t at_us) {
    say(kCaller, sip_request("BYE", call, 2), at_us);
    say(kCalled, sip_answer(200, call, "2 BYE"), at_us + 1000);
  }
  Told call(const std::string& id) const {
    for (const Told& told : dialogue.records) {
      if (told.at("record") == "call" && told.at("sipCallId") == id) return told;
    }
    ADD_FAILURE() << "no call " << id;
    return {};
  }
};

}  // namespace microcloud::voip_test
