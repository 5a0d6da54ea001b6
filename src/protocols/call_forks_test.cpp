// Forked INVITEs: a call is a dialog, and which one a message and a stream are of.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "protocols/line_flow_test.h"
#include "protocols/protocols.h"
#include "protocols/wire/call_book.h"
#include "protocols/wire/sip_bytes_test.h"

namespace microcloud {
namespace {

using Told = TestDialogue::Told;

constexpr uint8_t kUdp = 17;
constexpr int64_t kSecond = 1'000'000;

IpAddress address(const std::string& text) {
  return *parse_address(text);
}

/// SIP between two ends. The caller's tag is `a`.
struct Leg : TestFlow {
  explicit Leg(std::shared_ptr<Shared> shared = std::make_shared<Shared>(), const std::string& client = "192.0.2.1",
               const std::string& server = "192.0.2.100")
      : TestFlow(protocol::sip, kUdp, 5060, std::move(shared)) {
    dialogue.flow().source = address(client);
    dialogue.flow().destination = address(server);
    dialogue.flow().source_port = 5060;
  }
  void say(bool from, const std::string& text, int64_t at_us) { send(from, LineFlow::bytes_of(text), at_us); }
  void invites(int64_t at_us = 0, unsigned cseq = 1) {
    say(kInitiator, sip_tagged(invite("c1", sdp_text("192.0.2.1", 4000), std::to_string(cseq) + " INVITE"), "a", ""),
        at_us);
  }
  /// `port`: of the session description; 0: none.
  void answers(unsigned status, const std::string& tag, int64_t at_us, unsigned port = 0, unsigned cseq = 1) {
    const std::string sdp = port == 0 ? "" : sdp_text("192.0.2.2", port);
    say(kResponder, sip_tagged(sip_answer(status, "c1", std::to_string(cseq) + " INVITE", sdp), "a", tag), at_us);
  }
  void requests(const std::string& method, const std::string& tag, unsigned cseq, int64_t at_us) {
    say(kInitiator, sip_tagged(sip_request(method, "c1", cseq), "a", tag), at_us);
  }
  /// BYE and its answer.
  void hangs_up(const std::string& tag, int64_t at_us) {
    requests("BYE", tag, 9, at_us);
    say(kResponder, sip_tagged(sip_answer(200, "c1", "9 BYE"), "a", tag), at_us + 1000);
  }
  void add_calls(std::map<std::string, Told>& by_tag) const {
    for (const Told& told : dialogue.records) {
      if (told.at("record") != "call") continue;
      EXPECT_EQ(told.at("sipFromTag"), "a");
      const auto tag = told.find("sipToTag");
      EXPECT_TRUE(by_tag.emplace(tag == told.end() ? "" : tag->second, told).second) << "one for each";
    }
  }
  /// By To-tag, at the end of the run.
  std::map<std::string, Told> calls(int64_t at_us) {
    end(FlowOver::RunOver, at_us);
    std::map<std::string, Told> by_tag;
    add_calls(by_tag);
    return by_tag;
  }
  std::map<std::string, Told> calls() const {
    std::map<std::string, Told> by_tag;
    add_calls(by_tag);
    return by_tag;
  }
};

std::string milliseconds(int64_t at_us) {
  return std::to_string((TestFlow::kBegin + at_us) / 1000);
}

TEST(Forks, APlainCallIsOne) {
  for (const std::string trying : {"", "p", "b"}) {
    for (const std::string ringing : {"", "b"}) {
      Leg leg;
      leg.invites();
      leg.answers(100, trying, 1000);
      leg.answers(180, ringing, 2000);
      leg.answers(200, "b", kSecond, 5000);
      leg.answers(200, "b", kSecond + 1000, 5000);
      leg.requests("ACK", "b", 1, kSecond + 2000);
      leg.hangs_up("b", 2 * kSecond);
      const auto calls = leg.calls(3 * kSecond);
      ASSERT_EQ(calls.size(), 1U) << trying << ' ' << ringing;
      EXPECT_EQ(calls.at("b").at("callState"), "completed");
      EXPECT_EQ(calls.at("b").at("callPostDialDelayMilliseconds"), "2");
    }
  }
}

TEST(Forks, OfTwoThatRingOneIsAnswered) {
  Leg leg;
  leg.invites();
  leg.answers(180, "b", 100'000);
  leg.answers(180, "c", 200'000);
  leg.answers(180, "b", 300'000);
  leg.answers(200, "c", 2 * kSecond, 5000);
  leg.requests("ACK", "c", 1, 2 * kSecond);
  leg.answers(180, "b", 2 * kSecond + 1000);
  leg.time(33 * kSecond);
  EXPECT_TRUE(leg.calls().empty()) << "64 T1: the other one may yet be answered";
  leg.time(35 * kSecond);
  EXPECT_EQ(leg.calls().size(), 1U);
  leg.hangs_up("c", 60 * kSecond);
  const auto calls = leg.calls(70 * kSecond);
  ASSERT_EQ(calls.size(), 2U);
  const Told &over = calls.at("b"), &answered = calls.at("c");
  EXPECT_EQ(over.at("callState"), "cancelled");
  EXPECT_EQ(over.at("callEndMilliseconds"), milliseconds(2 * kSecond));
  EXPECT_EQ(over.at("callPostDialDelayMilliseconds"), "100");
  EXPECT_FALSE(over.contains("callAnswerMilliseconds"));
  EXPECT_FALSE(over.contains("sipStatusCode"));
  EXPECT_EQ(answered.at("callState"), "completed");
  EXPECT_EQ(answered.at("sipStatusCode"), "200");
  EXPECT_EQ(answered.at("callStartMilliseconds"), milliseconds(0)) << "the INVITE's time";
  EXPECT_EQ(answered.at("callPostDialDelayMilliseconds"), "200");
  EXPECT_EQ(answered.at("callEndMilliseconds"), milliseconds(60 * kSecond));
  EXPECT_EQ(answered.at("sipFrom"), "sip:ann@example.test");
  EXPECT_EQ(answered.at("from"), "initiator");
}

TEST(Forks, BothAreAnswered) {
  Leg leg;
  leg.invites();
  leg.answers(180, "b", 100'000);
  leg.answers(180, "c", 200'000);
  leg.answers(200, "b", kSecond, 5000);
  leg.answers(200, "c", kSecond + 10'000, 5002);
  leg.hangs_up("c", kSecond + 20'000);
  leg.time(40 * kSecond);
  EXPECT_EQ(leg.calls().size(), 1U);
  leg.hangs_up("b", 50 * kSecond);
  const auto calls = leg.calls(60 * kSecond);
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls.at("b").at("callState"), "completed");
  EXPECT_EQ(calls.at("c").at("callState"), "completed");
  EXPECT_EQ(calls.at("b").at("callEndMilliseconds"), milliseconds(50 * kSecond));
  EXPECT_EQ(calls.at("c").at("callEndMilliseconds"), milliseconds(kSecond + 20'000));
  EXPECT_EQ(calls.at("c").at("callAnswerMilliseconds"), milliseconds(kSecond + 10'000));
}

/// One after the other: the proxy gives up the first one, the caller sees only that another rings.
TEST(Forks, InARow) {
  Leg leg;
  leg.invites();
  leg.answers(183, "b", 100'000, 5000);
  leg.answers(180, "c", 20 * kSecond);
  leg.answers(200, "d", 40 * kSecond, 5004);
  leg.hangs_up("d", 50 * kSecond);
  const auto calls = leg.calls(60 * kSecond);
  ASSERT_EQ(calls.size(), 3U);
  EXPECT_EQ(calls.at("b").at("callState"), "cancelled");
  EXPECT_EQ(calls.at("b").at("callEarlyMedia"), "1");
  EXPECT_EQ(calls.at("c").at("callState"), "cancelled");
  EXPECT_EQ(calls.at("c").at("callEarlyMedia"), "0");
  EXPECT_EQ(calls.at("d").at("callState"), "completed");
}

TEST(Forks, AFailureEndsAllThatOneProxyAnswersFor) {
  for (const std::string tag : {"b", "p", ""}) {
    Leg leg;
    leg.invites();
    leg.answers(180, "b", 100'000);
    leg.answers(180, "c", 200'000);
    leg.answers(486, tag, kSecond);
    leg.time(7 * kSecond);
    const auto calls = leg.calls();
    ASSERT_EQ(calls.size(), 2U) << tag;
    for (const auto& [to_tag, call] : calls) {
      EXPECT_EQ(call.at("callState"), "failed") << to_tag;
      EXPECT_EQ(call.at("sipStatusCode"), "486");
      EXPECT_EQ(call.at("callEndMilliseconds"), milliseconds(kSecond));
    }
  }
}

TEST(Forks, TheCallerGivesUp) {
  Leg leg;
  leg.invites();
  leg.answers(180, "b", 100'000);
  leg.answers(180, "c", 200'000);
  leg.requests("CANCEL", "", 1, kSecond);
  leg.answers(487, "p", kSecond + 1000);
  leg.time(7 * kSecond);
  const auto calls = leg.calls();
  ASSERT_EQ(calls.size(), 2U);
  for (const auto& [to_tag, call] : calls) EXPECT_EQ(call.at("callState"), "cancelled") << to_tag;
}

/// The caller, a proxy that forks, and two who are called: each message is seen on both sides of the proxy.
TEST(Forks, OnBothSidesOfAProxy) {
  const auto shared = std::make_shared<Shared>();
  Leg caller(shared), to_b(shared, "192.0.2.100", "192.0.2.2"), to_c(shared, "192.0.2.100", "192.0.2.3");
  caller.invites();
  to_b.invites(1000);
  to_c.invites(2000);
  caller.answers(100, "", 3000);
  for (Leg* leg : {&to_b, &caller}) leg->answers(180, "b", 100'000);
  for (Leg* leg : {&to_c, &caller}) leg->answers(180, "c", 200'000);
  to_b.answers(486, "b", kSecond);
  to_c.time(30 * kSecond);
  for (Leg* leg : {&to_c, &caller}) leg->answers(200, "c", 30 * kSecond, 5000);
  for (Leg* leg : {&caller, &to_c}) leg->hangs_up("c", 60 * kSecond);
  std::map<std::string, Told> calls;
  for (Leg* leg : {&caller, &to_b, &to_c}) {
    leg->end(FlowOver::RunOver, 70 * kSecond);
    leg->add_calls(calls);
  }
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls.at("b").at("callState"), "failed");
  EXPECT_EQ(calls.at("b").at("sipStatusCode"), "486");
  EXPECT_EQ(calls.at("c").at("callState"), "completed") << "it rang on when the other one was busy";
}

TEST(Forks, AProxyCancelsTheOtherBranch) {
  const auto shared = std::make_shared<Shared>();
  Leg to_b(shared, "192.0.2.100", "192.0.2.2"), to_c(shared, "192.0.2.100", "192.0.2.3");
  to_b.invites();
  to_c.invites(1000);
  to_b.answers(180, "b", 100'000);
  to_c.answers(180, "c", 200'000);
  to_b.answers(200, "b", kSecond, 5000);
  to_c.requests("CANCEL", "", 1, kSecond + 1000);
  to_c.answers(487, "c", kSecond + 2000);
  to_b.hangs_up("b", 10 * kSecond);
  std::map<std::string, Told> calls;
  for (Leg* leg : {&to_b, &to_c}) {
    leg->end(FlowOver::RunOver, 20 * kSecond);
    leg->add_calls(calls);
  }
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls.at("b").at("callState"), "completed");
  EXPECT_EQ(calls.at("c").at("callState"), "cancelled");
  EXPECT_EQ(calls.at("c").at("sipStatusCode"), "487");
}

TEST(Forks, WithCredentialsItIsTheSameCall) {
  Leg leg;
  leg.invites();
  leg.answers(407, "p", 1000);
  leg.requests("ACK", "p", 1, 2000);
  leg.invites(3000, 2);
  leg.answers(180, "b", 100'000, 0, 2);
  leg.answers(200, "b", kSecond, 5000, 2);
  leg.hangs_up("b", 2 * kSecond);
  const auto calls = leg.calls(3 * kSecond);
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls.at("b").at("callState"), "completed");
}

/// Who is called hangs up: its messages have the tags the other way round.
TEST(Forks, MessagesOfTheCalled) {
  Leg leg;
  leg.invites();
  leg.answers(200, "b", 1000, 5000);
  leg.answers(200, "c", 2000, 5002);
  leg.say(TestFlow::kResponder, sip_tagged(invite("c1", sdp_text("192.0.2.2", 5004), "7 INVITE"), "c", "a"), 3000);
  leg.say(TestFlow::kInitiator, sip_tagged(sip_answer(200, "c1", "7 INVITE"), "c", "a"), 4000);
  leg.say(TestFlow::kResponder, sip_tagged(sip_request("BYE", "c1", 8), "b", "a"), kSecond);
  leg.say(TestFlow::kInitiator, sip_tagged(sip_answer(200, "c1", "8 BYE"), "b", "a"), kSecond);
  const auto calls = leg.calls(2 * kSecond);
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls.at("b").at("callState"), "completed");
  EXPECT_EQ(calls.at("b").at("callReinvites"), "0");
  EXPECT_EQ(calls.at("c").at("callState"), "pending");
  EXPECT_EQ(calls.at("c").at("callReinvites"), "1");
}

/// The caller's port is all branches'; the other end says whose a stream is.
TEST(Forks, StreamsAreOfTheBranchThatNamedTheirEnd) {
  const auto shared = std::make_shared<Shared>();
  Leg leg(shared);
  leg.invites();
  leg.answers(183, "b", 1000, 5000);
  leg.answers(183, "c", 2000, 5002);
  CallBook& book = shared->of<CallBook>();
  const SdpAddress caller{address("192.0.2.1"), 4000}, b{address("192.0.2.2"), 5000}, c{address("192.0.2.2"), 5002};
  for (const auto& [end, ssrc] : {std::pair(b, 1U), {c, 2U}}) {
    for (const bool there : {true, false}) {
      const auto found = book.find(there ? caller : end, there ? end : caller, ssrc + (there ? 10 : 0), nullptr);
      ASSERT_TRUE(found);
      EXPECT_EQ(found->match, RtpMatch::Exact);
    }
  }
  leg.answers(200, "b", kSecond, 5000);
  leg.hangs_up("b", 2 * kSecond);
  const auto calls = leg.calls(3 * kSecond);
  ASSERT_EQ(calls.size(), 2U);
  for (const auto& [tag, port, other] : {std::tuple("b", "5000", "5002"), {"c", "5002", "5000"}}) {
    const std::string streams = calls.at(tag).at("callStreams");
    EXPECT_EQ(std::count(streams.begin(), streams.end(), '|'), 1) << "two";
    EXPECT_NE(streams.find(std::string("192.0.2.2:") + port), std::string::npos);
    EXPECT_EQ(streams.find(std::string("192.0.2.2:") + other), std::string::npos);
  }
}

TEST(Forks, ThereAreOnlySoMany) {
  Leg leg;
  leg.invites();
  for (int branch = 0; branch < 100; ++branch) leg.answers(180, std::to_string(branch), 1000 + branch);
  for (int other = 0; other < 100; ++other)
    leg.say(TestFlow::kInitiator, sip_tagged(invite("c1", ""), "x" + std::to_string(other), ""), 2000 + other);
  leg.end(FlowOver::RunOver, kSecond);
  const auto is_call = [](const Told& told) { return told.at("record") == "call"; };
  const auto& all = leg.dialogue.records;
  EXPECT_EQ(std::count_if(all.begin(), all.end(), is_call), static_cast<long>(CallBook::kMostBranches));
}

TEST(Forks, AnotherFromTagIsAnotherCall) {
  Leg leg;
  leg.invites();
  leg.say(TestFlow::kInitiator, sip_tagged(invite("c1", ""), "x", ""), 1000);
  leg.answers(200, "b", 2000);
  leg.say(TestFlow::kResponder, sip_tagged(sip_answer(486, "c1", "1 INVITE"), "x", "y"), 3000);
  leg.end(FlowOver::RunOver, kSecond);
  std::map<std::string, std::string> states;
  for (const Told& told : leg.dialogue.records) {
    if (told.at("record") == "call") states[told.at("sipFromTag")] = told.at("callState");
  }
  EXPECT_EQ(states, (std::map<std::string, std::string>{{"a", "pending"}, {"x", "failed"}}));
}

struct Nobody final : CallsElsewhere {
  bool ask(const SdpAddress&) override { return false; }
  bool ask(std::string_view) override { return false; }
  bool may_wait() const override { return false; }
  void settle() override {}
};

/// The MicroCloud has one key for a Call-ID.
TEST(Forks, WhoIsAnsweredSaysWhatBecameOfTheCallId) {
  const auto shared = std::make_shared<Shared>();
  Nobody nobody;
  shared->of<CallBook>().know("north", &nobody);
  Leg leg(shared);
  auto& keys = leg.dialogue.notes.keys;
  leg.invites();
  leg.answers(183, "b", 1000, 5000);
  leg.answers(183, "c", 2000, 5002);
  EXPECT_EQ(keys["voip.endpoint.192.0.2.2:5002"]["call"], "c1");
  leg.answers(200, "b", kSecond, 5000);
  leg.time(40 * kSecond);
  ASSERT_EQ(leg.calls().size(), 1U);
  EXPECT_EQ(keys["voip.call.c1"]["state"], "answered");
  EXPECT_EQ(keys["voip.endpoint.192.0.2.2:5002"]["end"], milliseconds(kSecond));
  EXPECT_EQ(keys["voip.endpoint.192.0.2.2:5000"]["end"], "0");
  EXPECT_EQ(keys["voip.endpoint.192.0.2.1:4000"]["end"], "0") << "the other one wants it yet";
  leg.hangs_up("b", 60 * kSecond);
  leg.time(70 * kSecond);
  EXPECT_EQ(keys["voip.call.c1"]["state"], "completed");
  EXPECT_EQ(keys["voip.endpoint.192.0.2.1:4000"]["end"], milliseconds(60 * kSecond));
}

/// What another probe saw of a stream stands under the Call-ID, too.
TEST(Forks, StreamsOfOthersAreOfTheBranchThatNamedTheirEnd) {
  const auto shared = std::make_shared<Shared>();
  Nobody nobody;
  CallBook& book = shared->of<CallBook>();
  book.know("north", &nobody);
  Leg leg(shared);
  leg.invites();
  leg.answers(200, "b", 1000, 5000);
  leg.answers(200, "c", 2000, 5002);
  const std::string when = " probeId=south firstMs=" + milliseconds(3000) + " lastMs=" + milliseconds(9000);
  const std::string to_b = "src=192.0.2.1:4000 dst=192.0.2.2:5000 ssrc=1",
                    from_c = "src=192.0.2.2:5002 dst=192.0.2.1:4000 ssrc=2";
  const std::vector<std::pair<std::string, std::string>> said = {{"stream.1", to_b + when},
                                                                 {"stream.2", from_c + when}};
  book.learn("c1", HashTexts(said));
  leg.hangs_up("b", kSecond);
  leg.hangs_up("c", kSecond);
  const auto calls = leg.calls(kSecond);
  EXPECT_EQ(calls.at("b").at("callStreams"), to_b + " probeId=south");
  EXPECT_EQ(calls.at("c").at("callStreams"), from_c + " probeId=south");
}

/// The first of a Call-ID is told while others go on.
TEST(Forks, OneIsToldAndTheOtherGoesOn) {
  const auto shared = std::make_shared<Shared>();
  Leg leg(shared);
  leg.invites();
  leg.answers(200, "b", 1000, 5000);
  leg.answers(200, "c", 2000, 5002);
  leg.hangs_up("b", kSecond);
  leg.time(10 * kSecond);
  EXPECT_EQ(leg.calls().size(), 1U);
  const auto stream = shared->of<CallBook>().find({address("192.0.2.1"), 4000}, {address("192.0.2.2"), 5002}, 1, {});
  ASSERT_TRUE(stream);
  leg.hangs_up("c", 20 * kSecond);
  leg.time(30 * kSecond);
  ASSERT_EQ(leg.calls().size(), 2U);
  EXPECT_EQ(leg.calls().at("c").at("callState"), "completed");
  EXPECT_TRUE(leg.calls().at("c").contains("callStreams"));
  EXPECT_FALSE(shared->of<CallBook>().find({address("192.0.2.1"), 4000}, {address("192.0.2.2"), 5002}, 2, {}));
}

}  // namespace
}  // namespace microcloud
