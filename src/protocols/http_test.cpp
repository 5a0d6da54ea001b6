// HTTP transactions: what a record says, when it is told, and that nothing is paired that does not belong together.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "protocols/dialogue_test.h"
#include "protocols/protocols.h"

namespace microcloud {
namespace {

constexpr uint8_t kTcp = 6;
constexpr bool kClient = TestFlow::kInitiator, kServer = TestFlow::kResponder;

using Told = TestDialogue::Told;

Bytes octets_of(std::string_view text) {
  const void* const data = text.data();
  return {static_cast<const uint8_t*>(data), text.size()};
}

std::string get(std::string_view target, std::string_view more = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: www.example.test\r\n" + std::string(more) + "\r\n";
}
std::string answer(unsigned status, std::string_view body = "", std::string_view more = "") {
  return "HTTP/1.1 " + std::to_string(status) + " Reason\r\n" + std::string(more) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

struct Http : TestFlow {
  Http() : TestFlow(protocol::http, kTcp, 80) {}
  Status ask(std::string_view text, int64_t at_us = 0) { return send(kClient, octets_of(text), at_us); }
  Status reply(std::string_view text, int64_t at_us = 0) { return send(kServer, octets_of(text), at_us); }
  Status behind_gap(bool from, std::string_view text, uint32_t gap, int64_t at_us) {
    return TestFlow::send({.bytes = octets_of(text),
                           .octets = static_cast<uint32_t>(text.size()),
                           .gap = gap,
                           .from_initiator = from,
                           .time_us = kBegin + at_us});
  }
  /// "target status" of each record; "-" for what is absent.
  std::vector<std::string> pairs() const {
    std::vector<std::string> found;
    for (const Told& told : dialogue.records) {
      const auto text = [&](const char* name) { return told.contains(name) ? told.at(name) : "-"; };
      found.push_back(text("httpRequestTarget") + " " + text("httpStatusCode"));
    }
    return found;
  }
  const Told& last() const { return dialogue.records.back(); }
};

using Pairs = std::vector<std::string>;

TEST(HttpParser, ARecordSaysWhatWasAskedAndAnswered) {
  Http flow;
  flow.ask(
      "POST /form?a=1 HTTP/1.1\r\nhOST:  Www.Example.test:8080 \r\nUSER-AGENT: Mozilla/5.0 (Windows NT 10.0)\r\n"
      "Referer: http://other.test/\r\nContent-Length: 4\r\n\r\na",
      1000);
  flow.ask("bcd", 2000);
  flow.reply("HTTP/1.1 404 Not Found\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 5\r\n\r\n12", 2700);
  EXPECT_TRUE(flow.dialogue.records.empty()) << "not over yet";
  flow.reply("345", 9000);
  ASSERT_EQ(flow.dialogue.records.size(), 1U);
  const Told expected{{"record", "http"},
                      {"from", "initiator"},
                      {"observationTimeMilliseconds", "1700000000001"},
                      {"transactionIndex", "1"},
                      {"httpRequestMethod", "POST"},
                      {"httpRequestHost", "Www.Example.test:8080"},
                      {"httpRequestTarget", "/form?a=1"},
                      {"httpStatusCode", "404"},
                      {"httpUserAgent", "Mozilla/5.0 (Windows NT 10.0)"},
                      {"httpReferer", "http://other.test/"},
                      {"httpContentType", "text/html; charset=utf-8"},
                      {"httpRequestDepth", "1"},
                      {"serverLatencyMicroseconds", "700"},
                      {"responseOctets", "90"},
                      {"operatingSystem", "Windows"},
                      {"operatingSystemConfidence", "medium"}};
  EXPECT_EQ(flow.last(), expected);
  EXPECT_EQ(flow.end().size(), 1U);
}

TEST(HttpParser, PipelinedRequestsAnsweredInOneSegmentAreThreeRecords) {
  Http flow;
  flow.ask(get("/1") + get("/2"), 100);
  flow.ask(get("/3"), 300);
  flow.reply(answer(200, "one") + answer(404, "") + answer(301, "three"), 1000);
  EXPECT_EQ(flow.pairs(), (Pairs{"/1 200", "/2 404", "/3 301"}));
  EXPECT_EQ(flow.dialogue.records[0].at("serverLatencyMicroseconds"), "900");
  EXPECT_EQ(flow.dialogue.records[2].at("serverLatencyMicroseconds"), "700");
  EXPECT_EQ(flow.dialogue.records[2].at("httpRequestDepth"), "3");
  EXPECT_EQ(flow.dialogue.records[2].at("transactionIndex"), "3");
}

TEST(HttpParser, ARequestThatIsNotAnsweredIsToldBeforeItsFlowEnds) {
  Http flow;
  const auto seconds = [](int64_t count) { return count * 1'000'000; };
  flow.ask(get("/1"), 0);
  flow.reply(answer(200), 100);
  flow.time(seconds(500));
  EXPECT_EQ(flow.dialogue.records.size(), 1U) << "nothing waits";
  flow.ask(get("/2"), seconds(500));
  flow.ask(get("/3"), seconds(510));
  flow.time(seconds(630));
  EXPECT_EQ(flow.dialogue.records.size(), 1U);
  flow.time(seconds(631));
  ASSERT_EQ(flow.dialogue.records.size(), 3U);
  EXPECT_EQ(flow.dialogue.records[1].at("httpRequestTarget"), "/2");
  EXPECT_EQ(flow.last().at("httpRequestTarget"), "/3");
  EXPECT_EQ(flow.last().at("partial"), "no response");
  flow.time(seconds(900));
  EXPECT_EQ(flow.dialogue.records.size(), 3U) << "once";
  flow.reply(answer(200) + answer(404), seconds(901));
  ASSERT_EQ(flow.dialogue.records.size(), 5U);
  EXPECT_EQ(flow.dialogue.records[3].at("partial"), "no request") << "it was told";
  flow.ask(get("/4"), seconds(902));
  flow.reply(answer(204), seconds(903));
  EXPECT_EQ(flow.last().at("httpRequestTarget"), "/4");
  EXPECT_EQ(flow.last().at("httpStatusCode"), "204");
  EXPECT_FALSE(flow.last().contains("partial"));
  EXPECT_EQ(flow.end().size(), 6U);
}

TEST(HttpParser, WhileAResponseComesTheNextRequestsWait) {
  Http flow;
  flow.ask(get("/1") + get("/2"), 0);
  flow.reply("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", 100);
  flow.time(500'000'000);
  flow.reply("cd" + answer(204), 500'000'100);
  EXPECT_EQ(flow.pairs(), (Pairs{"/1 200", "/2 204"}));
}

TEST(HttpParser, InterimResponsesAreNoAnswers) {
  Http flow;
  flow.ask("PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n", 100);
  flow.reply("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 200);
  EXPECT_TRUE(flow.dialogue.records.empty());
  flow.ask("5;x=y\r\nhello\r\nA\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n", 500);
  flow.ask(get("/b"), 800);
  flow.reply(answer(201) + answer(200), 900);
  EXPECT_EQ(flow.pairs(), (Pairs{"/a 201", "/b 200"}));
  EXPECT_EQ(flow.dialogue.records[0].at("serverLatencyMicroseconds"), "400");
}

TEST(HttpParser, SomeResponsesHaveNoBodyWhateverTheySay) {
  Http flow;
  flow.ask("HEAD /head HTTP/1.1\r\n\r\n" + get("/304") + get("/204") + get("/x"));
  const std::string length = "Content-Length: 1000\r\n\r\n";
  flow.reply("HTTP/1.1 200 OK\r\n" + length + "HTTP/1.1 304 Not Modified\r\n" + length +
             "HTTP/1.1 204 No Content\r\n\r\n" + answer(200));
  EXPECT_EQ(flow.pairs(), (Pairs{"/head 200", "/304 304", "/204 204", "/x 200"}));
}

TEST(HttpParser, ABodyOfNoLengthEndsWithTheConnection) {
  Http flow;
  flow.ask("GET / HTTP/1.0\r\n\r\n");
  flow.reply("HTTP/1.0 200 OK\r\n\r\nHTTP/1.1 500 is text here\r\n\r\n");
  EXPECT_TRUE(flow.dialogue.records.empty());
  flow.end();
  EXPECT_EQ(flow.pairs(), Pairs{"/ 200"});
  EXPECT_EQ(flow.last().at("responseOctets"), "48");
  EXPECT_FALSE(flow.last().contains("partial"));
  Http open;
  open.ask("GET / HTTP/1.0\r\n\r\n");
  open.reply("HTTP/1.0 200 OK\r\n\r\nbegun");
  EXPECT_EQ(open.end(FlowOver::RunOver).at(0).at("partial"), "response cut");
}

TEST(HttpParser, ConnectAndUpgradeEndIt) {
  Http tunnel;
  tunnel.ask("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n");
  EXPECT_EQ(tunnel.reply(answer(407, "who?")), Status::More) << "and then with a password";
  tunnel.ask("CONNECT a.test:443 HTTP/1.1\r\nProxy-Authorization: Basic c2VjcmV0\r\n\r\n");
  EXPECT_EQ(tunnel.reply("HTTP/1.1 200 Connection established\r\n\r\n\x16\x03"), Status::Done);
  EXPECT_EQ(tunnel.pairs(), (Pairs{"a.test:443 407", "a.test:443 200"}));
  Http upgrade;
  upgrade.ask(get("/chat", "Upgrade: websocket\r\nConnection: Upgrade\r\n"));
  EXPECT_EQ(upgrade.reply("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"), Status::Done);
  EXPECT_EQ(upgrade.pairs(), Pairs{"/chat 101"});
  Http waiting;
  waiting.ask(get("/chat", "Upgrade: websocket\r\n") + get("/2"));
  EXPECT_EQ(waiting.reply("HTTP/1.1 101 Switching Protocols\r\n\r\n"), Status::Done);
  EXPECT_EQ(waiting.pairs(), (Pairs{"/chat 101", "/2 -"})) << "nothing is told later";
}

TEST(HttpParser, NothingOfPasswordsIsTold) {
  Http flow;
  flow.ask(get("/", "Authorization: Basic c2VjcmV0\r\nCookie: c2VjcmV0\r\n"));
  flow.reply(answer(200));
  for (const auto& [name, value] : flow.last()) EXPECT_EQ(value.find("c2VjcmV0"), std::string::npos) << name;
}

TEST(HttpParser, FoldedFieldsAndBareLineFeedsAreRead) {
  Http flow;
  flow.ask("\r\nGET / HTTP/1.1\nHost: a.test\nUser-Agent: one\n\t two\r\n  three\nX: y\n\n");
  flow.reply("HTTP/1.1 200\nContent-Length:\n 3\n\nabc" + answer(200));
  EXPECT_EQ(flow.dialogue.records.at(0).at("httpUserAgent"), "one two three");
  EXPECT_EQ(flow.pairs(), (Pairs{"/ 200", "- 200"}));
}

TEST(HttpParser, ARequestWithoutResponseIsToldAtTheEnd) {
  Http flow;
  flow.ask(get("/1") + get("/2"));
  EXPECT_EQ(flow.end().size(), 2U);
  EXPECT_EQ(flow.pairs(), (Pairs{"/1 -", "/2 -"}));
  EXPECT_EQ(flow.last().at("partial"), "no response");
}

TEST(HttpParser, AResponseWithoutRequestHasItsOwnRecord) {
  Http flow;
  flow.reply(answer(200, "", "X: 1\r\n"), 100);
  flow.reply("HTTP/1.1 200 OK\r\nContent-Length: 700\r\n\r\n", 200);  // to a HEAD
  flow.reply(answer(404, "gone"), 300);
  EXPECT_EQ(flow.pairs(), (Pairs{"- 200", "- 200", "- 404"}));
  EXPECT_EQ(flow.last().at("partial"), "no request");
  EXPECT_EQ(flow.last().at("from"), "initiator") << "source is the client";
  EXPECT_FALSE(flow.last().contains("httpRequestDepth"));
  EXPECT_TRUE(flow.dialogue.counters.empty()) << "of requests that were seen";
  EXPECT_EQ(flow.dialogue.health(), ServiceHealth{});
}

TEST(HttpParser, TheClientMayBeTheOneWhoWasCalled) {
  Http flow;
  flow.reply(get("/"));
  flow.ask(answer(200));
  EXPECT_EQ(flow.pairs(), Pairs{"/ 200"});
  EXPECT_EQ(flow.last().at("from"), "responder");
}

TEST(HttpParser, AHoleInABodyOfKnownLengthDoesNoHarm) {
  Http flow;
  flow.ask(get("/1"), 0);
  flow.reply("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01", 100);
  flow.behind_gap(kServer, "6789", 4, 200);
  flow.ask(get("/2"), 300);
  flow.reply(answer(200), 400);
  EXPECT_EQ(flow.pairs(), (Pairs{"/1 200", "/2 200"}));
  EXPECT_EQ(flow.dialogue.records[0].at("partial"), "octets missing");
  EXPECT_EQ(flow.dialogue.records[0].at("responseOctets"), "49");
  EXPECT_FALSE(flow.last().contains("partial"));
}

TEST(HttpParser, BehindALostResponseNothingIsPairedWrongly) {
  Http flow;
  flow.ask(get("/1"), 0);
  flow.ask(get("/2"), 10);
  flow.behind_gap(kServer, answer(202), 80, 100);  // to the second, but who knows
  EXPECT_EQ(flow.pairs(), (Pairs{"/1 -", "/2 -", "- 202"}));
  flow.ask(get("/3"), 200);
  flow.reply(answer(203), 300);
  EXPECT_EQ(flow.pairs().at(3), "/3 -") << "this client asks before it has its answers";
  EXPECT_EQ(flow.pairs().at(4), "- 203");
}

TEST(HttpParser, AClientThatWaitsForItsAnswersIsPairedAgain) {
  Http flow;
  flow.ask(get("/1"), 0);
  flow.behind_gap(kServer, "rest of a body", 800, 100);
  flow.ask(get("/2"), 200);
  flow.reply(answer(200), 300);
  EXPECT_EQ(flow.pairs(), (Pairs{"/1 -", "/2 200"}));
  Http lost;  // a request is missing: its answer shows that it was answered
  lost.ask(get("/1"), 0);
  lost.reply(answer(200), 100);
  lost.reply(answer(404), 300);
  lost.behind_gap(kClient, get("/3"), 60, 400);
  lost.reply(answer(203), 500);
  EXPECT_EQ(lost.pairs(), (Pairs{"/1 200", "- 404", "/3 -", "- 203"}));
  lost.ask(get("/4"), 600);
  lost.reply(answer(204), 700);
  EXPECT_EQ(lost.pairs().back(), "/4 204");
}

TEST(HttpParser, ARequestThatComesLateIsNotPairedWithTheNextAnswer) {
  Http flow;
  flow.reply(answer(200), 200);  // a hole kept its request back
  flow.ask(get("/1"), 100);
  flow.ask(get("/2"), 300);
  flow.reply(answer(404), 400);
  EXPECT_EQ(flow.pairs(), (Pairs{"- 200", "/1 -", "/2 404"}));
}

TEST(HttpParser, BeginsInTheMiddleOfAResponse) {
  Http flow;
  const std::string rest = "of a body\nHTTP/1.1 500 not\n";
  flow.send({.bytes = octets_of(rest),
             .octets = static_cast<uint32_t>(rest.size()),
             .from_initiator = false,
             .in_middle = true,
             .time_us = TestFlow::kBegin});
  flow.ask(get("/2"), 100);
  flow.reply(answer(200), 200);
  EXPECT_EQ(flow.pairs(), Pairs{"/2 200"});
  EXPECT_FALSE(flow.last().contains("partial"));
}

TEST(HttpParser, APacketThatTheCaptureCutIsAHole) {
  Http flow;
  flow.ask(get("/1"), 0);
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc";
  flow.send({.bytes = octets_of(head),
             .octets = static_cast<uint32_t>(head.size() + 997),
             .from_initiator = false,
             .time_us = TestFlow::kBegin + 100});
  EXPECT_EQ(flow.pairs(), Pairs{"/1 200"});
  EXPECT_EQ(flow.last().at("partial"), "octets missing");
}

TEST(HttpParser, RequestsThatWaitAreBounded) {
  Http flow;
  for (int number = 0; number < 70; ++number) flow.ask(get("/" + std::to_string(number)), number);
  ASSERT_EQ(flow.dialogue.records.size(), 6U);
  EXPECT_EQ(flow.last().at("partial"), "too many requests");
  for (int number = 0; number < 70; ++number) flow.reply(answer(200), 100 + number);
  EXPECT_EQ(flow.end().size(), 76U);
  EXPECT_EQ(flow.pairs().at(6), "- 200");
  EXPECT_EQ(flow.pairs().at(12), "/6 200");
  EXPECT_EQ(flow.pairs().back(), "/69 200");
}

TEST(HttpParser, WhatIsTooLongIsCutAndSaid) {
  Http flow;
  flow.ask("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nUser-Agent: " + std::string(600, 'b') + "\r\n\r\n");
  flow.reply(answer(414));
  EXPECT_EQ(flow.last().at("httpRequestTarget").size(), 4096U);
  EXPECT_EQ(flow.last().at("httpUserAgent").size(), 512U);
  EXPECT_EQ(flow.last().at("partial"), "target cut|user agent cut|request header cut");
  EXPECT_EQ(flow.last().at("httpStatusCode"), "414");
}

TEST(HttpParser, AHeadWithoutEndIsGivenUp) {
  Http flow;
  const std::string field = "X: " + std::string(60'000, 'x') + "\r\n";
  flow.ask("GET / HTTP/1.1\r\n");
  for (int number = 0; number < 5; ++number) flow.ask(field);
  flow.ask(get("/2"));
  EXPECT_EQ(flow.end().size(), 2U);
  EXPECT_EQ(flow.pairs(), (Pairs{"/2 -", "/ -"}));
  EXPECT_EQ(flow.last().at("partial"), "request header cut|octets missing|no response");
}

TEST(HttpParser, ContradictionsInLengthsAreNoDesynchronisation) {
  Http flow;
  flow.ask("POST /1 HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + get("/2"));
  flow.reply("HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc" + answer(404));
  EXPECT_EQ(flow.pairs(), (Pairs{"/1 200", "/2 404"}));
  Http smuggled;
  smuggled.ask("POST /1 HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 30\r\n\r\nabc" + get("/2"));
  smuggled.reply(answer(200));
  EXPECT_EQ(smuggled.pairs(), Pairs{"/1 200"}) << "which length the server takes is unknown";
}

TEST(HttpParser, OneConnectionIsOneSampleOfTheClientsSystem) {
  struct Lessons final : HostLessons {
    void name(const IpAddress&, std::string_view) override {}
    void system(const IpAddress&, HostSystem system) override { samples.push_back(system); }
    std::vector<HostSystem> samples;
  };
  struct Teaching final : Dialogue {
    const Common& flow() const override { return common; }
    const Disclosure& disclosure() const override { return allowed; }
    uint32_t next_transaction() override { return 1; }
    void tell(const RecordType& type, const void* body, bool) override { type.teach({&type, &common, body}, lessons); }
    void name_server(std::string_view name) override { servers.emplace_back(name); }
    Shared& shared() override { return *in_common; }
    std::shared_ptr<Shared> in_common = std::make_shared<Shared>();
    Common common;
    Disclosure allowed;
    Lessons lessons;
    std::vector<std::string> servers;
  };
  const auto run = [](const std::vector<std::string>& requests) {
    Teaching dialogue;
    const auto parser = protocol::http.make_parser();
    for (const std::string& request : requests) {
      for (const auto& [text, from] : {std::pair(request, true), std::pair(answer(200), false)}) {
        parser->on_data(
            {.bytes = octets_of(text), .octets = static_cast<uint32_t>(text.size()), .from_initiator = from}, dialogue);
      }
    }
    return dialogue;
  };
  const std::string windows = get("/", "User-Agent: x (Windows NT 10.0)\r\n");
  const Teaching three = run({windows, windows, get("/", "User-Agent: curl/8\r\n")});
  EXPECT_EQ(three.lessons.samples, std::vector<HostSystem>{HostSystem::Windows});
  EXPECT_EQ(three.servers.front(), "www.example.test");
  EXPECT_TRUE(run({get("/", "Via: 1.1 proxy\r\nUser-Agent: x (Windows NT 10.0)\r\n")}).lessons.samples.empty())
      << "a proxy's own system is another";
  EXPECT_TRUE(run({"GET / HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n"}).servers.empty());
  EXPECT_EQ(run({"GET / HTTP/1.1\r\nHost: WWW.Example.test.:80\r\n\r\n"}).servers.front(), "www.example.test");
}

TEST(HttpProtocol, IsRecognisedByWhatIsSaid) {
  const auto judge = [](std::string_view text) {
    return protocol::http.recognise({.bytes = octets_of(text), .octets = static_cast<uint32_t>(text.size())}, Common{});
  };
  for (const std::string_view mine :
       {"GET / HTTP/1.1\r\n", "X-METHOD http://a/ b HTTP/1.0\n", "HTTP/1.1 200", "HTTP/1.0 404 No\r\n"}) {
    EXPECT_EQ(judge(mine), Verdict::Mine) << mine;
    for (size_t size = 1; size < mine.size(); ++size) {
      EXPECT_NE(judge(mine.substr(0, size)), Verdict::NotMine) << mine.substr(0, size);
    }
  }
  for (const std::string_view other : {"INVITE sip:a@b SIP/2.0\r\n", "OPTIONS rtsp://a RTSP/1.0\r\n", "EHLO a.test\r\n",
                                       "\x16\x03\x01", "SSH-2.0-x\r\n", "PRI * HTTP/2.0\r\n", "220 mail\r\n",
                                       "GET /\x01 HTTP/1.1", "HTTP/2 200\r\n", "* OK IMAP\r\n", "+OK POP3\r\n"}) {
    EXPECT_EQ(judge(other), Verdict::NotMine) << other;
  }
  EXPECT_TRUE(protocol::http.takes_over(octets_of("HTTP/1.1 200 OK\r\n")));
  EXPECT_FALSE(protocol::http.takes_over(octets_of("FOO / HTTP/1.1\r\n"))) << "not a method that is known";
  EXPECT_FALSE(protocol::http.takes_over(octets_of("GET / HTTP/1.1")));
}

TEST(HttpProtocol, WhatTurnsOutToBeAnotherIsMalformed) {
  Http flow;
  EXPECT_EQ(flow.ask("GET / SIP/2.0\r\n"), Status::Malformed);
  EXPECT_TRUE(flow.end().empty());
}

}  // namespace
}  // namespace microcloud
