// IMAP connections: whose they are, what was asked, and what belongs to a literal and not to a command.
#include <gtest/gtest.h>

#include <string>

#include "protocols/line_flow_test.h"
#include "protocols/protocols.h"

namespace microcloud {
namespace {

constexpr uint8_t kTcp = 6;
constexpr bool kClient = TestFlow::kInitiator, kServer = TestFlow::kResponder;

using Told = TestDialogue::Told;

struct Imap : LineFlow {
  Imap() : LineFlow(protocol::imap, 143) {}
};

TEST(Imap, AConnectionIsToldWhenLogoutIsAnswered) {
  Imap flow;
  flow.server("* OK ready\r\n");
  flow.client("a1 login ann secret\r\n");
  flow.server("a1 NO\r\n");
  flow.client("a2 LOGIN \"b\\\"o b\" \"secret\"\r\n");
  flow.server("a2 OK\r\n");
  flow.client("a3 SELECT INBOX\r\na4 UID FETCH 1 (FLAGS)\r\na5 LOGOUT\r\n");
  EXPECT_TRUE(flow.dialogue.records.empty());
  flow.server("a3 OK\r\n* 1 FETCH (FLAGS ())\r\na4 OK\r\n* BYE\r\na5 OK\r\n");
  EXPECT_EQ(flow.only().at("record"), "imap");
  EXPECT_EQ(flow.only().at("from"), "initiator");
  EXPECT_EQ(flow.only().at("imapUser"), "ann");
  EXPECT_EQ(flow.only().at("imapStartTls"), "0");
  EXPECT_EQ(flow.only().at("imapCommands"), "LOGIN|LOGIN|SELECT|FETCH|LOGOUT");
  EXPECT_FALSE(flow.only().contains("partial"));
  EXPECT_EQ(flow.end().size(), 1U);
}

constexpr const char* kLatency = "serverLatencyMicroseconds";

TEST(Imap, HowLongCommandsTookIsTheirMeanByTag) {
  Imap flow;
  flow.server("* OK ready\r\n");
  flow.client("1 LOGIN {3}\r\n");
  flow.pass(50'000);
  flow.server("+ go on\r\n");
  flow.client("ann x\r\n");
  flow.server("1 NO\r\n");  // 1 ms: the server waited before
  flow.client("2 AUTHENTICATE PLAIN\r\n");
  flow.server("+ \r\n");
  flow.client("AGFubgBzZWNyZXQ=\r\n");
  flow.server("2 OK\r\n");
  flow.client("3 SELECT INBOX\r\n4 FETCH 1 (FLAGS)\r\n");
  flow.pass(2000);
  flow.server("* 1 FETCH (FLAGS ())\r\n4 OK\r\n");  // 3 ms
  flow.server("3 BAD\r\n");                         // 4 ms
  flow.client("5 IDLE\r\n");
  flow.server("+ idling\r\n");
  flow.pass(9'000'000);
  flow.client("DONE\r\n");
  flow.server("5 OK\r\n");
  flow.client("6 LOGOUT\r\n");
  flow.pass(1000);
  flow.server("* BYE\r\n6 OK\r\n");  // 2 ms
  EXPECT_EQ(flow.only().at("imapAnswered"), "5");
  EXPECT_EQ(flow.only().at("imapErrors"), "2");
  EXPECT_EQ(flow.only().at(kLatency), "2500");
  EXPECT_EQ(flow.dialogue.many.at(0).answered(), 5U);
  EXPECT_EQ(flow.dialogue.many.at(0).times().size(), 4U);
  EXPECT_TRUE(flow.dialogue.calls.at(0)->begins_connection);
}

TEST(Imap, ATagThatIsUsedTwiceAtOnceTellsNoTime) {
  Imap flow;
  flow.server("* OK ready\r\n");
  flow.client("1 NOOP\r\n");
  flow.client("1 NOOP\r\n");
  flow.server("1 OK\r\n1 OK\r\n");
  flow.end();
  EXPECT_EQ(flow.only().at("imapAnswered"), "1");
  EXPECT_FALSE(flow.only().contains(kLatency));
}

TEST(Imap, NothingIsCountedBehindAGap) {
  Imap flow;
  flow.server("* OK ready\r\n");
  flow.client("1 NOOP\r\n");
  flow.server("1 OK\r\n");
  flow.client("2 NOOP\r\n", 9);
  flow.server("2 NO\r\n");
  flow.end();
  EXPECT_EQ(flow.only().at("imapAnswered"), "1");
  EXPECT_EQ(flow.only().at("imapErrors"), "0");
  EXPECT_EQ(flow.only().at(kLatency), "1000");
  Imap client;
  client.client("1 NOOP\r\n");
  client.end();
  EXPECT_FALSE(client.dialogue.calls.at(0));
}

TEST(Imap, LiteralsAreNoLines) {
  Imap flow;
  flow.server("* OK ready\r\n");
  flow.client("1 LOGIN {3}\r\n");
  flow.server("+ go on\r\n");
  flow.client("ann {9}\r\n");
  flow.server("+ go on\r\n");
  flow.client("2 NOOP\r\n");  // the password, as long as it is
  flow.client("x\r\n3 APPEND INBOX {13+}\r\n4 LOGIN bob\r\n\r\n");
  flow.server("1 OK\r\n3 OK\r\n* 1 FETCH (BODY[] {12}\r\n5 OK LOGIN\r\n)\r\n");
  flow.client("5 LOGOUT\r\n");
  EXPECT_TRUE(flow.dialogue.records.empty());
  flow.server("5 OK\r\n");
  EXPECT_EQ(flow.only().at("imapUser"), "ann");
  EXPECT_EQ(flow.only().at("imapCommands"), "LOGIN|APPEND|LOGOUT");
  EXPECT_FALSE(flow.only().contains("partial"));
}

TEST(Imap, ALiteralThatIsRefusedDoesNotCome) {
  Imap flow;
  flow.server("* OK ready\r\n");
  flow.client("1 APPEND INBOX {100000}\r\n");
  flow.server("1 NO too large\r\n");
  flow.client("2 NOOP\r\n");
  flow.end();
  EXPECT_EQ(flow.only().at("imapCommands"), "APPEND|NOOP");
}

TEST(Imap, UsersOfAuthenticateCountWhereNobodyLogsIn) {
  Imap flow;
  flow.server("* OK ready\r\n");
  flow.client("1 AUTHENTICATE PLAIN\r\n");
  flow.server("+ \r\n");
  flow.client("AGFubgBzZWNyZXQ=\r\n");
  flow.server("1 NO\r\n");
  flow.client("2 IDLE\r\n");
  flow.server("+ idling\r\n* 3 EXISTS\r\n");
  flow.client("DONE\r\n");
  flow.end();
  EXPECT_EQ(flow.only().at("imapUser"), "ann");
  EXPECT_EQ(flow.only().at("imapCommands"), "AUTHENTICATE|IDLE");
  EXPECT_FALSE(flow.only().contains("partial"));
  Imap both;
  both.client("1 AUTHENTICATE PLAIN AGFubgBzZWNyZXQ=\r\n");
  both.server("1 NO\r\n");
  both.client("2 LOGIN bob secret\r\n3 LOGIN carl secret\r\n");
  both.end();
  EXPECT_EQ(both.only().at("imapUser"), "bob");
}

TEST(Imap, StarttlsAndCompressionEndWhatIsRead) {
  Imap flow;
  flow.server("* OK ready\r\n");
  flow.client("1 STARTTLS\r\n");
  EXPECT_EQ(flow.server("1 BAD\r\n"), Status::More);
  flow.client("2 STARTTLS\r\n");
  EXPECT_EQ(flow.server("2 OK begin\r\n"), Status::Done);
  EXPECT_EQ(flow.only().at("imapStartTls"), "1");
  Imap compressed;
  compressed.client("1 COMPRESS DEFLATE\r\n");
  EXPECT_EQ(compressed.server("1 OK\r\n"), Status::Done);
  EXPECT_EQ(compressed.only().at("partial"), "compressed from here");
}

TEST(Imap, BehindAGapNothingOfTheOldIsTakenUp) {
  Imap flow;
  flow.server("* OK ready\r\n");
  flow.client("1 STARTTLS\r\n");
  flow.client("TLS?\r\n2 LOGIN ann secret\r\n", 7);
  flow.server("1 OK\r\n");
  flow.client("2 LOGIN {3}\r\n", 10);
  flow.client("secret\r\n", 4);
  flow.end();
  EXPECT_EQ(flow.only().at("imapStartTls"), "0");
  EXPECT_EQ(flow.only().at("imapUser"), "ann");
  EXPECT_EQ(flow.only().at("partial"), "octets missing");
  Imap within;
  within.server("* OK ready\r\n");
  within.client("1 APPEND INBOX {100+}\r\n");
  within.client(std::string(20, 'x') + "\r\n2 LOGOUT\r\n", 80);
  within.server("1 OK\r\n2 OK\r\n");
  EXPECT_EQ(within.only().at("imapCommands"), "APPEND|LOGOUT");
}

TEST(Imap, OneDirectionSaysWhatItHas) {
  Imap client;
  client.say(kClient, "1 LOGIN ann secret\r\n2 STARTTLS\r\n", 0, true);
  client.end();
  EXPECT_EQ(client.only().at("imapUser"), "ann");
  EXPECT_EQ(client.only().at("partial"), "beginning not seen|no replies");
  Imap server;
  server.say(kClient, "* 3 EXISTS\r\n1 OK\r\n", 0, true);
  server.end();
  EXPECT_EQ(server.only().at("from"), "responder");
}

TEST(Imap, ListsAndTextsAreBounded) {
  Imap flow;
  flow.server("* OK ready\r\n");
  for (int count = 0; count < 300; ++count) flow.client("1 SELECT INBOX\r\n");
  flow.client("2 LOGIN " + std::string(300, 'x') + " secret\r\n");
  flow.client("3 LOGOUT {18446744073709551615}\r\n");
  flow.client("4 LOGOUT {18446744073709551616}\r\n");
  flow.end();
  EXPECT_EQ(flow.only().at("imapUser").size(), 255U);
  EXPECT_EQ(flow.only().at("partial"), "commands cut|user cut");
}

TEST(Imap, OtherThingsAreGivenUp) {
  Imap flow;
  flow.server("* OK ready\r\n");
  std::string text;
  for (int count = 0; count < 20; ++count) text += "no command\r\n";
  EXPECT_EQ(flow.client(text), Status::Malformed);
}

TEST(ImapRecognition, IsByContent) {
  const auto verdict = [](const std::string& text, uint16_t port, bool in_middle = false) {
    const TestDialogue dialogue(kTcp, port);
    const auto octets = static_cast<uint32_t>(text.size());
    return protocol::imap.recognise({.bytes = LineFlow::bytes_of(text), .octets = octets, .in_middle = in_middle},
                                    dialogue.flow());
  };
  EXPECT_EQ(verdict("* OK [CAPABILITY IMAP4rev1] ready\r\n", 1143), Verdict::Mine);
  EXPECT_EQ(verdict("* OK [CAPAB", 1143), Verdict::Unsure);
  EXPECT_EQ(verdict("a1 CAPABILITY\r\n", 1143), Verdict::Mine);
  EXPECT_EQ(verdict("a1 CAPAB", 1143), Verdict::Unsure);
  EXPECT_EQ(verdict("tag LOGIN ann secret\r\n", 1143), Verdict::Unsure);
  EXPECT_EQ(verdict("tag LOGIN ann secret\r\n", 143), Verdict::Mine);
  EXPECT_EQ(verdict("USER login\r\n", 21), Verdict::NotMine);
  EXPECT_EQ(verdict("a1 OK done\r\n", 143), Verdict::Mine);
  EXPECT_EQ(verdict("a1 OK done\r\n", 1143), Verdict::NotMine);
  EXPECT_EQ(verdict("Subject: x\r\n", 143, true), Verdict::Unsure);
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\n", 143), Verdict::NotMine);
  EXPECT_EQ(verdict("GET /", 143), Verdict::NotMine);
  EXPECT_EQ(verdict("*1\r\n$4\r\nPING\r\n", 6379), Verdict::NotMine);
  EXPECT_EQ(verdict("+OK ready\r\n", 143), Verdict::NotMine);
}

}  // namespace
}  // namespace microcloud
