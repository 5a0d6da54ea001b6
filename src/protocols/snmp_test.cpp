// What an SNMP message says in each version, which response is whose, what is told of community strings, and what is no
// SNMP.
#include <gtest/gtest.h>

#include <string>

#include "protocols/dialogue_test.h"
#include "protocols/protocols.h"
#include "protocols/wire/snmp_bytes_test.h"

namespace microcloud {
namespace {

using namespace snmp_bytes;
using namespace snmp_pdu;
using Told = TestDialogue::Told;

constexpr uint8_t kUdp = 17;
constexpr bool kManager = TestFlow::kInitiator, kAgent = TestFlow::kResponder;
constexpr int64_t kSecond = 1'000'000;
constexpr const char* kLatency = "serverLatencyMicroseconds";

struct Snmp : TestFlow {
  Snmp() : TestFlow(protocol::snmp, kUdp, 161) { dialogue.allowed.hash = KeyedHash("key"); }
  const Told& last() const { return dialogue.records.back(); }
  const Told& say(bool from, const Octets8& bytes, int64_t at_us = 0) {
    send(from, bytes, at_us);
    return last();
  }
};

Verdict recognised(const Octets8& bytes, uint16_t port, size_t captured = SIZE_MAX) {
  const TestDialogue dialogue(kUdp, port);
  return protocol::snmp.recognise(
      {.bytes = Bytes(bytes).first(std::min(captured, bytes.size())), .octets = static_cast<uint32_t>(bytes.size())},
      dialogue.flow());
}

TEST(Snmp, EveryElementOfAResponseIsTold) {
  Snmp flow;
  flow.dialogue.allowed.secrets = true;
  flow.say(kManager, message({.request_id = -7}));
  EXPECT_EQ(flow.say(kAgent,
                     message({.type = kResponse,
                              .request_id = -7,
                              .error_status = 2,
                              .error_index = 1,
                              .bindings = {binding(5), binding(6)}}),
                     1500),
            (Told{{"record", "snmp"},
                  {"from", "responder"},
                  {"observationTimeMilliseconds", "1700000000001"},
                  {"transactionIndex", "2"},
                  {"snmpVersion", "2c"},
                  {"snmpPduType", "2"},
                  {"snmpRequestId", "-7"},
                  {"snmpErrorStatus", "2"},
                  {"snmpErrorIndex", "1"},
                  {"snmpOids", "1.3.6.1.2.1.1.5.0|1.3.6.1.2.1.1.6.0"},
                  {"snmpCommunityHash", "745a83da46cf914686df316375195ffc"},
                  {"snmpCommunity", "public"},
                  {kLatency, "1500"}}));
}

TEST(Snmp, CommunitiesAreTheirHashes) {
  Snmp flow;
  const std::string first = flow.say(kManager, message({})).at("snmpCommunityHash");
  EXPECT_FALSE(flow.last().contains("snmpCommunity"));
  EXPECT_EQ(first.size(), 32U);
  const Octets8 other = message(snmp_version::k2c, "private", Pdu{}.bytes());
  EXPECT_NE(flow.say(kManager, other).at("snmpCommunityHash"), first);
  EXPECT_EQ(flow.say(kManager, message({})).at("snmpCommunityHash"), first);
  Snmp keyed;
  keyed.dialogue.allowed.hash = KeyedHash("another key");
  EXPECT_NE(keyed.say(kManager, message({})).at("snmpCommunityHash"), first);
  for (const auto& [name, value] : flow.last()) EXPECT_EQ(value.find("public"), std::string::npos) << name;
}

TEST(Snmp, AResponseIsTheOneOfItsRequest) {
  Snmp flow;
  flow.say(kManager, message({.request_id = 1}), 0);
  flow.say(kManager, message({.request_id = 2}), 100);
  EXPECT_EQ(flow.say(kAgent, message({.type = kResponse, .request_id = 2}), 350).at(kLatency), "250");
  EXPECT_EQ(flow.say(kAgent, message({.type = kResponse, .request_id = 1}), 400).at(kLatency), "400");
  EXPECT_FALSE(flow.say(kAgent, message({.type = kResponse, .request_id = 1}), 500).contains(kLatency)) << "again";
  EXPECT_FALSE(flow.say(kAgent, message({.type = kResponse, .request_id = 3}), 500).contains(kLatency)) << "unknown";
  flow.say(kManager, message({.request_id = 4}), 600);
  EXPECT_FALSE(flow.say(kManager, message({.type = kResponse, .request_id = 4}), 700).contains(kLatency))
      << "of the wrong side";
  const Octets8 v1 = message(snmp_version::k1, "public", Pdu{.type = kResponse, .request_id = 4}.bytes());
  EXPECT_FALSE(flow.say(kAgent, v1, 700).contains(kLatency)) << "of another version";
  EXPECT_FALSE(flow.say(kAgent, message({.type = kResponse, .request_id = 4}), 40 * kSecond).contains(kLatency))
      << "nobody waits so long";
}

TEST(Snmp, ARepeatedRequestIsAnsweredFromItsLastTransmission) {
  Snmp flow;
  flow.say(kManager, message({.type = kGetBulk, .request_id = 5, .error_status = 1, .error_index = 10}));
  EXPECT_FALSE(flow.last().contains("snmpErrorStatus")) << "these are non-repeaters and max-repetitions";
  flow.say(kManager, message({.type = kGetBulk, .request_id = 5}), kSecond);
  EXPECT_EQ(flow.say(kAgent, message({.type = kResponse, .request_id = 5}), kSecond + 70).at(kLatency), "70");
}

TEST(Snmp, RequestsThatNobodyAnswersAreBounded) {
  Snmp flow;
  for (int64_t id = 0; id < 1000; ++id) flow.say(kManager, message({.request_id = id}));
  EXPECT_FALSE(flow.say(kAgent, message({.type = kResponse, .request_id = 0})).contains(kLatency));
  EXPECT_TRUE(flow.say(kAgent, message({.type = kResponse, .request_id = 999})).contains(kLatency));
}

TEST(Snmp, TrapsHaveNoAnswerAndInformsHave) {
  Snmp flow;
  const Octets8 which = sequence({element(ber_tag::kOid, {0x2b, 6, 1, 6, 3, 1, 1, 4, 1, 0}),
                                  element(ber_tag::kOid, {0x2b, 6, 1, 6, 3, 1, 1, 5, 3})});
  flow.say(kManager, message({.type = kTrap, .request_id = 8, .bindings = {binding(3), which}}));
  EXPECT_EQ(flow.last().at("snmpTrapOid"), "1.3.6.1.6.3.1.1.5.3");
  EXPECT_EQ(flow.last().at("snmpOids"), "1.3.6.1.2.1.1.3.0|1.3.6.1.6.3.1.1.4.1.0");
  EXPECT_FALSE(flow.say(kAgent, message({.type = kResponse, .request_id = 8}), 10).contains(kLatency));
  flow.say(kManager, message({.type = kInform, .request_id = 9}), 20);
  EXPECT_EQ(flow.say(kAgent, message({.type = kResponse, .request_id = 9}), 50).at(kLatency), "30");
}

TEST(Snmp, TrapsOfVersion1AreNamedAsThoseOfVersion2) {
  Snmp flow;
  flow.say(kManager, trap_v1(6, 17));
  EXPECT_EQ(flow.last().at("snmpTrapOid"), "1.3.6.1.4.1.8072.0.17");
  EXPECT_EQ(flow.last().at("snmpVersion"), "1");
  EXPECT_EQ(flow.last().at("snmpPduType"), "4");
  EXPECT_EQ(flow.last().at("snmpOids"), "1.3.6.1.2.1.1.3.0");
  EXPECT_FALSE(flow.last().contains("snmpRequestId"));
  EXPECT_FALSE(flow.last().contains("partial"));
  EXPECT_EQ(flow.say(kManager, trap_v1(2, 0)).at("snmpTrapOid"), "1.3.6.1.6.3.1.1.5.3");
}

TEST(Snmp, Version3InClear) {
  Snmp flow;
  EXPECT_EQ(flow.say(kManager, Version3{.message_id = 77}.plain({.request_id = 5})),
            (Told{{"record", "snmp"},
                  {"from", "initiator"},
                  {"observationTimeMilliseconds", "1700000000000"},
                  {"transactionIndex", "1"},
                  {"snmpVersion", "3"},
                  {"snmpPduType", "0"},
                  {"snmpRequestId", "5"},
                  {"snmpMessageId", "77"},
                  {"snmpErrorStatus", "0"},
                  {"snmpErrorIndex", "0"},
                  {"snmpOids", "1.3.6.1.2.1.1.5.0"},
                  {"snmpUser", "ann"}}));
  const Octets8 report = Version3{.message_id = 77, .flags = 0}.plain({.type = kReport, .request_id = 0});
  EXPECT_EQ(flow.say(kAgent, report, 40).at(kLatency), "40") << "the request-id need not be the same, the msgID is";
  EXPECT_EQ(flow.say(kManager, Version3{.user = ""}.plain({})).at("snmpUser"), "");
  EXPECT_FALSE(flow.say(kManager, Version3{.model = 2}.plain({})).contains("snmpUser")) << "another security model";
}

TEST(Snmp, Version3Encrypted) {
  Snmp flow;
  EXPECT_EQ(flow.say(kManager, Version3{.message_id = 3}.encrypted()),
            (Told{{"record", "snmp"},
                  {"from", "initiator"},
                  {"observationTimeMilliseconds", "1700000000000"},
                  {"transactionIndex", "1"},
                  {"snmpVersion", "3"},
                  {"snmpMessageId", "3"},
                  {"snmpUser", "ann"}}));
  EXPECT_EQ(flow.say(kAgent, Version3{.message_id = 3, .flags = 0}.encrypted(), 25).at(kLatency), "25");
  flow.say(kManager, Version3{.message_id = 4, .flags = 0}.encrypted());
  EXPECT_FALSE(flow.say(kAgent, Version3{.message_id = 4, .flags = 0}.encrypted(), 25).contains(kLatency))
      << "what nobody was to answer was a trap";
}

TEST(Snmp, AnEncryptedRequestCountsAsOneOfItsService) {
  Snmp flow;
  flow.say(kManager, Version3{.message_id = 3}.encrypted());
  flow.say(kManager, Version3{.message_id = 3}.encrypted(), 10);
  EXPECT_EQ(flow.dialogue.health(), (ServiceHealth{.requests = 1})) << "repeated";
  flow.say(kAgent, Version3{.message_id = 3, .flags = 0}.encrypted(), 25);
  EXPECT_EQ(flow.dialogue.health(), (ServiceHealth{.requests = 1, .delays = 1}));
  flow.say(kManager, Version3{.message_id = 4, .flags = 0}.encrypted(), 30);  // a trap
  flow.say(kAgent, Version3{.message_id = 5, .flags = 0}.encrypted(), 40);    // to nobody's request
  EXPECT_EQ(flow.dialogue.health(), (ServiceHealth{.requests = 1, .delays = 1}));
  EXPECT_TRUE(flow.dialogue.counters.empty()) << "which kind of request it is nobody knows";
}

TEST(Snmp, AnErrorCountsWhenItsRequestWasSeen) {
  const auto refused = [](int64_t id) { return message({.type = kResponse, .request_id = id, .error_status = 2}); };
  Snmp flow;
  flow.say(kAgent, refused(1));
  EXPECT_EQ(flow.dialogue.health(), ServiceHealth{});
  EXPECT_TRUE(flow.dialogue.counters.empty());
  flow.say(kManager, message({.request_id = 2}), 10);
  flow.say(kAgent, refused(2), 20);
  flow.say(kAgent, refused(2), 30);
  EXPECT_EQ(flow.dialogue.health(), (ServiceHealth{.requests = 1, .errors = 1, .delays = 1}));
  EXPECT_EQ(flow.dialogue.counters, (std::map<std::string, uint64_t>{{"snmp.requests", 1}, {"snmp.errors", 1}}));
  flow.say(kManager, message({.type = kInform, .request_id = 3}), 40);
  flow.say(kAgent, message({.type = kResponse, .request_id = 3}), 50);
  EXPECT_EQ(flow.dialogue.health(), (ServiceHealth{.requests = 2, .errors = 1, .delays = 2}));
  EXPECT_EQ(flow.dialogue.counters.at("snmp.traps"), 1U);
}

TEST(Snmp, WhatIsMalformedIsSaid) {
  Snmp flow;
  const auto partial = [&](const Octets8& bytes) {
    flow.say(kManager, bytes);
    return flow.last().contains("partial") ? flow.last().at("partial") : "";
  };
  EXPECT_EQ(partial(message({.bindings = {sequence({text("no name")})}})), "message malformed");
  EXPECT_EQ(partial(message({.bindings = {binding(1), Octets8{0x30, 9, 1}}})), "message malformed");
  EXPECT_EQ(flow.last().at("snmpOids"), "1.3.6.1.2.1.1.1.0");
  EXPECT_EQ(partial(message(1, "public", element(0xa0, joined({integer(1), integer(0)})))), "message malformed");
  EXPECT_EQ(flow.last().at("snmpRequestId"), "1");
  EXPECT_EQ(partial(message({.request_id = 1LL << 40})), "message malformed") << "more than 32 bits";
  EXPECT_EQ(partial(message(1, "public", joined({Pdu{}.bytes(), text("more")}))), "message malformed");
  std::vector<Octets8> many(100, binding(1));
  EXPECT_EQ(partial(message({.bindings = many})), "names cut");
  EXPECT_EQ(partial(message({})), "");
}

TEST(Snmp, TheCaptureMayCutAMessage) {
  const Octets8 whole = message({.bindings = {binding(1), binding(2)}});
  size_t told = 0;
  for (size_t size = 0; size < whole.size(); ++size) {
    Snmp flow;
    flow.send({.bytes = Bytes(whole).first(size), .octets = static_cast<uint32_t>(whole.size())});
    if (flow.dialogue.records.empty()) continue;
    ++told;
    EXPECT_EQ(flow.last().at("partial"), "message cut") << size;
    EXPECT_TRUE(flow.last().contains("snmpCommunityHash"));
  }
  EXPECT_EQ(told, whole.size() - 13) << "from the end of the community on";
}

TEST(Snmp, SomethingElseIsGivenUp) {
  Snmp flow;
  const Octets8 other = sequence({integer(2), text("version 2 of no kind")});
  for (int at = 0; at < 7; ++at) EXPECT_EQ(flow.send(kManager, other), Status::More);
  EXPECT_EQ(flow.send(kManager, Octets8{}), Status::Malformed);
  EXPECT_TRUE(flow.dialogue.records.empty());
}

TEST(Snmp, OnlyWhatFitsTogetherIsRecognisedAtOtherPorts) {
  const Octets8 good = message({});
  EXPECT_EQ(recognised(good, 4000), Verdict::Mine);
  EXPECT_EQ(recognised(trap_v1(6, 1), 4000), Verdict::Mine);
  EXPECT_EQ(recognised(Version3{}.encrypted(), 4000), Verdict::Mine);
  EXPECT_EQ(recognised(Version3{}.plain({}), 4000), Verdict::Mine);
  EXPECT_EQ(recognised(good, 4000, good.size() - 5), Verdict::Mine) << "cut by the capture";
  EXPECT_EQ(recognised(joined({good, {0}}), 4000), Verdict::NotMine);
  EXPECT_EQ(recognised(joined({good, {0}}), 162), Verdict::Mine);
  EXPECT_EQ(recognised(message(1, "public", element(0xa9, {})), 4000), Verdict::NotMine);
  EXPECT_EQ(recognised(sequence({integer(1), element(0x60, {})}), 4000), Verdict::NotMine) << "LDAP";
  EXPECT_EQ(recognised(sequence({integer(1), element(0x60, {})}), 161), Verdict::Unsure) << "the next one may tell";
  EXPECT_EQ(recognised(Octets8{}, 4000), Verdict::NotMine);
}

}  // namespace
}  // namespace microcloud
