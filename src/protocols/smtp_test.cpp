// Mails: when each is told, what it says, and that no reply and no mail's text is taken for something else.
#include <gtest/gtest.h>

#include <string>

#include "protocols/line_flow_test.h"
#include "protocols/protocols.h"
#include "protocols/wire/mail_header.h"

namespace microcloud {
namespace {

constexpr uint8_t kTcp = 6;
constexpr bool kClient = TestFlow::kInitiator, kServer = TestFlow::kResponder;

using Told = TestDialogue::Told;

struct Smtp : LineFlow {
  Smtp() : LineFlow(protocol::smtp, 25) {}
  void greet() {
    server("220-mail.test\r\n220 ESMTP\r\n");
    client("EHLO me.test\r\n");
    server("250-mail.test\r\n250 PIPELINING\r\n");
  }
  void talk(const std::string& command, const std::string& reply) {
    client(command + "\r\n");
    server(reply + "\r\n");
  }
  const std::vector<Told>& records() const { return dialogue.records; }
};

const std::string kMail = "Subject: x\r\nMessage-ID: <1@me.test>\r\n\r\nMAIL FROM:<x@y>\r\n..\r\nRSET\r\n.\r\n";

TEST(Smtp, EachMailIsToldWithTheReplyToIt) {
  Smtp flow;
  flow.greet();
  flow.talk("MAIL FROM:<a@me.test> SIZE=10", "250 ok");
  flow.talk("RCPT TO:<b@mail.test>", "250 ok");
  flow.talk("rcpt to: c@mail.test", "550 unknown");
  flow.talk("DATA", "354 go on");
  flow.client(kMail);
  EXPECT_TRUE(flow.records().empty());
  flow.server("250 queued\r\n");
  ASSERT_EQ(flow.records().size(), 1U);
  const Told& told = flow.records()[0];
  EXPECT_EQ(told.at("record"), "smtp");
  EXPECT_EQ(told.at("from"), "initiator");
  EXPECT_EQ(told.at("smtpHelo"), "me.test");
  EXPECT_EQ(told.at("smtpMailFrom"), "a@me.test");
  EXPECT_EQ(told.at("smtpRecipients"), "b@mail.test|c@mail.test");
  EXPECT_EQ(told.at("smtpReplyCode"), "250");
  EXPECT_EQ(told.at("smtpStartTls"), "0");
  EXPECT_EQ(told.at("smtpAuthenticated"), "0");
  EXPECT_EQ(told.at("smtpMessageId"), "1@me.test");
  EXPECT_FALSE(told.contains("partial"));
  flow.talk("MAIL FROM:<>", "250 ok");
  flow.talk("RCPT TO:<b@mail.test>", "451 later");
  flow.talk("RSET", "250 ok");
  ASSERT_EQ(flow.records().size(), 2U);
  EXPECT_EQ(flow.records()[1].at("smtpMailFrom"), "");
  EXPECT_EQ(flow.records()[1].at("smtpReplyCode"), "451");
  EXPECT_EQ(flow.records()[1].at("transactionIndex"), "2");
  EXPECT_FALSE(flow.records()[1].contains("smtpMessageId"));
  flow.talk("QUIT", "221 bye");
  EXPECT_EQ(flow.end().size(), 2U);
}

TEST(Smtp, RepliesToWhatCameAtOnceGoInOrder) {
  Smtp flow;
  flow.greet();
  flow.client("MAIL FROM:<a@me.test>\r\nRCPT TO:<b@x>\r\nBDAT 5\r\nQUIT\nBDAT 39 LAST\r\n");
  flow.client("Message-ID:\r\n <2@me.test>\r\n\r\n123456\r\n\r\n");
  flow.client("MAIL FROM:<c@me.test>\r\nRCPT TO:<d@x>\r\nDATA\r\n");
  flow.server("250 a\r\n250 b\r\n250 first\r\n552 no\r\n250 c\r\n550 d\r\n554 none\r\n");
  ASSERT_EQ(flow.records().size(), 1U);
  EXPECT_EQ(flow.records()[0].at("smtpReplyCode"), "552");
  EXPECT_EQ(flow.records()[0].at("smtpMessageId"), "2@me.test");
  flow.talk("QUIT", "221");
  ASSERT_EQ(flow.records().size(), 2U);
  EXPECT_EQ(flow.records()[1].at("smtpMailFrom"), "c@me.test");
  EXPECT_EQ(flow.records()[1].at("smtpReplyCode"), "554");
  EXPECT_FALSE(flow.records()[1].contains("partial"));
}

constexpr const char* kLatency = "serverLatencyMicroseconds";

TEST(Smtp, HowLongTheServerTookIsThatOfTheContentsEnd) {
  Smtp flow;
  flow.greet();
  flow.talk("MAIL FROM:<a@x>", "250 ok");
  flow.talk("DATA", "354 go on");
  flow.client("Subject: x\r\n");
  flow.client(".\r\n");
  flow.pass(4000);
  flow.server("250-first of two\r\n");
  flow.server("250 queued\r\n");
  EXPECT_EQ(flow.records().at(0).at(kLatency), "5000") << "to the first line of the reply";
  flow.client("MAIL FROM:<b@x>\r\nRCPT TO:<c@x>\r\n");
  flow.pass(500);
  flow.server("250 ok\r\n");
  flow.server("550 no\r\n");
  flow.talk("RSET", "250 ok");
  EXPECT_EQ(flow.records().at(1).at(kLatency), "1500") << "there is no content: MAIL's";
  flow.talk("MAIL FROM:<d@x>", "250 ok");
  flow.talk("DATA", "354 go on");
  flow.client("Subject: x\r\n");
  flow.end();
  EXPECT_FALSE(flow.records().at(2).contains(kLatency)) << "the content was not answered";
}

TEST(Smtp, AChunkIsAnsweredWhenItsLastOctetCame) {
  Smtp flow;
  flow.greet();
  flow.client("MAIL FROM:<a@x>\r\nBDAT 2\r\n12BDAT 6 LAST\r\n123");
  flow.client("456");
  flow.server("250 a\r\n250 first\r\n250 all\r\n");
  EXPECT_EQ(flow.records().at(0).at(kLatency), "1000");
  flow.client("MAIL FROM:<a@x>\r\nBDAT 6 LAST\r\n12");
  flow.client("56", 2);
  flow.server("250 a\r\n250 all\r\n");
  EXPECT_EQ(flow.records().at(1).at(kLatency), "1000") << "its end is there";
  flow.client("MAIL FROM:<a@x>\r\nBDAT 6 LAST\r\n12");
  flow.client("NOOP\r\n", 4);
  flow.server("250 a\r\n250 all\r\n");
  EXPECT_FALSE(flow.records().at(2).contains(kLatency)) << "when it ended is not known";
  flow.client("MAIL FROM:<a@x>\r\nBDAT 2\r\n12");
  flow.server("250 a\r\n552 no\r\n");
  flow.client("RSET\r\n");
  flow.server("250 noop\r\n250 reset\r\n");
  EXPECT_FALSE(flow.records().at(3).contains(kLatency));
}

TEST(Smtp, BehindAGapNoTimeIsTold) {
  Smtp flow;
  flow.greet();
  flow.talk("MAIL FROM:<a@x>", "250 ok");
  flow.client("DATA\r\n");
  flow.server("354 go on\r\n");
  flow.client(".\r\n", 2000);
  flow.server("250 queued\r\n");
  EXPECT_FALSE(flow.records().at(0).contains(kLatency)) << "where the content ended is not known";
  flow.client("NOOP\r\nMAIL FROM:<a@x>\r\n", 10);
  flow.server("250 ok\r\n");
  flow.end();
  EXPECT_FALSE(flow.records().at(1).contains(kLatency));
}

TEST(Smtp, TheServiceCountsMailsThatWereAnswered) {
  Smtp flow;
  flow.greet();
  flow.talk("MAIL FROM:<a@x>", "452 full");
  flow.talk("MAIL FROM:<a@x>", "250 ok");
  flow.client("MAIL FROM:<c@x>\r\n");
  flow.end();
  ASSERT_EQ(flow.records().size(), 3U);
  const auto& calls = flow.dialogue.calls;
  ASSERT_EQ(calls.size(), 3U);
  ASSERT_TRUE(calls[0] && calls[1]);
  EXPECT_TRUE(calls[0]->failed);
  EXPECT_TRUE(calls[0]->begins_connection);
  EXPECT_EQ(calls[0]->latency_us, 1000U);
  EXPECT_FALSE(calls[1]->failed);
  EXPECT_FALSE(calls[1]->begins_connection);
  EXPECT_FALSE(calls[2]) << "not answered";
  Smtp none;
  none.greet();
  none.talk("QUIT", "221 bye");
  EXPECT_FALSE(none.dialogue.calls.at(0));
}

TEST(Smtp, UsersAreToldAndPasswordsNot) {
  Smtp flow;
  flow.greet();
  flow.talk("AUTH LOGIN", "334 VXNlcm5hbWU6");
  flow.talk("YW5u", "334 UGFzc3dvcmQ6");
  flow.talk("c2VjcmV0", "235 welcome");
  flow.talk("MAIL FROM:<a@me.test>", "250 ok");
  flow.end();
  ASSERT_EQ(flow.records().size(), 1U);
  EXPECT_EQ(flow.records()[0].at("smtpAuthUser"), "ann");
  EXPECT_EQ(flow.records()[0].at("smtpAuthenticated"), "1");
  for (const auto& [name, value] : flow.records()[0]) EXPECT_EQ(value.find("secret"), std::string::npos) << name;
  Smtp gap;
  gap.greet();
  gap.talk("AUTH LOGIN", "334 VXNlcm5hbWU6");
  gap.client("c2VjcmV0\r\n", 6);  // the name is missing
  gap.client("c2VjcmV0\r\n");
  gap.end();
  EXPECT_FALSE(gap.records().at(0).contains("smtpAuthUser"));
}

TEST(Smtp, AConnectionWithoutMailsIsToldOnce) {
  Smtp flow;
  flow.greet();
  flow.talk("QUIT", "221 bye");
  ASSERT_EQ(flow.records().size(), 1U);
  EXPECT_FALSE(flow.records()[0].contains("smtpMailFrom"));
  EXPECT_EQ(flow.records()[0].at("smtpReplyCode"), "221");
  EXPECT_EQ(flow.end().size(), 1U);
  Smtp tls;
  tls.greet();
  tls.talk("STARTTLS", "454 not now");
  tls.client("STARTTLS\r\n");
  EXPECT_EQ(tls.server("220 begin\r\n"), Status::Done);
  ASSERT_EQ(tls.records().size(), 1U);
  EXPECT_EQ(tls.records()[0].at("smtpStartTls"), "1");
}

TEST(Smtp, OneDirectionSaysWhatItHas) {
  Smtp client;
  client.say(kClient, "EHLO me.test\r\n", 0, true);
  client.client("MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n" + kMail + "MAIL FROM:<c@x>\r\nQUIT\r\n");
  client.end();
  ASSERT_EQ(client.records().size(), 2U);
  EXPECT_EQ(client.records()[0].at("smtpMessageId"), "1@me.test");
  EXPECT_EQ(client.records()[0].at("partial"), "beginning not seen|no replies");
  EXPECT_FALSE(client.records()[0].contains("smtpReplyCode"));
  EXPECT_EQ(client.records()[1].at("smtpMailFrom"), "c@x");
  Smtp server;
  server.server("220 ESMTP\r\n250 ok\r\n354 go on\r\n250 ok\r\n");
  server.end();
  ASSERT_EQ(server.records().size(), 1U);
  EXPECT_EQ(server.records()[0].at("partial"), "no commands");
}

TEST(Smtp, AMailWhoseEndIsLostHasTheReplyToIt) {
  Smtp flow;
  flow.greet();
  flow.talk("MAIL FROM:<a@x>", "250 ok");
  flow.talk("DATA", "354 go on");
  flow.client("Subject: x\r\n");
  flow.client("a line\r\n.\r\n", 2000);  // of which the beginning is unknown
  flow.server("250 queued\r\n");
  ASSERT_EQ(flow.records().size(), 1U);
  EXPECT_EQ(flow.records()[0].at("smtpReplyCode"), "250");
  EXPECT_EQ(flow.records()[0].at("partial"), "octets missing");
  Smtp lost;
  lost.greet();
  lost.talk("MAIL FROM:<a@x>", "250 ok");
  lost.talk("DATA", "354 go on");
  lost.client("Subject: x\r\n");
  lost.server("250 queued\r\n421 bye\r\n");
  lost.client("UIT\r\n", 2000);
  lost.end();
  EXPECT_EQ(lost.records().size(), 1U);
}

TEST(Smtp, BehindAGapRepliesAreNobodysUntilItIsKnownWhose) {
  Smtp flow;
  flow.greet();
  flow.client("MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n");
  flow.server("550 no\r\n", 30);
  flow.server("354 go on\r\n");
  flow.client(kMail);
  flow.server("250 queued\r\n");
  ASSERT_EQ(flow.records().size(), 1U);
  EXPECT_EQ(flow.records()[0].at("smtpReplyCode"), "250");
  flow.talk("MAIL FROM:<c@x>", "550 no");
  flow.end();
  EXPECT_EQ(flow.records().at(1).at("smtpReplyCode"), "550");
}

TEST(Smtp, ListsAndTextsAreBounded) {
  Smtp flow;
  flow.greet();
  flow.client("MAIL FROM:<" + std::string(300, 'x') + ">\r\n");
  for (int count = 0; count < 200; ++count) flow.client("RCPT TO:<b@x>\r\n");
  flow.client("DATA\r\nMessage-ID: <" + std::string(300, 'y') + ">\r\n\r\n.\r\n");
  for (int count = 0; count < 100; ++count) flow.client("MAIL FROM:<a@x>\r\n");
  flow.end();
  ASSERT_EQ(flow.records().size(), 101U);
  EXPECT_EQ(flow.records()[0].at("smtpMailFrom").size(), 255U);
  EXPECT_NE(flow.records()[0].at("partial").find("recipients cut"), std::string::npos);
  EXPECT_NE(flow.records()[0].at("partial").find("message id cut"), std::string::npos);
}

TEST(Smtp, OtherThingsAreGivenUp) {
  Smtp flow;
  flow.server("220 ESMTP\r\n");
  std::string text;
  for (int count = 0; count < 20; ++count) text += "no command\r\n";
  EXPECT_EQ(flow.client(text), Status::Malformed);
}

TEST(MessageIdFinder, StopsAtTheEndOfTheHeader) {
  MessageIdFinder finder;
  EXPECT_FALSE(finder.line("Subject: x"));
  EXPECT_FALSE(finder.line(""));
  EXPECT_TRUE(finder.over());
  EXPECT_FALSE(finder.line("Message-ID: <1@x>"));
  MessageIdFinder bare;
  EXPECT_EQ(bare.line("message-id: 1@x"), "1@x");
  MessageIdFinder none;
  EXPECT_FALSE(none.line("Message-ID:"));
  EXPECT_FALSE(none.line("Subject: <1@x>"));
}

TEST(SmtpRecognition, IsByContent) {
  const auto verdict = [](const std::string& text, uint16_t port, bool from = kClient, bool in_middle = false) {
    const TestDialogue dialogue(kTcp, port);
    const auto octets = static_cast<uint32_t>(text.size());
    return protocol::smtp.recognise(
        {.bytes = LineFlow::bytes_of(text), .octets = octets, .from_initiator = from, .in_middle = in_middle},
        dialogue.flow());
  };
  EXPECT_EQ(verdict("220 mail.test ESMTP\r\n", 2525, kServer), Verdict::Unsure) << "the client tells";
  EXPECT_EQ(verdict("220 mail.test\r\n", 25, kServer), Verdict::Mine);
  EXPECT_EQ(verdict("22", 25, kServer), Verdict::Unsure);
  EXPECT_EQ(verdict("EHLO me.test\r\n", 2525), Verdict::Mine);
  EXPECT_EQ(verdict("EHLO me", 2525), Verdict::Unsure);
  EXPECT_EQ(verdict("MAIL FROM:<a@x>\r\n", 2525), Verdict::Mine);
  EXPECT_EQ(verdict("QUIT\r\n", 2525), Verdict::Unsure);
  EXPECT_EQ(verdict("QUIT\r\n", 25), Verdict::Mine);
  EXPECT_EQ(verdict("USER ann\r\n", 21), Verdict::NotMine);
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\n", 80), Verdict::NotMine);
  EXPECT_EQ(verdict("some text\r\n", 25, kServer, true), Verdict::Unsure);
}

}  // namespace
}  // namespace microcloud
