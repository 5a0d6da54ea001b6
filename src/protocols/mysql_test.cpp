// MySQL connections: what is told of the opening and of each command, and that no response goes to another's command.
#include <gtest/gtest.h>

#include <string>

#include "protocols/line_flow_test.h"
#include "protocols/protocols.h"
#include "protocols/wire/mysql_bytes_test.h"

namespace microcloud {
namespace {

using namespace mysql_bytes;
using Told = TestDialogue::Told;

constexpr bool kClient = TestFlow::kInitiator, kServer = TestFlow::kResponder;

struct Mysql : LineFlow {
  explicit Mysql(uint16_t port = 3306) : LineFlow(protocol::mysql, port) {}
  void log_in(uint32_t flags = kFlags) {
    server(greeting("8.0.36", flags | 0xffffU));
    client(login("ann", "shop", flags));
    server(ok(2));
    dialogue.records.clear();
  }
  const Told& last() { return dialogue.records.back(); }
};

void expect_partial(const Told& told, const std::string& reasons) {
  EXPECT_EQ(told.contains("partial") ? told.at("partial") : "", reasons);
}

TEST(Mysql, TheOpeningIsToldWhenTheLoginIsAnswered) {
  Mysql flow;
  flow.server(greeting("8.0.36"));
  flow.client(login("ann", "shop", kFlags | kAttributes,
                    std::string("\x04_pid\x01"
                                "1\x0cprogram_name\x05mysql")));
  EXPECT_TRUE(flow.dialogue.records.empty());
  EXPECT_EQ(flow.server(ok(2)), Status::More);
  const Told& told = flow.only();
  EXPECT_EQ(told.at("record"), "mysql");
  EXPECT_EQ(told.at("from"), "initiator");
  EXPECT_EQ(told.at("observationTimeMilliseconds"), "1700000000001");
  EXPECT_EQ(told.at("mysqlUser"), "ann");
  EXPECT_EQ(told.at("mysqlSchema"), "shop");
  EXPECT_EQ(told.at("mysqlServerVersion"), "8.0.36");
  EXPECT_EQ(told.at("mysqlConnectionId"), "77");
  EXPECT_EQ(told.at("mysqlProgram"), "mysql");
  EXPECT_EQ(told.at("mysqlStartTls"), "0");
  EXPECT_EQ(told.at("serverLatencyMicroseconds"), "1000");
  EXPECT_FALSE(told.contains("mysqlCommand"));
  EXPECT_FALSE(told.contains("mysqlErrorCode"));
  EXPECT_FALSE(told.contains("mysqlAffectedRows"));
  expect_partial(told, "");
  EXPECT_EQ(flow.end().size(), 1U);
}

TEST(Mysql, ALoginMayTakeSeveralPacketsAndIsNoCommand) {
  Mysql flow;
  flow.server(greeting("8.0.36"));
  flow.client(login("ann"));
  flow.server(packet(2,
                     "\xfe"
                     "caching_sha2_password"));
  flow.client(packet(3, "\x03secret-of-ann"));
  flow.server(packet(4, "\x01key"));
  flow.client(packet(5, std::string(256, 'x')));
  flow.server(error(6, 1045));
  EXPECT_EQ(flow.only().at("mysqlErrorCode"), "1045");
  for (const auto& [name, value] : flow.only()) EXPECT_EQ(value.find("secret"), std::string::npos) << name;
}

TEST(Mysql, AServerMayRefuseWithoutAGreeting) {
  Mysql flow;
  EXPECT_EQ(flow.server(packet(0, "\xff\x6a\x04Host 'x' is not allowed to connect")), Status::Done);
  EXPECT_EQ(flow.only().at("mysqlErrorCode"), "1130");
  EXPECT_FALSE(flow.only().contains("mysqlServerVersion"));
  EXPECT_EQ(flow.dialogue.health(), (ServiceHealth{.requests = 1, .errors = 1})) << "the connection was the request";
}

TEST(Mysql, ACommandIsToldWhenItsResponseIsOver) {
  for (const bool is_new : {false, true}) {
    Mysql flow;
    flow.log_in(is_new ? kFlags | kNewEnds : kFlags);
    flow.client(query("SELECT name FROM t WHERE id = 5"));
    const std::string response = rows(3, is_new);
    flow.server(response.substr(0, response.size() - 2));
    EXPECT_TRUE(flow.dialogue.records.empty());
    flow.server(response.substr(response.size() - 2));
    const Told& told = flow.only();
    EXPECT_EQ(told.at("mysqlCommand"), "3");
    EXPECT_EQ(told.at("mysqlQuery"), "SELECT name FROM t WHERE id = ?");
    EXPECT_EQ(told.at("mysqlRows"), "3");
    EXPECT_EQ(told.at("mysqlUser"), "ann");
    EXPECT_EQ(told.at("mysqlSchema"), "shop");
    EXPECT_EQ(told.at("serverLatencyMicroseconds"), "1000");
    EXPECT_FALSE(told.contains("mysqlAffectedRows"));
    EXPECT_FALSE(told.contains("mysqlServerVersion"));
    expect_partial(told, "");
  }
}

TEST(Mysql, ChangesErrorsAndSeveralResultsAreTold) {
  Mysql flow;
  flow.log_in();
  flow.dialogue.allowed.sql_literals = true;
  flow.client(query("DELETE FROM t WHERE a = 'x'"));
  flow.server(ok(1, 7));
  EXPECT_EQ(flow.last().at("mysqlQuery"), "DELETE FROM t WHERE a = 'x'");
  EXPECT_EQ(flow.last().at("mysqlAffectedRows"), "7");
  EXPECT_FALSE(flow.last().contains("mysqlRows"));
  flow.client(query("SELECT nothing"));
  flow.server(error(1, 1054));
  EXPECT_EQ(flow.last().at("mysqlErrorCode"), "1054");
  flow.client(query("CALL p()"));
  flow.server(rows(2, false, 1, 2 | 8) + rows(1, false, 7, 2 | 8));
  EXPECT_EQ(flow.dialogue.records.size(), 2U) << "another result follows";
  flow.server(ok(12, 4));
  EXPECT_EQ(flow.last().at("mysqlRows"), "3");
  EXPECT_EQ(flow.last().at("mysqlAffectedRows"), "4");
  flow.client(query("SELECT a FROM t"));
  flow.server(packet(1, "\x01") + column(2) + old_end(3) +
              packet(4,
                     "\x01"
                     "a") +
              error(5, 1317));
  EXPECT_EQ(flow.last().at("mysqlErrorCode"), "1317") << "in the middle of the rows";
  EXPECT_EQ(flow.last().at("mysqlRows"), "1");
}

TEST(Mysql, AFileIsNoCommand) {
  Mysql flow;
  flow.log_in();
  flow.client(query("LOAD DATA LOCAL INFILE 'x' INTO TABLE t"));
  flow.server(packet(1,
                     "\xfb"
                     "x"));
  flow.client(packet(2, "1\n2\n") + packet(3, ""));
  flow.server(ok(4, 2));
  EXPECT_EQ(flow.only().at("mysqlAffectedRows"), "2");
  expect_partial(flow.only(), "");
}

TEST(Mysql, AnExecutedStatementHasItsText) {
  Mysql flow;
  flow.log_in();
  flow.client(command(0x16, "SELECT a FROM t WHERE b = ? AND c = 3"));
  flow.server(packet(1, number(0, 1) + number(9, 4) + number(1, 2) + number(1, 2) + number(0, 3)) + column(2) +
              old_end(3) + column(4));
  EXPECT_EQ(flow.only().at("mysqlCommand"), "22");
  EXPECT_EQ(flow.only().at("mysqlQuery"), "SELECT a FROM t WHERE b = ? AND c = ?");
  flow.server(old_end(5));
  flow.client(command(0x17, number(9, 4) + std::string(12, '\0')));
  flow.server(rows(2, false));
  EXPECT_EQ(flow.last().at("mysqlCommand"), "23");
  EXPECT_EQ(flow.last().at("mysqlQuery"), "SELECT a FROM t WHERE b = ? AND c = ?");
  EXPECT_EQ(flow.last().at("mysqlRows"), "2");
  expect_partial(flow.last(), "");
  flow.client(command(0x19, number(9, 4)));
  EXPECT_EQ(flow.last().at("mysqlCommand"), "25") << "it has no response";
  flow.client(command(0x17, number(9, 4) + std::string(5, '\0')));
  flow.server(error(1, 1243));
  EXPECT_EQ(flow.last().at("mysqlErrorCode"), "1243");
  expect_partial(flow.last(), "statement not seen");
}

TEST(Mysql, RowsOfACursorAreFetched) {
  Mysql flow;
  flow.log_in();
  flow.client(command(0x17, number(9, 4) + std::string(5, '\0')));
  flow.server(packet(1, "\x01") + column(2) + old_end(3, 0x42));
  EXPECT_EQ(flow.only().at("mysqlRows"), "0");
  flow.client(command(0x1c, number(9, 4) + number(10, 4)));
  flow.server(packet(1, std::string("\0\0x", 3)) + packet(2, std::string("\0\0y", 3)) + old_end(3, 0x82));
  EXPECT_EQ(flow.last().at("mysqlRows"), "2");
}

TEST(Mysql, CommandsMayComeBeforeTheResponsesToThoseBefore) {
  Mysql flow;
  flow.log_in();
  flow.client(command(0x16, "SELECT a FROM t") + command(0x17, number(0xffffffff, 4) + std::string(5, '\0')) +
              command(0x0e));
  flow.server(packet(1, number(0, 1) + number(4, 4) + number(1, 2) + number(0, 5)) + column(2) + old_end(3) +
              rows(1, false) + ok(1));
  ASSERT_EQ(flow.dialogue.records.size(), 3U);
  EXPECT_EQ(flow.dialogue.records[1].at("mysqlQuery"), "SELECT a FROM t");
  EXPECT_EQ(flow.dialogue.records[1].at("mysqlRows"), "1");
  EXPECT_EQ(flow.dialogue.records[2].at("mysqlCommand"), "14");
  for (const Told& told : flow.dialogue.records) expect_partial(told, "");
}

TEST(Mysql, UserAndSchemaChangeWhenTheServerAgrees) {
  Mysql flow;
  flow.log_in();
  flow.client(command(2, "depot"));
  flow.server(error(1, 1049));
  EXPECT_EQ(flow.last().at("mysqlSchema"), "depot") << "asked for";
  flow.client(query("USE `yard`;"));
  flow.server(ok(1));
  flow.client(command(0x0e));
  flow.server(ok(1));
  EXPECT_EQ(flow.last().at("mysqlSchema"), "yard");
  flow.client(command(0x11, std::string("bob") + '\0' + "\x02pw" + "lab" + '\0'));
  flow.server(packet(1,
                     "\xfe"
                     "mysql_native_password"));
  flow.client(packet(2, std::string(20, 'p')));
  flow.server(ok(3));
  EXPECT_EQ(flow.last().at("mysqlCommand"), "17");
  flow.client(command(0x0e));
  flow.server(ok(1));
  EXPECT_EQ(flow.last().at("mysqlUser"), "bob");
  EXPECT_EQ(flow.last().at("mysqlSchema"), "lab");
}

TEST(Mysql, AttributesOfAQueryAreNotItsText) {
  Mysql flow;
  flow.log_in(kFlags | kQueryAttributes);
  flow.client(query(number(0, 1) + number(1, 1) + "SELECT 1"));
  flow.server(ok(1));
  EXPECT_EQ(flow.last().at("mysqlQuery"), "SELECT ?");
  // Two of them, one NULL: bits, a mark, types and names, a value.
  flow.client(query(number(2, 1) + number(1, 1) + number(2, 1) + number(1, 1) + number(0xfe, 2) +
                    "\x01"
                    "a" +
                    number(3, 2) +
                    "\x01"
                    "b" +
                    "\x05value" + "COMMIT"));
  flow.server(ok(1));
  EXPECT_EQ(flow.last().at("mysqlQuery"), "COMMIT");
  flow.client(query(number(2, 1) + number(1, 1) + "\x02"));
  flow.server(ok(1));
  expect_partial(flow.last(), "query unreadable");
}

TEST(Mysql, TlsAndCompressionEndWhatIsRead) {
  Mysql tls;
  tls.server(greeting("10.11.6-MariaDB"));
  EXPECT_EQ(tls.client(packet(1, number(kFlags | kTls, 4) + number(1U << 24, 4) + "\x21" + std::string(23, '\0'))),
            Status::Done);
  EXPECT_EQ(tls.only().at("mysqlStartTls"), "1");
  EXPECT_EQ(tls.only().at("mysqlServerVersion"), "10.11.6-MariaDB");
  expect_partial(tls.only(), "");
  Mysql compressed;
  compressed.server(greeting("8.0.36"));
  compressed.client(login("ann", "", kFlags | kCompress));
  EXPECT_EQ(compressed.server(ok(2)), Status::Done);
  EXPECT_EQ(compressed.only().at("mysqlUser"), "ann");
  expect_partial(compressed.only(), "compressed from here");
  Mysql refused;
  refused.server(greeting("8.0.36", kFlags));
  refused.client(login("ann", "", kFlags | kCompress));
  EXPECT_EQ(refused.server(ok(2)), Status::More) << "the server cannot";
}

TEST(Mysql, ReplicationIsNotRead) {
  Mysql flow;
  flow.log_in();
  flow.client(command(0x12, std::string(10, 'x')));
  EXPECT_EQ(flow.server(packet(1, std::string(1, '\0') + "event")), Status::Done);
  EXPECT_EQ(flow.only().at("mysqlCommand"), "18");
}

TEST(Mysql, OneDirectionSaysWhatItHas) {
  Mysql client;
  client.client(login("ann", "shop"));
  client.client(query("SELECT 1"));
  client.client(query("SELECT 'b'"));
  client.end();
  ASSERT_EQ(client.dialogue.records.size(), 3U);
  EXPECT_EQ(client.dialogue.records[0].at("mysqlUser"), "ann");
  for (const Told& told : client.dialogue.records) {
    expect_partial(told, "no response");
    EXPECT_FALSE(told.contains("serverLatencyMicroseconds"));
  }
  Mysql server;
  server.server(greeting("8.0.36"));
  server.server(ok(2));
  server.server(rows(2, false));
  server.server(error(1, 1146));
  server.end();
  ASSERT_EQ(server.dialogue.records.size(), 2U);
  EXPECT_EQ(server.dialogue.records[0].at("mysqlServerVersion"), "8.0.36");
  expect_partial(server.dialogue.records[0], "no login");
  EXPECT_EQ(server.dialogue.records[1].at("mysqlErrorCode"), "1146");
  EXPECT_FALSE(server.dialogue.records[1].contains("mysqlCommand"));
  expect_partial(server.dialogue.records[1], "no command");
  EXPECT_EQ(server.dialogue.health(), ServiceHealth{});
  EXPECT_TRUE(server.dialogue.counters.empty()) << "the side that asks is counted where it is seen";
  Mysql refused;
  refused.server(greeting("8.0.36"));
  refused.server(error(2, 1045));
  EXPECT_EQ(refused.only().at("mysqlErrorCode"), "1045");
  EXPECT_EQ(refused.only().at("mysqlServerVersion"), "8.0.36");
  EXPECT_TRUE(refused.dialogue.counters.empty());
  Mysql left;
  left.server(greeting("8.0.36"));
  left.end();
  expect_partial(left.only(), "no login");
  EXPECT_EQ(left.dialogue.health(), ServiceHealth{}) << "it asked for nothing";
}

TEST(Mysql, BeginsInTheMiddle) {
  for (const bool client_first : {true, false}) {
    Mysql flow(13306);  // the first to be seen is the flow's initiator
    flow.say(client_first, query("SELECT a FROM t"), 0, true);
    flow.say(!client_first, rows(2, true), 0, true);
    EXPECT_EQ(flow.only().at("mysqlRows"), "2");
    EXPECT_EQ(flow.only().at("from"), client_first ? "initiator" : "responder");
    expect_partial(flow.only(), "");
  }
  Mysql server;
  server.say(kServer, "bc" + old_end(200), 0, true);  // the rest of a row
  server.say(kClient, query("SELECT a FROM t"), 0, true);
  server.server(rows(1, false));
  EXPECT_EQ(server.only().at("mysqlRows"), "1");
}

TEST(Mysql, BehindAGapOfTheServerNoResponseIsAnothers) {
  Mysql flow;
  flow.log_in();
  flow.client(query("SELECT a FROM t"));
  flow.client(query("DELETE FROM t"));  // the response to the first is lost, and the beginning of this one's
  flow.server(ok(1, 5), 30);
  ASSERT_EQ(flow.dialogue.records.size(), 2U);
  for (const Told& told : flow.dialogue.records) {
    expect_partial(told, "octets missing");
    EXPECT_FALSE(told.contains("mysqlAffectedRows"));
  }
  flow.client(query("UPDATE t SET a = 1"));
  flow.server(ok(1, 9));
  EXPECT_EQ(flow.last().at("mysqlAffectedRows"), "9");
  expect_partial(flow.last(), "");
}

TEST(Mysql, BehindAGapOfTheClientNoResponseIsAnothers) {
  Mysql flow;
  flow.log_in();
  flow.client(query("SELECT a FROM t"));
  flow.server(rows(1, false));
  flow.server(ok(1, 3));  // to a command that is missing
  flow.client(query("DELETE FROM t"), 40);
  flow.server(ok(1, 5));
  ASSERT_EQ(flow.dialogue.records.size(), 2U);
  EXPECT_EQ(flow.last().at("mysqlAffectedRows"), "5");
  Mysql late;  // what was sent behind the gap is read when its response has passed
  late.log_in();
  late.server(ok(1, 3));
  late.server(ok(1, 4));
  late.send({.bytes = LineFlow::bytes_of(query("DELETE FROM t")),
             .octets = 18,
             .gap = 40,
             .time_us = TestFlow::kBegin + 4500});
  EXPECT_FALSE(late.only().contains("mysqlAffectedRows"));
  expect_partial(late.only(), "octets missing");
}

TEST(Mysql, AClientThatDoesNotWaitGetsNoResponseToldBehindAGap) {
  Mysql flow;
  flow.log_in();
  flow.client(query("SELECT a FROM t") + query("SELECT b FROM t"));
  flow.server(rows(1, false), 25);
  flow.client(query("DELETE FROM t") + query("DELETE FROM u"));
  flow.server(ok(1, 5) + ok(1, 6));
  ASSERT_EQ(flow.dialogue.records.size(), 4U);
  for (const Told& told : flow.dialogue.records) {
    EXPECT_FALSE(told.contains("mysqlAffectedRows"));
    expect_partial(told, "octets missing");
  }
}

TEST(Mysql, AHoleInARowIsNoLossOfItsEnd) {
  Mysql flow;
  flow.log_in();
  flow.client(query("SELECT a FROM t"));
  flow.server(packet(1, "\x01") + column(2) + old_end(3) + packet(4, std::string(200, 'r')).substr(0, 50));
  flow.server(std::string(54, 'r') + old_end(5), 100);
  EXPECT_EQ(flow.only().at("mysqlRows"), "1");
  expect_partial(flow.only(), "");
}

TEST(Mysql, WhatAPeerCanGrowIsBounded) {
  Mysql flow;
  flow.log_in();
  flow.client(query("SELECT " + std::string(9000, 'x')));
  flow.server(ok(1));
  EXPECT_EQ(flow.last().at("mysqlQuery").size(), 4096U);
  expect_partial(flow.last(), "query cut");
  flow.client(query("SELECT '" + std::string(40000, 'x') + "' FROM t"));
  flow.server(ok(1));
  EXPECT_EQ(flow.last().at("mysqlQuery"), "SELECT ?");
  expect_partial(flow.last(), "query cut");
  flow.dialogue.records.clear();
  for (int count = 0; count < 100; ++count) flow.client(command(0x0e));
  EXPECT_FALSE(flow.dialogue.records.empty());
  for (const Told& told : flow.dialogue.records) EXPECT_TRUE(told.contains("partial"));
  Mysql unknown;
  unknown.log_in();
  std::string none;
  for (int count = 0; count < 20; ++count) none += command(0x70);
  EXPECT_EQ(unknown.client(none), Status::Malformed);
}

TEST(Mysql, WhatWaitsIsToldAtTheEnd) {
  Mysql flow;
  flow.log_in();
  flow.client(query("SELECT SLEEP(100)"));
  flow.end(FlowOver::RunOver);
  EXPECT_EQ(flow.only().at("mysqlQuery"), "SELECT SLEEP(?)");
  expect_partial(flow.only(), "no response");
  Mysql greeted;
  greeted.server(greeting("5.7.30"));
  greeted.end();
  EXPECT_EQ(greeted.only().at("mysqlServerVersion"), "5.7.30");
  expect_partial(greeted.only(), "no login");
}

TEST(MysqlRecognition, IsByContent) {
  const auto verdict = [](const std::string& text, uint16_t port, bool from = kClient, bool in_middle = false) {
    const TestDialogue dialogue(6, port);
    const auto octets = static_cast<uint32_t>(text.size());
    return protocol::mysql.recognise(
        {.bytes = LineFlow::bytes_of(text), .octets = octets, .from_initiator = from, .in_middle = in_middle},
        dialogue.flow());
  };
  EXPECT_EQ(verdict(greeting("8.0.36"), 13306, kServer), Verdict::Mine);
  EXPECT_EQ(verdict(greeting("8.0.36").substr(0, 20), 13306, kServer), Verdict::Unsure);
  EXPECT_EQ(verdict(login("ann"), 13306), Verdict::Mine);
  EXPECT_EQ(verdict(query("SELECT 1"), 13306), Verdict::Mine);
  EXPECT_EQ(verdict(query("SELE"), 13306), Verdict::NotMine);
  EXPECT_EQ(verdict(command(0x0e), 13306, kClient, true), Verdict::NotMine);
  EXPECT_EQ(verdict(command(0x0e), 3306, kClient, true), Verdict::Mine);
  EXPECT_EQ(verdict(ok(1), 3306, kServer, true), Verdict::Unsure);
  EXPECT_EQ(verdict(packet(0, "\xff\x6a\x04Host refused"), 3306, kServer), Verdict::Mine);
  EXPECT_EQ(verdict(packet(0, "\xff\x6a\x04Host refused"), 13306, kServer), Verdict::NotMine);
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\n", 3306), Verdict::NotMine);
  EXPECT_EQ(verdict("SSH-2.0-x\r\n", 3306), Verdict::NotMine);
  EXPECT_EQ(verdict(std::string("\x16\x03\x01\x02\x00\x01", 6), 3306), Verdict::NotMine);
  EXPECT_EQ(verdict(std::string("\0\x1e\0\x01\0\0", 6), 53), Verdict::NotMine);
}

}  // namespace
}  // namespace microcloud
