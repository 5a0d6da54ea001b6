// What a RADIUS message says, which are repetitions, how long the server took, and what is no RADIUS.
#include <gtest/gtest.h>

#include <string>

#include "protocols/dialogue_test.h"
#include "protocols/protocols.h"
#include "protocols/wire/radius_bytes_test.h"
#include "protocols/wire/radius_message.h"

namespace microcloud {
namespace {

using namespace std::string_literals;
using namespace radius_attribute;
using namespace radius_code;
using Told = TestDialogue::Told;

constexpr uint8_t kUdp = 17;
constexpr bool kClient = TestFlow::kInitiator, kServer = TestFlow::kResponder;
constexpr int64_t kSecond = 1'000'000;

struct Radius : TestFlow {
  Radius() : TestFlow(protocol::radius, kUdp, 1813) {}
  const Told& last() const { return dialogue.records.back(); }
};

RadiusBytes accounting(uint8_t id, uint32_t status, uint8_t authenticator = 7) {
  return RadiusBytes(kAccountingRequest, id, authenticator)
      .attribute(kUserName, "ann")
      .number(kAcctStatusType, status)
      .attribute(kAcctSessionId, "s-1");
}

Verdict recognised(const RadiusBytes& message, uint16_t port) {
  const TestDialogue dialogue(kUdp, port);
  const Bytes bytes = message;
  return protocol::radius.recognise({.bytes = bytes, .octets = static_cast<uint32_t>(bytes.size())}, dialogue.flow());
}

TEST(Radius, EveryElementIsTold) {
  Radius flow;
  const std::string vendor = "\0\0\x28\xaf"s;
  flow.send(kClient, accounting(9, 2)
                         .number(kNasIpAddress, 0xc0000207)
                         .number(kFramedIpAddress, 0x0a141e28)
                         .attribute(kCalledStationId, "internet")
                         .attribute(kCallingStationId, "02-00-00-00-00-0A")
                         .attribute(kNasIdentifier, "gate")
                         .number(kAcctDelayTime, 3)
                         .number(kAcctTerminateCause, 4)
                         .attribute(kFramedIpv6Prefix, "\0\x40\x20\x01\x0d\xb8\0\x0a\0\0"s)
                         .attribute(kDelegatedIpv6Prefix, "\0\x28\x20\x01\x0d\xb8\xab\xff"s)
                         .attribute(kFramedIpv6Address, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x05"s)
                         .attribute(kVendorSpecific, vendor + "\x01\x11" + "001010123456789")
                         .attribute(kVendorSpecific, vendor + "\x14\x12" + "3561234567890123"));
  EXPECT_EQ(flow.last(), (Told{{"record", "radius"},
                               {"from", "initiator"},
                               {"observationTimeMilliseconds", "1700000000000"},
                               {"transactionIndex", "1"},
                               {"radiusCode", "4"},
                               {"radiusId", "9"},
                               {"radiusRetransmission", "0"},
                               {"radiusUserName", "ann"},
                               {"radiusFramedIPv4Address", flow.last().at("radiusFramedIPv4Address")},
                               {"radiusFramedIPv6Prefixes", "2001:db8:a::/64|2001:db8:ab00::/40|2001:db8::5/128"},
                               {"radiusAcctStatusType", "2"},
                               {"radiusAcctSessionId", "s-1"},
                               {"radiusCallingStationId", "02-00-00-00-00-0A"},
                               {"radiusCalledStationId", "internet"},
                               {"radiusNasIPv4Address", flow.last().at("radiusNasIPv4Address")},
                               {"radiusNasIdentifier", "gate"},
                               {"radiusTerminateCause", "4"},
                               {"radiusAcctDelaySeconds", "3"},
                               {"radius3gppImsi", "001010123456789"},
                               {"radius3gppImeisv", "3561234567890123"}}));
}

TEST(Radius, TheClientIsTheSourceOfBothMessages) {
  Radius flow;
  flow.send(kClient, accounting(1, 1));
  flow.send(kServer, RadiusBytes(kAccountingResponse, 1), 2500);
  EXPECT_EQ(flow.last().at("from"), "initiator");
  EXPECT_EQ(flow.last().at("serverLatencyMicroseconds"), "2500");
  flow.send(kServer, RadiusBytes(kDisconnectRequest, 5).attribute(kUserName, "ann"), 3000);
  EXPECT_EQ(flow.last().at("from"), "responder");
  flow.send(kClient, RadiusBytes(kDisconnectAck, 5), 3700);
  EXPECT_EQ(flow.last().at("from"), "responder");
  EXPECT_EQ(flow.last().at("serverLatencyMicroseconds"), "700");
  EXPECT_EQ(flow.dialogue.records.size(), 4U);
}

TEST(Radius, ARepetitionHasTheSameAuthenticator) {
  Radius flow;
  flow.send(kClient, accounting(1, 1));
  flow.send(kClient, accounting(1, 1), kSecond);
  EXPECT_EQ(flow.last().at("radiusRetransmission"), "1");
  flow.send(kServer, RadiusBytes(kAccountingResponse, 1), kSecond + 100);
  EXPECT_EQ(flow.last().at("serverLatencyMicroseconds"), "100") << "from the last transmission";
  EXPECT_EQ(flow.last().at("radiusRetransmission"), "0");
  flow.send(kServer, RadiusBytes(kAccountingResponse, 1), kSecond + 200);
  EXPECT_EQ(flow.last().at("radiusRetransmission"), "1");
  EXPECT_FALSE(flow.last().contains("serverLatencyMicroseconds"));
  flow.send(kClient, accounting(1, 3, 8), 2 * kSecond);
  EXPECT_EQ(flow.last().at("radiusRetransmission"), "0") << "the identifier is used again";
  flow.send(kClient, accounting(1, 3, 8), 40 * kSecond);
  EXPECT_EQ(flow.last().at("radiusRetransmission"), "0") << "nobody waits so long";
}

TEST(Radius, EachRequestHasOneAnswerThatCounts) {
  Radius flow;
  flow.send(kServer, RadiusBytes(kAccessReject, 9));
  EXPECT_EQ(flow.dialogue.health(), ServiceHealth{});
  EXPECT_TRUE(flow.dialogue.counters.empty()) << "nobody's request";
  for (const int64_t at : {int64_t{0}, kSecond}) {
    flow.send(kClient, RadiusBytes(kAccessRequest, 1), at);
    flow.send(kServer, RadiusBytes(kAccessReject, 1), at + 100);
  }
  EXPECT_EQ(flow.last().at("radiusRetransmission"), "1") << "the request came again, and so did its answer";
  EXPECT_FALSE(flow.last().contains("serverLatencyMicroseconds"));
  EXPECT_EQ(flow.dialogue.health(), (ServiceHealth{.requests = 1, .delays = 1}));
  EXPECT_EQ(flow.dialogue.counters, (std::map<std::string, uint64_t>{{"radius.requests", 1}, {"radius.rejects", 1}}));
}

TEST(Radius, AResponseThatAnswersNothingHasNoLatency) {
  Radius flow;
  flow.send(kServer, RadiusBytes(kAccountingResponse, 1));
  EXPECT_FALSE(flow.last().contains("serverLatencyMicroseconds"));
  flow.send(kClient, accounting(1, 1), 10);
  flow.send(kServer, RadiusBytes(kAccessAccept, 1), 20);
  EXPECT_FALSE(flow.last().contains("serverLatencyMicroseconds")) << "of another kind";
  flow.send(kServer, RadiusBytes(kAccountingResponse, 2), 30);
  EXPECT_FALSE(flow.last().contains("serverLatencyMicroseconds")) << "of another request";
  flow.send(kClient, RadiusBytes(kAccountingResponse, 1), 40);
  EXPECT_FALSE(flow.last().contains("serverLatencyMicroseconds")) << "of the wrong side";
}

TEST(Radius, PasswordsAreNotTold) {
  Radius flow;
  flow.send(
      kClient,
      RadiusBytes(kAccessRequest, 1).attribute(kUserName, "ann").attribute(2, "hidden-password!").attribute(3, "chap"));
  for (const auto& [name, text] : flow.last()) {
    EXPECT_EQ(text.find("hidden"), std::string::npos) << name;
    EXPECT_EQ(text.find("chap"), std::string::npos) << name;
  }
}

TEST(Radius, WhatIsMalformedIsSaid) {
  Radius flow;
  flow.send(kClient, accounting(1, 1).attribute(kFramedIpAddress, "abc"));
  EXPECT_EQ(flow.last().at("partial"), "attribute malformed");
  EXPECT_FALSE(flow.last().contains("radiusFramedIPv4Address"));
  flow.send(kClient, accounting(2, 1).attribute(kFramedIpv6Prefix, "\0\x81\x20\x01"s));
  EXPECT_EQ(flow.last().at("partial"), "attribute malformed") << "129 bits";
  flow.send(kClient, accounting(3, 1).attribute(kFramedIpv6Prefix, "\0\x40\x20\x01"s));
  EXPECT_EQ(flow.last().at("partial"), "attribute malformed") << "64 bits in two octets";
  flow.send(kClient, accounting(4, 1).octet(21, 1));
  EXPECT_EQ(flow.last().at("partial"), "attribute malformed") << "shorter than its own header";
  flow.send(kClient, accounting(5, 1).octet(21, 200));
  EXPECT_EQ(flow.last().at("partial"), "attribute malformed") << "longer than the message";
  flow.send(kClient, accounting(6, 1).attribute(kVendorSpecific, "\0\0\x28\xaf\x01\x30x"s));
  EXPECT_EQ(flow.last().at("partial"), "attribute malformed") << "longer than the vendor's attribute";
  RadiusBytes many = accounting(7, 1);
  for (int at = 0; at < 17; ++at) many.attribute(kFramedIpv6Prefix, "\0\x08\x20"s);
  flow.send(kClient, many);
  EXPECT_EQ(flow.last().at("partial"), "prefixes cut");
}

TEST(Radius, TheCaptureMayCutAMessage) {
  Radius flow;
  const RadiusBytes whole = accounting(1, 1).attribute(kCalledStationId, "internet");
  const Bytes bytes = whole;
  flow.send({.bytes = bytes.first(bytes.size() - 4), .octets = static_cast<uint32_t>(bytes.size())});
  EXPECT_EQ(flow.last().at("partial"), "message cut");
  EXPECT_EQ(flow.last().at("radiusUserName"), "ann");
  EXPECT_FALSE(flow.last().contains("radiusCalledStationId"));
}

TEST(Radius, WhatFollowsTheMessageIsPadding) {
  Radius flow;
  flow.send(kClient, accounting(1, 1).behind("\x01\x05xyz"));
  EXPECT_EQ(flow.last().at("radiusUserName"), "ann");
  EXPECT_FALSE(flow.last().contains("partial"));
}

TEST(Radius, SomethingElseIsGivenUp) {
  Radius flow;
  for (int at = 0; at < 7; ++at) EXPECT_EQ(flow.send(kClient, RadiusBytes(6, 1)), Status::More);
  EXPECT_EQ(flow.send(kClient, RadiusBytes(kAccessRequest, 1).length(19)), Status::Malformed);
  EXPECT_TRUE(flow.dialogue.records.empty());
  Radius other;
  for (int at = 0; at < 20; ++at) {
    EXPECT_EQ(other.send(kClient, RadiusBytes(kAccessRequest, 1).length(21)), Status::More)
        << "longer than the datagram";
    EXPECT_EQ(other.send(kClient, accounting(1, 1)), Status::More);
  }
}

TEST(Radius, OnlyWhatProvesItIsRecognisedAtOtherPorts) {
  EXPECT_EQ(recognised(accounting(1, 1), 1813), Verdict::Mine);
  EXPECT_EQ(recognised(accounting(1, 1), 4000), Verdict::Mine);
  EXPECT_EQ(recognised(RadiusBytes(kAccessRequest, 1).attribute(kUserName, "a").number(kNasIpAddress, 1), 4000),
            Verdict::Mine);
  EXPECT_EQ(recognised(RadiusBytes(kAccessRequest, 1).attribute(kUserName, "a"), 4000), Verdict::Unsure);
  EXPECT_EQ(recognised(RadiusBytes(kAccountingResponse, 1), 4000), Verdict::Unsure);
  EXPECT_EQ(recognised(RadiusBytes(kAccountingResponse, 1), 1646), Verdict::Mine);
  EXPECT_EQ(recognised(accounting(1, 1).attribute(kNasIpAddress, "abc"), 4000), Verdict::NotMine);
  EXPECT_EQ(recognised(accounting(1, 1).behind("x"), 4000), Verdict::NotMine);
  EXPECT_EQ(recognised(RadiusBytes(6, 1), 4000), Verdict::NotMine);
  EXPECT_EQ(recognised(RadiusBytes(6, 1), 1812), Verdict::Unsure) << "the next one may tell";
}

}  // namespace
}  // namespace microcloud
