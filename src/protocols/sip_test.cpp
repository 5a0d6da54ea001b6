// SIP messages as records, over UDP and TCP, and calls from their INVITE to their end.
#include <gtest/gtest.h>

#include <string>

#include "protocols/line_flow_test.h"
#include "protocols/protocols.h"
#include "protocols/wire/sip_bytes_test.h"

namespace microcloud {
namespace {

using Told = TestDialogue::Told;

constexpr uint8_t kUdp = 17, kTcp = 6;
constexpr int64_t kSecond = 1'000'000;

struct Sip : TestFlow {
  explicit Sip(uint8_t transport = kUdp, uint16_t port = 5060) : TestFlow(protocol::sip, transport, port) {}

  Status client(const std::string& text, int64_t at_us = 0) {
    return send(kInitiator, LineFlow::bytes_of(text), at_us);
  }
  Status server(const std::string& text, int64_t at_us = 0) {
    return send(kResponder, LineFlow::bytes_of(text), at_us);
  }
  const Told& last() const { return dialogue.records.back(); }
  std::vector<Told> calls() const {
    std::vector<Told> found;
    for (const Told& told : dialogue.records) {
      if (told.at("record") == "call") found.push_back(told);
    }
    return found;
  }
  Told call() const {
    EXPECT_EQ(calls().size(), 1U);
    return calls().empty() ? Told{} : calls()[0];
  }
};

Verdict recognised(const std::string& text, uint8_t transport = kUdp, uint16_t port = 4000, bool in_middle = false) {
  const TestDialogue dialogue(transport, port);
  return protocol::sip.recognise(
      {.bytes = LineFlow::bytes_of(text), .octets = static_cast<uint32_t>(text.size()), .in_middle = in_middle},
      dialogue.flow());
}

TEST(Sip, TheFirstResponseTellsHowLongItTook) {
  Sip flow;
  const auto latency = [&] {
    const auto found = flow.last().find("serverLatencyMicroseconds");
    return found == flow.last().end() ? std::string() : found->second;
  };
  const std::string invite = sip_text("INVITE sip:bob@example.test SIP/2.0", "c1", "1 INVITE");
  flow.client(invite, 1000);
  EXPECT_EQ(latency(), "");
  flow.client(invite, 501'000);  // again, as nobody answered
  flow.server(sip_text("SIP/2.0 100 Trying", "c1", "1 INVITE"), 501'700);
  EXPECT_EQ(latency(), "700") << "from the last transmission";
  flow.server(sip_text("SIP/2.0 180 Ringing", "c1", "1 INVITE"), 600'000);
  EXPECT_EQ(latency(), "") << "it was answered before";
  flow.server(sip_text("SIP/2.0 200 OK", "c1", "1 INVITE"), 900'000);
  EXPECT_EQ(latency(), "");
  flow.client(sip_text("ACK sip:bob@example.test SIP/2.0", "c1", "1 ACK"), 901'000);
  flow.server(sip_text("SIP/2.0 200 OK", "c1", "1 INVITE"), 902'000);
  EXPECT_EQ(latency(), "") << "nobody answers an ACK";
  flow.server(sip_text("BYE sip:ann@example.test SIP/2.0", "c1", "1 BYE"), 1'000'000);
  flow.server(sip_text("SIP/2.0 200 OK", "c1", "1 BYE"), 1'000'100);
  EXPECT_EQ(latency(), "") << "not by the one who asked";
  flow.client(sip_text("SIP/2.0 200 OK", "c1", "1 BYE"), 1'000'250);
  EXPECT_EQ(latency(), "250");
}

TEST(Sip, RequestsAndAnswersCountInTheServicesHealth) {
  Sip flow;
  const std::string options = sip_text("OPTIONS sip:bob@example.test SIP/2.0", "c1", "2 OPTIONS");
  const auto call = [&] { return flow.dialogue.calls.back(); };
  flow.client(options);
  ASSERT_TRUE(call());
  EXPECT_TRUE(call()->is_request && !call()->by_server && !call()->failed);
  flow.client(options, 500'000);
  EXPECT_FALSE(call()) << "a repetition";
  flow.server(sip_text("SIP/2.0 100 Trying", "c1", "2 OPTIONS"), 500'100);
  ASSERT_TRUE(call());
  EXPECT_TRUE(!call()->is_request && call()->by_server && !call()->failed && call()->latency_us == 100U);
  flow.server(sip_text("SIP/2.0 503 Service Unavailable", "c1", "2 OPTIONS"), 700'000);
  ASSERT_TRUE(call());
  EXPECT_TRUE(!call()->is_request && call()->by_server && call()->failed && !call()->latency_us);
  flow.server(sip_text("SIP/2.0 503 Service Unavailable", "c1", "2 OPTIONS"), 800'000);
  EXPECT_FALSE(call()) << "a repetition";
  flow.client(sip_text("OPTIONS sip:bob@example.test SIP/2.0", "c1", "3 OPTIONS"), kSecond);
  flow.server(sip_text("SIP/2.0 404 Not Found", "c1", "3 OPTIONS"), kSecond + 50);
  ASSERT_TRUE(call());
  EXPECT_TRUE(!call()->failed && call()->latency_us == 50U);
}

TEST(Sip, ARequestHasOneFirstAnswerHoweverOftenBothCome) {
  Sip flow;
  const std::string options = sip_text("OPTIONS sip:bob@example.test SIP/2.0", "c1", "2 OPTIONS");
  const std::string trying = sip_text("SIP/2.0 100 Trying", "c1", "2 OPTIONS");
  for (const int64_t at : {int64_t{0}, kSecond}) {
    flow.client(options, at);
    flow.server(trying, at + 100);
  }
  EXPECT_EQ(flow.dialogue.health(), (ServiceHealth{.requests = 1, .delays = 1}));
  flow.server(sip_text("SIP/2.0 503 Service Unavailable", "c1", "2 OPTIONS"), 2 * kSecond);
  flow.server(sip_text("SIP/2.0 503 Service Unavailable", "c2", "2 OPTIONS"), 2 * kSecond);
  EXPECT_EQ(flow.dialogue.health(), (ServiceHealth{.requests = 1, .errors = 1, .delays = 1}));
}

TEST(Sip, EveryElementIsTold) {
  Sip flow;
  flow.client(sip_text("OPTIONS sip:bob@example.test SIP/2.0", "c1", "2 OPTIONS", "", "User-Agent: phone/1\r\n"));
  EXPECT_EQ(flow.last(), (Told{{"record", "sip"},
                               {"from", "initiator"},
                               {"observationTimeMilliseconds", "1700000000000"},
                               {"transactionIndex", "1"},
                               {"sipCallId", "c1"},
                               {"sipMethod", "OPTIONS"},
                               {"sipCSeq", "2"},
                               {"sipFrom", "sip:ann@example.test"},
                               {"sipTo", "sip:bob@example.test"},
                               {"sipUserAgent", "phone/1"}}));
  flow.server(sip_answer(405, "c1", "2 OPTIONS"));
  EXPECT_EQ(flow.last().at("sipStatusCode"), "405");
  EXPECT_EQ(flow.last().at("sipMethod"), "OPTIONS");
  EXPECT_EQ(flow.last().at("from"), "responder");
}

TEST(Sip, EachDatagramIsAMessage) {
  Sip flow;
  flow.client("hello");
  flow.client("\r\n\r\n");
  EXPECT_TRUE(flow.dialogue.records.empty()) << "they keep a NAT open";
  const std::string text = sip_text("MESSAGE sip:a SIP/2.0", "c", "1 MESSAGE", "v=0");
  flow.send({.bytes = LineFlow::bytes_of(text).first(text.size() - 2), .octets = static_cast<uint32_t>(text.size())});
  EXPECT_EQ(flow.last().at("partial"), "message cut");
  flow.client("MESSAGE sip:a SIP/2.0\r\nCall-ID: x");
  EXPECT_EQ(flow.last().at("partial"), "header malformed|message cut");
  EXPECT_EQ(flow.last().at("sipCallId"), "x");
  flow.client("MESSAGE sip:a SIP/2.0\r\nCSeq: 1 MESSAGE\r\nCall-ID: " + std::string(300, 'i') + "\r\n\r\n");
  EXPECT_EQ(flow.last().at("partial"), "text cut");
  EXPECT_EQ(flow.last().at("sipCallId"), std::string(256, 'i'));
}

TEST(Sip, SomethingElseIsGivenUp) {
  Sip flow;
  const std::string other(100, 'x');
  for (int at = 0; at < 15; ++at) EXPECT_EQ(flow.client(other), Status::More);
  EXPECT_EQ(flow.client(other), Status::Malformed);
  Sip tcp(kTcp);
  EXPECT_EQ(tcp.client("a\nb\nc\n"), Status::More);
  EXPECT_EQ(tcp.client("a\nb\nc\na\nb\nc\na\nb\nc\na\nb\nc\na\n"), Status::Malformed);
}

TEST(Sip, SeveralMessagesOfATcpSegment) {
  Sip flow(kTcp);
  flow.client(sip_request("REGISTER", "c1", 1) + "\r\n\r\n" + invite("c2", sdp_text("192.0.2.1", 4000)));
  EXPECT_EQ(flow.dialogue.records.size(), 2U);
  EXPECT_EQ(flow.last().at("sipMethod"), "INVITE");
  EXPECT_FALSE(flow.last().contains("partial"));
}

TEST(Sip, TcpWithoutItsBeginningAndWithAGap) {
  Sip flow(kTcp);
  const std::string text = "t: x\r\n\r\n" + sip_request("BYE", "c1", 1);
  flow.send({.bytes = LineFlow::bytes_of(text), .octets = static_cast<uint32_t>(text.size()), .in_middle = true});
  EXPECT_EQ(flow.dialogue.records.size(), 1U);
  const std::string next = "E sip:a SIP/2.0\r\nCall-ID: c\r\n\r\n" + sip_request("ACK", "c1", 1);
  flow.send({.bytes = LineFlow::bytes_of(next), .octets = static_cast<uint32_t>(next.size()), .gap = 9});
  EXPECT_EQ(flow.dialogue.records.size(), 2U);
  EXPECT_EQ(flow.last().at("sipMethod"), "ACK");
}

TEST(Sip, Recognition) {
  EXPECT_EQ(recognised(sip_request("REGISTER", "c", 1)), Verdict::Mine);
  EXPECT_EQ(recognised(sip_answer(200, "c", "1 REGISTER")), Verdict::Mine);
  EXPECT_EQ(recognised("hello", kUdp, 5060), Verdict::Unsure);
  EXPECT_EQ(recognised("hello"), Verdict::NotMine);
  EXPECT_EQ(recognised("GET / HTTP/1.1\r\n"), Verdict::NotMine);
  EXPECT_EQ(recognised("INVITE sip:a SIP/2.0"), Verdict::NotMine) << "a datagram has its whole first line";
  EXPECT_EQ(recognised("\r\n\r\nINVITE sip:a SIP", kTcp), Verdict::Unsure);
  EXPECT_EQ(recognised("INVITE sip:a SIP/2.0\r\n", kTcp), Verdict::Mine);
  EXPECT_EQ(recognised("GET / HT", kTcp), Verdict::NotMine) << "no scheme";
  EXPECT_EQ(recognised("\x16\x03\x01", kTcp), Verdict::NotMine);
  EXPECT_EQ(recognised("X: y\r\n\r\nSIP/2.0 200 OK\r\n", kTcp, 5060, true), Verdict::Mine);
  EXPECT_EQ(recognised("X: y\r\n", kTcp, 5060, true), Verdict::Unsure);
}

// ---- calls

TEST(Call, FromInviteToBye) {
  Sip flow;
  flow.client(invite("c1", sdp_text("192.0.2.1", 4000)));
  flow.server(sip_answer(100, "c1", "1 INVITE"), 10'000);
  flow.server(sip_answer(180, "c1", "1 INVITE"), 500'000);
  flow.server(sip_answer(200, "c1", "1 INVITE", sdp_text("192.0.2.2", 5000)), 3 * kSecond);
  flow.client(sip_request("ACK", "c1", 1), 3'010'000);
  flow.server(sip_request("BYE", "c1", 9, "Reason: Q.850;cause=16\r\n"), 60 * kSecond);
  flow.client(sip_answer(200, "c1", "9 BYE"), 60 * kSecond + 20'000);
  flow.time(64 * kSecond);
  EXPECT_TRUE(flow.calls().empty()) << "the last RTP may yet come";
  flow.time(66 * kSecond);
  EXPECT_EQ(flow.call(), (Told{{"record", "call"},
                               {"from", "initiator"},
                               {"observationTimeMilliseconds", "1700000000000"},
                               {"transactionIndex", "8"},
                               {"sipCallId", "c1"},
                               {"sipFrom", "sip:ann@example.test"},
                               {"sipTo", "sip:bob@example.test"},
                               {"sipFromTag", "a"},
                               {"sipToTag", "b"},
                               {"callState", "completed"},
                               {"callStartMilliseconds", "1700000000000"},
                               {"callAnswerMilliseconds", "1700000003000"},
                               {"callEndMilliseconds", "1700000060000"},
                               {"sipStatusCode", "200"},
                               {"callPostDialDelayMilliseconds", "500"},
                               {"callEarlyMedia", "0"},
                               {"callReinvites", "0"},
                               {"callHolds", "0"},
                               {"callReason", "Q.850;cause=16"}}));
  flow.time(100 * kSecond);
  EXPECT_EQ(flow.end().size(), 8U) << "once";
}

TEST(Call, EarlyMediaReinviteAndHold) {
  Sip flow;
  flow.client(invite("c1", sdp_text("192.0.2.1", 4000)));
  flow.server(sip_answer(183, "c1", "1 INVITE", sdp_text("192.0.2.2", 5000)), kSecond);
  flow.server(sip_answer(200, "c1", "1 INVITE", sdp_text("192.0.2.2", 5000)), 2 * kSecond);
  const std::string hold = invite("c1", sdp_text("192.0.2.1", 4000, "a=sendonly\r\n"), "2 INVITE");
  flow.client(hold, 3 * kSecond);
  flow.client(hold, 4 * kSecond);
  flow.server(sip_answer(200, "c1", "2 INVITE", sdp_text("192.0.2.2", 5000, "a=recvonly\r\n")), 4 * kSecond);
  flow.client(invite("c1", sdp_text("192.0.2.1", 4000), "3 INVITE"), 5 * kSecond);
  flow.server(sip_answer(488, "c1", "3 INVITE"), 6 * kSecond);
  flow.client(sip_request("BYE", "c1", 4), 7 * kSecond);
  flow.server(sip_answer(200, "c1", "4 BYE"), 7 * kSecond);
  flow.end(FlowOver::RunOver, 7 * kSecond);
  const Told call = flow.call();
  EXPECT_EQ(call.at("callEarlyMedia"), "1");
  EXPECT_EQ(call.at("callReinvites"), "2") << "one of them was sent twice";
  EXPECT_EQ(call.at("callHolds"), "1");
  EXPECT_EQ(call.at("sipStatusCode"), "200") << "of the first INVITE";
  EXPECT_EQ(call.at("callState"), "completed");
}

TEST(Call, WithCredentialsItIsTheSameCall) {
  Sip flow;
  flow.client(invite("c1", sdp_text("192.0.2.1", 4000)));
  flow.server(sip_answer(407, "c1", "1 INVITE"), 10'000);
  flow.client(sip_request("ACK", "c1", 1), 20'000);
  flow.client(invite("c1", sdp_text("192.0.2.1", 4000), "2 INVITE"), 30'000);
  flow.server(sip_answer(407, "c1", "1 INVITE"), 40'000);
  flow.time(20 * kSecond);
  EXPECT_TRUE(flow.calls().empty()) << "the repeated answer is to the first INVITE";
  flow.server(sip_answer(486, "c1", "2 INVITE"), 21 * kSecond);
  flow.time(27 * kSecond);
  EXPECT_EQ(flow.call().at("callState"), "failed");
  EXPECT_EQ(flow.call().at("sipStatusCode"), "486");
  EXPECT_EQ(flow.call().at("callEndMilliseconds"), "1700000021000");
  EXPECT_FALSE(flow.call().contains("callAnswerMilliseconds"));
}

TEST(Call, Cancelled) {
  Sip flow;
  flow.client(invite("c1", sdp_text("192.0.2.1", 4000)));
  flow.server(sip_answer(180, "c1", "1 INVITE"), kSecond);
  flow.client(sip_request("CANCEL", "c1", 1), 2 * kSecond);
  flow.server(sip_answer(200, "c1", "1 CANCEL"), 2 * kSecond);
  flow.server(sip_answer(487, "c1", "1 INVITE"), 2'100'000);
  flow.time(8 * kSecond);
  EXPECT_EQ(flow.call().at("callState"), "cancelled");
  EXPECT_EQ(flow.call().at("sipStatusCode"), "487");
  EXPECT_EQ(flow.call().at("callEndMilliseconds"), "1700000002000");
}

TEST(Call, NobodyAnswers) {
  Sip flow;
  flow.client(invite("c1", sdp_text("192.0.2.1", 4000)));
  flow.time(299 * kSecond);
  EXPECT_TRUE(flow.calls().empty());
  flow.time(301 * kSecond);
  EXPECT_EQ(flow.call().at("callState"), "timeout");
  Sip bye;
  bye.client(invite("c1", sdp_text("192.0.2.1", 4000)));
  bye.server(sip_answer(200, "c1", "1 INVITE"));
  bye.client(sip_request("BYE", "c1", 2), kSecond);
  bye.time(32 * kSecond);
  EXPECT_TRUE(bye.calls().empty());
  bye.time(34 * kSecond);
  EXPECT_EQ(bye.call().at("callState"), "completed") << "nobody answers the BYE";
}

TEST(Call, TheAnswersAloneAndTheEndOfTheRun) {
  Sip flow;
  flow.client(sip_answer(180, "c1", "1 INVITE"));
  flow.client(sip_answer(200, "c1", "1 INVITE", sdp_text("192.0.2.2", 5000)), kSecond);
  flow.end(FlowOver::RunOver, kSecond);
  const Told call = flow.call();
  EXPECT_EQ(call.at("from"), "responder") << "who was answered, sent the INVITE";
  EXPECT_EQ(call.at("partial"), "INVITE not seen");
  EXPECT_EQ(call.at("callState"), "pending");
  EXPECT_FALSE(call.contains("callPostDialDelayMilliseconds"));
  Sip other;
  other.client(sip_request("BYE", "c2", 1));
  other.client(sip_answer(404, "c3", "1 INVITE"));
  EXPECT_EQ(other.end(FlowOver::RunOver).size(), 2U) << "no call began";
}

TEST(Call, IsToldWithItsFlowWhenItEndedBefore) {
  Sip flow(kTcp);
  flow.client(invite("c1", sdp_text("192.0.2.1", 4000)));
  flow.server(sip_answer(486, "c1", "1 INVITE"), 10'000);
  flow.end(FlowOver::Ended, kSecond);
  EXPECT_EQ(flow.call().at("callState"), "failed");
}

/// Flows of SIP end when they are silent; the call goes on.
TEST(Call, OutlivesItsFlow) {
  struct Kept final : RecordSink {
    std::vector<std::string> told;
    void put(const RecordRef& record) override {
      told.push_back(std::string(record.type->name) + " " + to_text(record.common->source));
    }
  } kept;
  const auto shared = std::make_shared<Shared>();
  shared->join();
  TestFlow first(protocol::sip, kUdp, 5060, shared);
  first.send(true, LineFlow::bytes_of(invite("c1", sdp_text("192.0.2.1", 4000))));
  first.send(false, LineFlow::bytes_of(sip_answer(200, "c1", "1 INVITE")));
  first.end(FlowOver::Ended, 40 * kSecond);
  EXPECT_EQ(first.dialogue.records.size(), 2U);
  TestFlow second(protocol::sip, kUdp, 5060, shared);
  second.send(true, LineFlow::bytes_of(sip_request("BYE", "c1", 2)), 100 * kSecond);
  second.send(false, LineFlow::bytes_of(sip_answer(200, "c1", "2 BYE")), 100 * kSecond);
  shared->on_time(TestFlow::kBegin + 104 * kSecond, kept);
  EXPECT_TRUE(kept.told.empty());
  shared->on_time(TestFlow::kBegin + 106 * kSecond, kept);
  EXPECT_EQ(kept.told, (std::vector<std::string>{"call 192.0.2.1"}));
  TestFlow third(protocol::sip, kUdp, 5060, shared);
  third.send(true, LineFlow::bytes_of(invite("c2", sdp_text("192.0.2.1", 4000))), 110 * kSecond);
  third.end(FlowOver::Evicted, 110 * kSecond);
  shared->leave(TestFlow::kBegin + 111 * kSecond, kept);
  EXPECT_EQ(kept.told.size(), 2U) << "the end of the run tells what is left";
}

}  // namespace
}  // namespace microcloud
