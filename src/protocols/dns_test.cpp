// Queries and responses: which belong together, when their record is told, and what it says.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocols/dialogue_test.h"
#include "protocols/protocols.h"
#include "protocols/wire/dns_bytes_test.h"

namespace microcloud {
namespace {

constexpr uint8_t kTcp = 6, kUdp = 17;
constexpr bool kClient = TestFlow::kInitiator, kServer = TestFlow::kResponder;
constexpr uint16_t kQuery = 0x0100, kResponse = 0x8180;
constexpr int64_t kSecond = 1'000'000;

using Told = TestDialogue::Told;

DnsBytes query(uint16_t id, std::string_view name, uint16_t type = 1) {
  return DnsBytes(id, kQuery, 1).question(name, type);
}
DnsBytes response(uint16_t id, std::string_view name, uint32_t address = 0xc0000250) {
  return DnsBytes(id, kResponse, 1, 1).question(name, 1).a(address);
}

/// Of the query with that number as its id.
DnsBytes refusal(uint16_t code) {
  return DnsBytes(code, kResponse | code, 1).question("a.test", 1);
}

struct Udp : TestFlow {
  Udp() : TestFlow(protocol::dns, kUdp) {}
};
struct Tcp : TestFlow {
  Tcp() : TestFlow(protocol::dns, kTcp) {}
};

/// One element of each record, in their order.
std::string each(const std::vector<Told>& records, const std::string& element) {
  std::string all;
  for (const Told& told : records) {
    all += (all.empty() ? "" : " ") + (told.contains(element) ? told.at(element) : std::string("-"));
  }
  return all;
}

TEST(Dns, AnAnsweredQueryIsToldAtOnce) {
  Udp flow;
  flow.send(kClient, query(7, "WWW.Example.test"));
  EXPECT_TRUE(flow.dialogue.records.empty());
  flow.send(kServer, response(7, "www.example.TEST"), 1500);
  ASSERT_EQ(flow.dialogue.records.size(), 1U);
  EXPECT_EQ(flow.dialogue.records[0], (Told{{"record", "dns"},
                                            {"from", "initiator"},
                                            {"observationTimeMilliseconds", "1700000000000"},
                                            {"transactionIndex", "1"},
                                            {"dnsTransactionId", "7"},
                                            {"dnsQueryName", "www.example.test"},
                                            {"dnsQueryType", "1"},
                                            {"dnsQueryClass", "1"},
                                            {"dnsFlags", "33152"},
                                            {"dnsResponseCode", "0"},
                                            {"dnsAnswerCount", "1"},
                                            {"dnsAnswers", "192.0.2.80"},
                                            {"dnsTruncated", "0"},
                                            {"dnsQueries", "1"},
                                            {"dnsResponses", "1"},
                                            {"dnsCaseMismatches", "1"},
                                            {"dnsState", "answered"},
                                            {"serverLatencyMicroseconds", "1500"}}));
  EXPECT_EQ(flow.end().size(), 1U);
}

TEST(Dns, RepetitionsCountInOneRecord) {
  Udp flow;
  flow.send(kClient, query(7, "a.test"));
  flow.send(kClient, query(7, "A.test"), 1 * kSecond);
  flow.send(kServer, response(7, "a.test"), 1 * kSecond + 20);
  flow.send(kServer, response(7, "a.test"), 2 * kSecond);
  const auto& records = flow.end();
  EXPECT_EQ(each(records, "dnsState"), "answered orphan");
  EXPECT_EQ(each(records, "dnsQueries"), "2 0");
  EXPECT_EQ(each(records, "dnsResponses"), "1 1");
  EXPECT_EQ(each(records, "serverLatencyMicroseconds"), "20 -") << "from the last query";
  EXPECT_EQ(each(records, "dnsQueryName"), "a.test a.test");
  EXPECT_EQ(each(records, "transactionIndex"), "1 2");
}

TEST(Dns, WhatDiffersInIdNameTypeOrSenderIsAnother) {
  Udp flow;
  flow.send(kClient, query(7, "a.test"));
  flow.send(kClient, query(7, "b.test"));
  flow.send(kClient, query(7, "b.test", 28));
  flow.send(kClient, query(8, "b.test"));
  flow.send(kServer, query(7, "b.test"));
  flow.send(kServer, response(7, "b.test"), 10);
  ASSERT_EQ(flow.dialogue.records.size(), 1U);
  EXPECT_EQ(flow.dialogue.records[0].at("dnsQueryName"), "b.test");
  EXPECT_EQ(flow.dialogue.records[0].at("from"), "initiator");
  const auto& records = flow.end(FlowOver::RunOver, 20);
  EXPECT_EQ(each(records, "dnsQueryName"), "b.test a.test b.test b.test b.test");
  EXPECT_EQ(each(records, "dnsQueryType"), "1 1 28 1 1");
  EXPECT_EQ(each(records, "dnsTransactionId"), "7 7 7 8 7");
  EXPECT_EQ(each(records, "dnsState"), "answered pending pending pending pending");
  EXPECT_EQ(each(records, "from"), "initiator initiator initiator initiator responder");
}

TEST(Dns, AResponseToAnotherQuestionIsAnOrphan) {
  Udp flow;
  flow.send(kClient, query(7, "a.test"));
  flow.send(kServer, response(7, "b.test"), 100);
  const auto& records = flow.end(FlowOver::RunOver, 200);
  EXPECT_EQ(each(records, "dnsQueryName"), "b.test a.test");
  EXPECT_EQ(each(records, "dnsState"), "orphan pending");
  EXPECT_EQ(each(records, "from"), "initiator initiator") << "the client of an orphan is who it was sent to";
}

TEST(Dns, WhatTheServerSaysCountsOfQueriesThatWereSeen) {
  Udp flow;
  for (const uint16_t code : {uint16_t{2}, uint16_t{3}}) flow.send(kServer, refusal(code));
  flow.end();
  EXPECT_EQ(each(flow.dialogue.records, "dnsState"), "orphan orphan");
  EXPECT_TRUE(flow.dialogue.counters.empty());
  EXPECT_EQ(flow.dialogue.health(), ServiceHealth{});
  Udp seen;
  for (const uint16_t code : {uint16_t{2}, uint16_t{3}}) {
    seen.send(kClient, query(code, "a.test"));
    seen.send(kServer, refusal(code), 100);
  }
  EXPECT_EQ(seen.dialogue.counters,
            (std::map<std::string, uint64_t>{{"dns.queries", 2}, {"dns.nxdomain", 1}, {"dns.servfail", 1}}));
  EXPECT_EQ(seen.dialogue.health(), (ServiceHealth{.requests = 2, .errors = 1, .delays = 2}));
}

TEST(Dns, AResponseWithoutQuestionAnswersTheOldest) {
  Udp flow;
  flow.send(kClient, query(7, "a.test"));
  flow.send(kClient, query(7, "b.test"), 10);
  flow.send(kServer, DnsBytes(7, kResponse | 2, 0), 100);
  ASSERT_EQ(flow.dialogue.records.size(), 1U);
  EXPECT_EQ(flow.dialogue.records[0].at("dnsQueryName"), "a.test");
  EXPECT_EQ(flow.dialogue.records[0].at("dnsResponseCode"), "2");
}

TEST(Dns, WithoutAnAnswerAQueryTimesOutAfterFiveSeconds) {
  Udp flow;
  flow.send(kClient, query(7, "a.test"));
  flow.time(5 * kSecond - 1);
  EXPECT_TRUE(flow.dialogue.records.empty());
  flow.time(5 * kSecond);
  ASSERT_EQ(flow.dialogue.records.size(), 1U);
  EXPECT_EQ(flow.dialogue.records[0].at("dnsState"), "timeout");
  EXPECT_FALSE(flow.dialogue.records[0].contains("dnsResponseCode"));
  EXPECT_FALSE(flow.dialogue.records[0].contains("dnsAnswerCount"));
  EXPECT_EQ(flow.dialogue.records[0].at("dnsFlags"), "256") << "those of the query";
  flow.send(kServer, response(7, "a.test"), 6 * kSecond);
  EXPECT_EQ(each(flow.end(), "dnsState"), "timeout orphan");
}

TEST(Dns, TimeIsThatOfThePackets) {
  Udp flow;
  flow.send(kClient, query(7, "a.test"));
  flow.send(kClient, query(7, "a.test"), 7 * kSecond);
  const auto& records = flow.end(FlowOver::RunOver, 7 * kSecond);
  EXPECT_EQ(each(records, "dnsState"), "timeout pending") << "no tick came between them";
  EXPECT_EQ(each(records, "dnsQueries"), "1 1");
}

TEST(Dns, EachRepetitionWaitsAnewButNotForEver) {
  Udp flow;
  for (int64_t at = 0; at <= 16; at += 4) flow.send(kClient, query(7, "a.test"), at * kSecond);
  const auto& records = flow.end(FlowOver::RunOver, 16 * kSecond);
  EXPECT_EQ(each(records, "dnsState"), "timeout pending");
  EXPECT_EQ(each(records, "dnsQueries"), "4 1") << "15 s after the first one";
}

TEST(Dns, WhatIsOpenWhenTheFlowEndsIsTold) {
  const auto state = [](FlowOver why, int64_t at_us) {
    Udp flow;
    flow.send(kClient, query(7, "a.test"));
    return flow.end(why, at_us).at(0).at("dnsState");
  };
  EXPECT_EQ(state(FlowOver::RunOver, kSecond), "pending");
  EXPECT_EQ(state(FlowOver::RunOver, 5 * kSecond), "timeout");
  EXPECT_EQ(state(FlowOver::Ended, kSecond), "timeout") << "no answer will come";
  EXPECT_EQ(state(FlowOver::Evicted, kSecond), "pending");
}

TEST(Dns, AResponseMayBeCapturedJustBeforeItsQuery) {
  Udp flow;
  flow.send(kServer, response(7, "a.test"), 0);
  flow.send(kClient, DnsBytes(7, kQuery, 1, 0, 0, 1).question("a.test", 1).opt(1232, true), 10);
  ASSERT_EQ(flow.dialogue.records.size(), 1U);
  EXPECT_EQ(flow.dialogue.records[0].at("dnsState"), "answered");
  EXPECT_EQ(flow.dialogue.records[0].at("dnsUdpSize"), "1232");
  EXPECT_FALSE(flow.dialogue.records[0].contains("serverLatencyMicroseconds"));
  Udp late;
  late.send(kServer, response(7, "a.test"), 0);
  late.send(kClient, query(7, "a.test"), 11);
  EXPECT_EQ(each(late.end(FlowOver::RunOver, 12), "dnsState"), "orphan pending");
}

TEST(Dns, EdnsIsTheQuerys) {
  Udp flow;
  flow.send(kClient, DnsBytes(7, kQuery, 1, 0, 0, 1).question("a.test", 1).opt(4096, true));
  flow.send(kServer, DnsBytes(7, kResponse, 1, 0, 0, 1).question("a.test", 1).opt(1232, false, 1), 5);
  flow.send(kClient, query(8, "a.test"), 10);
  flow.send(kServer, response(8, "a.test"), 15);
  flow.send(kServer, DnsBytes(9, kResponse, 1, 0, 0, 1).question("a.test", 1).opt(512, false), 20);
  const auto& records = flow.end();
  EXPECT_EQ(each(records, "dnsUdpSize"), "4096 - 512");
  EXPECT_EQ(each(records, "dnsDo"), "1 - 0");
  EXPECT_EQ(each(records, "dnsResponseCode"), "16 0 0") << "BADVERS has its upper bits in the OPT record";
}

TEST(Dns, CapitalsThatDifferAreCounted) {
  Udp flow;
  flow.send(kClient, query(1, "a.test"));
  flow.send(kServer, response(1, "a.test"));
  flow.send(kClient, query(2, "wWw.ExAmPlE.test"));
  flow.send(kServer, response(2, "wWw.ExAmPlE.test"));
  flow.send(kClient, query(3, "wWw.ExAmPlE.test"));
  flow.send(kServer, response(3, "www.example.test"));
  flow.send(kClient, query(4, "www.example.test"));
  flow.send(kServer, response(4, "Www.example.test"));
  flow.send(kServer, response(5, "Www.example.test"), 10);  // captured before its query
  flow.send(kClient, query(5, "www.example.test"), 11);
  flow.send(kClient, query(6, "WWW.example.test"), 12);
  flow.send(kServer, DnsBytes(6, 0x8183, 0), 13);  // it repeats no name
  EXPECT_EQ(each(flow.end(), "dnsCaseMismatches"), "- 0 1 1 1 -");
}

TEST(Dns, OptionsOfEdnsAreTold) {
  using namespace std::string_literals;
  const std::string cookie(8, '\x1a'), of_server(16, '\xb0');
  Udp flow;
  flow.send(kClient, DnsBytes(7, kQuery, 1, 0, 0, 1)
                         .question("a.test", 1)
                         .opt_with(DnsBytes::option(8, "\0\1\x18\0\xc0\0\2"s) + DnsBytes::option(10, cookie) +
                                   DnsBytes::option(3, "")));
  flow.send(kServer, DnsBytes(7, 0x8182, 1, 0, 0, 1)
                         .question("a.test", 1)
                         .opt_with(DnsBytes::option(8, "\0\1\x18\x14\xc0\0\2"s) +
                                   DnsBytes::option(10, cookie + of_server) + DnsBytes::option(3, "ns7.test") +
                                   DnsBytes::option(15, "\0\6"s) + DnsBytes::option(15, "\0\x16no way"s)));
  const Told& told = flow.dialogue.records.at(0);
  EXPECT_EQ(told.at("dnsClientSubnet"), "192.0.2.0/24");
  EXPECT_EQ(told.at("dnsClientSubnetScope"), "20");
  EXPECT_EQ(told.at("dnsClientCookie"), "1a1a1a1a1a1a1a1a");
  EXPECT_EQ(told.at("dnsServerCookie"), "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0");
  EXPECT_EQ(told.at("dnsServerIdentifier"), "ns7.test");
  EXPECT_EQ(told.at("dnsExtendedErrors"), "6|22");
  EXPECT_EQ(told.at("dnsExtendedErrorText"), "no way");
  flow.send(kClient, DnsBytes(8, kQuery, 1, 0, 0, 1)
                         .question("a.test", 1)
                         .opt_with(DnsBytes::option(8, "\0\2\x30\0\x20\1\x0d\xb8\0\1"s)));
  flow.end();
  EXPECT_EQ(flow.dialogue.records.at(1).at("dnsClientSubnet"), "2001:db8:1::/48") << "of the query, without a response";
  EXPECT_FALSE(flow.dialogue.records.at(1).contains("dnsClientSubnetScope"));
}

TEST(Dns, TextsInOptionsAreBounded) {
  using namespace std::string_literals;
  Udp flow;
  flow.send(kServer, DnsBytes(7, kResponse, 1, 0, 0, 1)
                         .question("a.test", 1)
                         .opt_with(DnsBytes::option(3, std::string(300, '\1')) +
                                   DnsBytes::option(15, "\0\0"s + std::string(300, 'x'))));
  const Told told = flow.end().at(0);
  EXPECT_EQ(told.at("dnsServerIdentifier").substr(0, 6), "0x0101");
  EXPECT_EQ(told.at("dnsServerIdentifier").size(), 128U);
  EXPECT_EQ(told.at("dnsExtendedErrorText").size(), 128U);
  EXPECT_EQ(told.at("partial"), "error text cut|server identifier cut");
}

TEST(Dns, ATruncatedAnswerSaysSo) {
  Udp flow;
  flow.send(kClient, query(7, "big.test", 16));
  flow.send(kServer, DnsBytes(7, kResponse | 0x0200, 1).question("big.test", 16), 5);
  EXPECT_EQ(each(flow.dialogue.records, "dnsTruncated"), "1");
  EXPECT_FALSE(flow.dialogue.records[0].contains("partial"));
}

TEST(Dns, AnswersAreSortedEachOnceAndBounded) {
  Udp flow;
  flow.send(kClient, query(7, "a.test"));
  flow.send(kServer, DnsBytes(7, kResponse, 1, 3).question("a.test", 1).a(0xc0000205).a(0xc0000204).a(0xc0000205), 5);
  EXPECT_EQ(each(flow.dialogue.records, "dnsAnswers"), "192.0.2.4|192.0.2.5");
  DnsBytes many = DnsBytes(8, kResponse, 1, 100).question("a.test", 1);
  for (uint32_t at = 0; at < 100; ++at) many.a(0x0a000000 + at);
  flow.send(kClient, query(8, "a.test"), 10);
  flow.send(kServer, many, 15);
  EXPECT_EQ(flow.dialogue.records[1].at("dnsAnswerCount"), "100");
  EXPECT_EQ(flow.dialogue.records[1].at("partial"), "answers cut");
}

TEST(Dns, WhatIsCutIsPartial) {
  Udp flow;
  flow.send(kClient, query(7, "a.test"));
  const DnsBytes whole = response(7, "a.test");
  const Bytes bytes = whole;
  flow.send(kServer, bytes.first(bytes.size() - 2), 5);
  EXPECT_EQ(each(flow.dialogue.records, "partial"), "message cut");
  EXPECT_EQ(each(flow.dialogue.records, "dnsState"), "answered");
}

TEST(Dns, NamesLongerThanTheirRoomAreCut) {
  Udp flow;
  DnsBytes bytes(7, kQuery, 1);
  for (int label = 0; label < 3; ++label) bytes.label(std::string(63, '\1'));
  flow.send(kClient, bytes.u8(0).u16(1).u16(1));
  const auto& records = flow.end(FlowOver::RunOver);
  EXPECT_EQ(records[0].at("dnsQueryName").size(), 512U);
  EXPECT_EQ(records[0].at("partial"), "name cut");
}

TEST(Dns, QueriesThatWaitAreBounded) {
  Udp flow;
  for (unsigned at = 0; at < 518; ++at) flow.send(kClient, query(static_cast<uint16_t>(at), "a.test"), at);
  ASSERT_EQ(flow.dialogue.records.size(), 6U);
  EXPECT_EQ(flow.dialogue.records[5].at("dnsTransactionId"), "5") << "the oldest give way";
  EXPECT_EQ(flow.dialogue.records[5].at("partial"), "too many queries");
  EXPECT_EQ(flow.dialogue.records[5].at("dnsState"), "pending");
  EXPECT_EQ(flow.end(FlowOver::RunOver).size(), 518U) << "none is lost";
}

TEST(Dns, AFewBrokenMessagesAreNoReasonToStop) {
  Udp flow;
  for (int at = 0; at < 7; ++at) EXPECT_EQ(flow.send(kClient, std::vector<uint8_t>{1, 2, 3}), Status::More);
  EXPECT_EQ(flow.send(kClient, query(7, "a.test")), Status::More);
  for (int at = 0; at < 7; ++at) EXPECT_EQ(flow.send(kClient, std::vector<uint8_t>{1, 2, 3}), Status::More);
  EXPECT_EQ(flow.send(kClient, std::vector<uint8_t>{1, 2, 3}), Status::Malformed);
  EXPECT_EQ(flow.end(FlowOver::RunOver).size(), 1U) << "the query that waits is told all the same";
}

// ---- over TCP

std::vector<uint8_t> all_of(const std::vector<std::vector<uint8_t>>& parts) {
  std::vector<uint8_t> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

TEST(DnsOverTcp, SeveralMessagesInASegmentAnsweredInAnotherOrder) {
  Tcp flow;
  flow.send(kClient, all_of({query(1, "a.test").framed(), query(2, "b.test").framed(), query(3, "c.test").framed()}));
  flow.send(kServer, all_of({response(3, "c.test").framed(), response(1, "a.test").framed()}), 10);
  flow.send(kServer, response(2, "b.test").framed(), 20);
  EXPECT_EQ(each(flow.dialogue.records, "dnsQueryName"), "c.test a.test b.test");
  EXPECT_EQ(each(flow.dialogue.records, "transactionIndex"), "1 2 3");
}

TEST(DnsOverTcp, DoesNotMindWhereTheStreamIsDivided) {
  const auto ask = all_of({query(1, "a.test").framed(), query(2, "b.test").framed()});
  const auto answer = all_of({response(1, "a.test").framed(), response(2, "b.test").framed()});
  for (size_t at = 0; at <= answer.size(); ++at) {
    Tcp flow;
    flow.send(kClient, Bytes(ask).first(std::min(at, ask.size())));
    flow.send(kClient, Bytes(ask).subspan(std::min(at, ask.size())));
    flow.send(kServer, Bytes(answer).first(at), 5);
    flow.send(kServer, Bytes(answer).subspan(at), 5);
    ASSERT_EQ(each(flow.dialogue.records, "dnsQueryName"), "a.test b.test") << at;
    ASSERT_EQ(each(flow.dialogue.records, "dnsAnswers"), "192.0.2.80 192.0.2.80") << at;
  }
}

TEST(DnsOverTcp, OfALongMessageTheBeginningIsRead) {
  DnsBytes big = DnsBytes(1, kResponse, 1, 3000).question("a.test", 1);
  for (uint32_t at = 0; at < 3000; ++at) big.a(at);
  const auto bytes = all_of({big.framed(), response(2, "b.test").framed()});
  for (const size_t piece : {size_t{1000}, bytes.size()}) {
    Tcp flow;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      flow.send(kServer, Bytes(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    }
    const auto& records = flow.end();
    EXPECT_EQ(each(records, "dnsQueryName"), "a.test b.test") << piece;
    EXPECT_EQ(each(records, "partial"), "answers cut|message cut -") << piece;
  }
}

TEST(DnsOverTcp, GoesOnAfterAGap) {
  Tcp flow;
  const auto first = query(1, "a.test").framed();
  flow.send(kClient, Bytes(first).first(10));
  const auto second = query(2, "b.test").framed();
  const auto send_after_gap = [&](Bytes bytes) {
    flow.send({.bytes = bytes, .octets = static_cast<uint32_t>(bytes.size()), .gap = 100, .time_us = TestFlow::kBegin});
  };
  send_after_gap(std::vector<uint8_t>(30, 0xff));  // the rest of a message that began in the gap
  flow.send(kClient, second);
  const auto third = query(3, "c.test").framed();
  send_after_gap(third);
  EXPECT_EQ(each(flow.end(), "dnsQueryName"), "b.test c.test");
}

// ---- recognition

Verdict recognised(Bytes bytes, uint8_t transport, uint16_t port) {
  const TestDialogue dialogue(transport, port);
  return protocol::dns.recognise({.bytes = bytes, .octets = static_cast<uint32_t>(bytes.size())}, dialogue.flow());
}

TEST(DnsRecognition, IsByContentOnAnyPort) {
  for (const uint16_t port : {uint16_t{53}, uint16_t{5300}}) {
    EXPECT_EQ(recognised(query(1, "a.test"), kUdp, port), Verdict::Mine) << port;
    EXPECT_EQ(recognised(response(1, "a.test"), kUdp, port), Verdict::Mine) << port;
    EXPECT_EQ(recognised(query(1, "a.test").framed(), kTcp, port), Verdict::Mine) << port;
  }
}

TEST(DnsRecognition, ElsewhereThanAtItsPortNothingMayBeOdd) {
  const std::vector<DnsBytes> odd{
      DnsBytes(1, 0x0140, 1).question("a.test", 1),           // the unused bit
      DnsBytes(1, 0x1800, 1).question("a.test", 1),           // an opcode that nobody uses
      DnsBytes(1, kQuery, 1).question("a.test", 1).u8(0),     // something behind it
      DnsBytes(1, kQuery, 1, 0, 0, 1).question("a.test", 1),  // a record that is missing
      DnsBytes(1, kQuery, 1).question("a.test", 1000),        // a type that nobody has assigned
      DnsBytes(1, kQuery, 1).question("a.test", 1, 77),       // a class likewise
      DnsBytes(1, kQuery, 0),                                 // no question
  };
  for (size_t at = 0; at < odd.size(); ++at) {
    EXPECT_EQ(recognised(odd[at], kUdp, 5300), Verdict::NotMine) << at;
    EXPECT_EQ(recognised(odd[at], kUdp, 53), Verdict::Mine) << at;
  }
}

TEST(DnsRecognition, LeavesNeighboursAlone) {
  for (const uint16_t port : {uint16_t{5353}, uint16_t{5355}, uint16_t{137}}) {
    EXPECT_EQ(recognised(query(1, "a.test"), kUdp, port), Verdict::NotMine) << port;
  }
  const std::string text = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
  const std::vector<uint8_t> http(text.begin(), text.end());
  EXPECT_EQ(recognised(http, kUdp, 53), Verdict::Unsure) << "the next datagram may be one";
  EXPECT_EQ(recognised(http, kUdp, 80), Verdict::NotMine);
  EXPECT_EQ(recognised(http, kTcp, 80), Verdict::NotMine);
}

TEST(DnsRecognition, OverTcpWaitsForEnough) {
  const auto bytes = query(1, "a.test").framed();
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_EQ(recognised(Bytes(bytes).first(length), kTcp, 5300), Verdict::Unsure) << length;
    EXPECT_EQ(recognised(Bytes(bytes).first(length), kTcp, 53), length < 8 ? Verdict::Unsure : Verdict::Mine) << length;
  }
}

}  // namespace
}  // namespace microcloud
