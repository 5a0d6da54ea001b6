// POP3 connections: what their record counts, when it is told, and that no reply goes to another's command.
#include <gtest/gtest.h>

#include <string>

#include "protocols/line_flow_test.h"
#include "protocols/protocols.h"

namespace microcloud {
namespace {

constexpr uint8_t kTcp = 6;
constexpr bool kClient = TestFlow::kInitiator, kServer = TestFlow::kResponder;

using Told = TestDialogue::Told;

struct Pop3 : LineFlow {
  Pop3() : LineFlow(protocol::pop3, 110) {}
  void log_in() {
    server("+OK ready\r\n");
    client("USER ann\r\n");
    server("+OK\r\n");
    client("PASS secret\r\n");
    server("+OK logged in\r\n");
  }
};

TEST(Pop3, AConnectionIsToldWhenQuitIsAnswered) {
  Pop3 flow;
  flow.log_in();
  flow.client("retr 1\r\n");
  flow.server("+OK 10 octets\r\nSubject: x\r\n\r\n-ERR\r\n+OK\r\n..\r\n.\r\n");
  flow.client("RETR 7\r\n");
  flow.server("-ERR no such message\r\n");
  flow.client("DELE 1\r\n");
  flow.server("+OK\r\n");
  flow.client("QUIT\r\n");
  EXPECT_TRUE(flow.dialogue.records.empty());
  flow.server("+OK bye\r\n");
  const Told& told = flow.only();
  EXPECT_EQ(told.at("record"), "pop3");
  EXPECT_EQ(told.at("from"), "initiator");
  EXPECT_EQ(told.at("observationTimeMilliseconds"), "1700000000001");
  EXPECT_EQ(told.at("pop3User"), "ann");
  EXPECT_EQ(told.at("pop3StartTls"), "0");
  EXPECT_EQ(told.at("pop3Retrieved"), "1");
  EXPECT_EQ(told.at("pop3Deleted"), "1");
  EXPECT_EQ(told.at("pop3Commands"), "USER|PASS|RETR|RETR|DELE|QUIT");
  EXPECT_FALSE(told.contains("partial"));
  EXPECT_EQ(flow.end().size(), 1U);
}

TEST(Pop3, CommandsMayComeBeforeTheRepliesToThoseBefore) {
  Pop3 flow;
  flow.server("+OK ready\r\n");
  flow.client("USER ann\r\nPASS secret\r\nLIST\r\nLIST 1\r\nRETR 1\r\nRETR 2\r\nDELE 2\r\nQUIT\r\n");
  flow.server("+OK\r\n+OK\r\n+OK\r\n1 5\r\n.\r\n+OK 1 5\r\n-ERR\r\n+OK\r\n-ERR\r\n.\r\n+OK\r\n+OK\r\n");
  EXPECT_EQ(flow.only().at("pop3Retrieved"), "1");
  EXPECT_EQ(flow.only().at("pop3Deleted"), "1");
  EXPECT_FALSE(flow.only().contains("partial"));
}

TEST(Pop3, HowLongAnswersTookIsTheirMean) {
  Pop3 flow;
  flow.log_in();  // twice a millisecond
  flow.client("RETR 1\r\n");
  flow.pass(6000);
  flow.server("+OK 10 octets\r\nSubject: x\r\n");
  flow.pass(90'000);
  flow.server("-ERR\r\n.\r\n");
  flow.client("AUTH PLAIN\r\n");
  flow.server("+ \r\n");
  flow.client("AGFubgBzZWNyZXQ=\r\n");
  flow.server("-ERR\r\n");
  flow.client("NOOP\r\nQUIT\r\n");
  flow.server("-ERR\r\n");
  flow.server("+OK bye\r\n");
  EXPECT_EQ(flow.only().at("pop3Answered"), "6");
  EXPECT_EQ(flow.only().at("pop3Errors"), "2");
  EXPECT_EQ(flow.only().at("serverLatencyMicroseconds"), std::to_string((1000 + 1000 + 7000 + 1000 + 2000) / 5));
  const ServiceCalls& calls = flow.dialogue.many.at(0);
  EXPECT_EQ(calls.answered(), 6U);
  EXPECT_EQ(calls.refused(), 2U);
  ASSERT_EQ(calls.times().size(), 3U);
  EXPECT_EQ(calls.times()[0].answers, 3U);
  EXPECT_EQ(calls.times()[2].latency_us, 7000U);
  EXPECT_TRUE(flow.dialogue.calls.at(0)->begins_connection);
}

TEST(Pop3, NothingIsCountedBehindAGap) {
  Pop3 flow;
  flow.log_in();
  flow.client("STAT\r\n");
  flow.server("OK 1 2\r\n", 1);
  flow.client("NOOP\r\n");
  flow.server("-ERR\r\n");
  flow.end();
  EXPECT_EQ(flow.only().at("pop3Answered"), "2");
  EXPECT_EQ(flow.only().at("pop3Errors"), "0");
  EXPECT_EQ(flow.only().at("serverLatencyMicroseconds"), "1000");
  Pop3 client;
  client.client("USER ann\r\n");
  client.end();
  EXPECT_EQ(client.only().at("pop3Answered"), "0");
  EXPECT_FALSE(client.only().contains("serverLatencyMicroseconds"));
  EXPECT_FALSE(client.dialogue.calls.at(0));
}

TEST(Pop3, TheLastUserCountsAndPasswordsAreNowhere) {
  Pop3 flow;
  flow.server("+OK <1@a.test>\r\n");
  flow.client("USER ann\r\n");
  flow.server("+OK\r\n");
  flow.client("PASS secret\r\n");
  flow.server("-ERR\r\n");
  flow.client("APOP bob c4c9334bac560ecc979e58001b3e22fb\r\n");
  flow.server("+OK\r\n");
  flow.end();
  EXPECT_EQ(flow.only().at("pop3User"), "bob");
  for (const auto& [name, value] : flow.only()) {
    EXPECT_EQ(value.find("secret"), std::string::npos) << name;
    EXPECT_EQ(value.find("c4c9"), std::string::npos) << name;
  }
}

TEST(Pop3, WhatIsSaidInAuthIsNoCommand) {
  Pop3 flow;
  flow.server("+OK ready\r\n");
  flow.client("AUTH\r\n");
  flow.server("+OK\r\nPLAIN\r\n.\r\n");
  flow.client("AUTH PLAIN\r\n");
  flow.server("+ \r\n");
  flow.client("AGFubgBzZWNyZXQ=\r\n");
  flow.server("+OK\r\n");
  flow.client("STAT\r\n");
  flow.server("+OK 0 0\r\n");
  flow.end();
  EXPECT_EQ(flow.only().at("pop3Commands"), "AUTH|AUTH|STAT");
  EXPECT_FALSE(flow.only().contains("pop3User"));
  EXPECT_FALSE(flow.only().contains("partial"));
}

TEST(Pop3, StlsEndsWhatIsRead) {
  Pop3 flow;
  flow.server("+OK ready\r\n");
  flow.client("STLS\r\n");
  EXPECT_EQ(flow.server("-ERR not now\r\n"), Status::More);
  flow.client("STLS\r\n");
  EXPECT_EQ(flow.server("+OK begin\r\n"), Status::Done);
  EXPECT_EQ(flow.only().at("pop3StartTls"), "1");
  EXPECT_EQ(flow.end().size(), 1U);
}

TEST(Pop3, OneDirectionSaysWhatItHas) {
  Pop3 client;
  client.say(kClient, "USER ann\r\n", 0, true);
  client.client("PASS secret\r\nRETR 1\r\n");
  client.end();
  EXPECT_EQ(client.only().at("pop3User"), "ann");
  EXPECT_EQ(client.only().at("pop3Retrieved"), "0");
  EXPECT_EQ(client.only().at("partial"), "beginning not seen|no replies");
  Pop3 server;
  server.server("+OK ready\r\n");
  server.server("+OK\r\n");
  server.server("text\r\n+OK\r\n");
  server.end();
  EXPECT_EQ(server.only().at("partial"), "no commands");
  EXPECT_EQ(server.only().at("from"), "initiator");
}

TEST(Pop3, TheServerIsWhoAnswers) {
  Pop3 flow;
  flow.say(kClient, "+OK 3 messages\r\n", 0, true);
  flow.say(kServer, "DELE 1\r\n", 0, true);
  flow.client("+OK\r\n");
  flow.end();
  EXPECT_EQ(flow.only().at("from"), "responder");
  EXPECT_EQ(flow.only().at("pop3Deleted"), "1");
}

TEST(Pop3, BehindAGapOfTheServerTheNextCommandHasItsOwnReply) {
  Pop3 flow;
  flow.log_in();
  flow.client("DELE 1\r\n");
  flow.client("DELE 2\r\n");  // both replies are lost, and with them half of the next
  flow.client("DELE 3\r\n");
  flow.server("K\r\n", 20);
  flow.client("RETR 9\r\n");
  flow.server("-ERR\r\n");
  flow.client("DELE 4\r\n");
  flow.server("+OK\r\n");
  flow.end();
  EXPECT_EQ(flow.only().at("pop3Deleted"), "0") << "this client does not wait for replies";
  EXPECT_EQ(flow.only().at("pop3Retrieved"), "0");
  Pop3 waits;
  waits.log_in();
  waits.client("DELE 1\r\n");
  waits.server("K\r\n", 2);
  waits.client("RETR 9\r\n");
  waits.server("-ERR\r\n");
  waits.client("DELE 4\r\n");
  waits.server("+OK\r\n");
  waits.end();
  EXPECT_EQ(waits.only().at("pop3Deleted"), "1");
  EXPECT_EQ(waits.only().at("pop3Retrieved"), "0");
  EXPECT_EQ(waits.only().at("partial"), "octets missing");
}

TEST(Pop3, AMailWhoseEndIsLostEndsWithTheNextReply) {
  Pop3 flow;
  flow.log_in();
  flow.client("RETR 1\r\n");
  flow.server("+OK\r\nSubject: x\r\n");
  flow.server("the rest\r\n", 100);
  flow.client("DELE 1\r\n");
  flow.server("+OK\r\n");
  flow.client("QUIT\r\n");
  flow.server("+OK\r\n");
  EXPECT_EQ(flow.only().at("pop3Retrieved"), "1");
  EXPECT_EQ(flow.only().at("pop3Deleted"), "1");
}

TEST(Pop3, ListsAndTextsAreBounded) {
  Pop3 flow;
  flow.log_in();
  for (int count = 0; count < 500; ++count) {
    flow.client("NOOP\r\n");
    flow.server("+OK\r\n");
  }
  flow.client("USER " + std::string(400, 'x') + "\r\n");
  flow.end();
  EXPECT_EQ(flow.only().at("pop3User").size(), 255U);
  EXPECT_EQ(flow.only().at("partial"), "commands cut|user cut");
}

TEST(Pop3, OtherThingsAreGivenUp) {
  Pop3 flow;
  flow.server("+OK ready\r\n");
  std::string text;
  for (int count = 0; count < 20; ++count) text += "no command\r\n";
  EXPECT_EQ(flow.client(text), Status::Malformed);
}

TEST(Pop3Recognition, IsByContent) {
  const auto verdict = [](const std::string& text, uint16_t port, bool from = kClient, bool in_middle = false) {
    const TestDialogue dialogue(kTcp, port);
    const auto octets = static_cast<uint32_t>(text.size());
    return protocol::pop3.recognise(
        {.bytes = LineFlow::bytes_of(text), .octets = octets, .from_initiator = from, .in_middle = in_middle},
        dialogue.flow());
  };
  EXPECT_EQ(verdict("+OK Dovecot ready.\r\n", 4110, kServer), Verdict::Mine);
  EXPECT_EQ(verdict("+OK Dovecot", 4110, kServer), Verdict::Unsure);
  EXPECT_EQ(verdict("CAPA\r\n", 4110), Verdict::Mine);
  EXPECT_EQ(verdict("USER ann\r\n", 4110), Verdict::Unsure) << "FTP's clients say so too";
  EXPECT_EQ(verdict("USER ann\r\n", 110), Verdict::Mine);
  EXPECT_EQ(verdict("U", 110), Verdict::Unsure);
  EXPECT_EQ(verdict("-E", 110, kServer), Verdict::Unsure);
  EXPECT_EQ(verdict("-ERR\r\n", 110, kServer), Verdict::Mine);
  EXPECT_EQ(verdict("-ERR unknown command\r\n", 6379, kServer), Verdict::NotMine);
  EXPECT_EQ(verdict("+OK\r\n", 6379, kServer), Verdict::Unsure);
  EXPECT_EQ(verdict("+PONG\r\n", 6379, kServer), Verdict::NotMine);
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\n", 110), Verdict::NotMine);
  EXPECT_EQ(verdict("Subject: x\r\n", 110, kServer, true), Verdict::Unsure);
  EXPECT_EQ(verdict("* OK ready\r\n", 110, kServer), Verdict::NotMine);
  EXPECT_EQ(verdict("220 ready\r\n", 110, kServer), Verdict::NotMine);
}

}  // namespace
}  // namespace microcloud
