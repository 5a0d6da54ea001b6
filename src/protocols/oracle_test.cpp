// Connections to Oracle databases: connects and their answers, statements and their errors, and that no response goes
// to another's statement.
#include <gtest/gtest.h>

#include <string>

#include "protocols/line_flow_test.h"
#include "protocols/protocols.h"
#include "protocols/wire/tns_bytes_test.h"
#include "protocols/wire/tns_messages.h"

namespace microcloud {
namespace {

using namespace tns_bytes;
using Told = TestDialogue::Told;

constexpr bool kFromClient = TestFlow::kInitiator, kFromServer = TestFlow::kResponder;
const std::string kNoRows = std::string("\x04\x01", 2) + "ORA-01403: no data found\n";

struct Oracle : LineFlow {
  explicit Oracle(uint16_t port = 1521) : LineFlow(protocol::oracle, port) {}
  void log_in(unsigned version = 313, unsigned unit = 512) {
    client(connect(descriptor("(SERVICE_NAME=ORCL)" + kClient)));
    server(accept(version, unit));
    dialogue.records.clear();
  }
  const Told& last() { return dialogue.records.back(); }
};

void expect_partial(const Told& told, const std::string& reasons) {
  EXPECT_EQ(told.contains("partial") ? told.at("partial") : "", reasons);
}

TEST(Oracle, AConnectIsToldWithItsAnswer) {
  Oracle flow;
  flow.client(connect(descriptor("(SERVICE_NAME=ORCLPDB1)" + kClient)));
  flow.server(packet(11, ""));
  flow.client(connect(descriptor("(SERVICE_NAME=ORCLPDB1)" + kClient)));
  EXPECT_TRUE(flow.dialogue.records.empty());
  flow.server(accept(313, 8192));
  const Told& told = flow.only();
  EXPECT_EQ(told.at("record"), "oracle");
  EXPECT_EQ(told.at("from"), "initiator");
  EXPECT_EQ(told.at("observationTimeMilliseconds"), "1700000000001");
  EXPECT_EQ(told.at("oraclePacketType"), "2");
  EXPECT_EQ(told.at("oracleServiceName"), "ORCLPDB1");
  EXPECT_EQ(told.at("oracleUser"), "scott");
  EXPECT_EQ(told.at("oracleProgram"), "sqlplus");
  EXPECT_EQ(told.at("oracleClientHost"), "ws1");
  EXPECT_EQ(told.at("serverLatencyMicroseconds"), "1000") << "from the connect that was answered";
  EXPECT_FALSE(told.contains("oracleSid"));
  expect_partial(told, "");
}

TEST(Oracle, LongConnectDataComeInAPacketOfTheirOwn) {
  Oracle flow;
  flow.client(connect(descriptor("(SID=igor)" + kClient), true));
  flow.server(accept(319, 8192));
  EXPECT_EQ(flow.only().at("oracleSid"), "igor");
  expect_partial(flow.only(), "");
}

TEST(Oracle, ARefusalHasItsError) {
  Oracle flow;
  flow.client(connect(descriptor("(SERVICE_NAME=NOSUCH)" + kClient)));
  flow.server(refuse("(DESCRIPTION=(TMP=)(VSNNUM=0)(ERR=12514)(ERROR_STACK=(ERROR=(CODE=12514)(EMFI=4))))"));
  EXPECT_EQ(flow.only().at("oraclePacketType"), "4");
  EXPECT_EQ(flow.only().at("oracleErrorCode"), "12514");
}

TEST(Oracle, ARedirectionIsToldAndAnnounced) {
  for (const bool follows : {false, true}) {
    Oracle flow;
    flow.client(connect(descriptor("(SERVICE_NAME=ORCL)" + kClient)));
    flow.server(redirect("(ADDRESS=(PROTOCOL=tcp)(HOST=192.0.2.9)(PORT=40123))", follows));
    EXPECT_EQ(flow.only().at("oraclePacketType"), "5");
    EXPECT_EQ(flow.only().at("oracleRedirectHost"), "192.0.2.9");
    EXPECT_EQ(flow.only().at("oracleRedirectPort"), "40123");
    EXPECT_TRUE(flow.dialogue.notes.keys.contains("tns.redir.192.0.2.9:40123"));
    EXPECT_EQ(flow.dialogue.announced, std::vector<uint16_t>{40123});
  }
  Oracle unreadable;
  unreadable.client(connect(descriptor("(SERVICE_NAME=ORCL)" + kClient)));
  unreadable.server(redirect("(ADDRESS=(PROTOCOL=ipc)(KEY=x))"));
  expect_partial(unreadable.only(), "redirection unreadable");
  EXPECT_TRUE(unreadable.dialogue.announced.empty());
}

TEST(Oracle, AStatementIsToldWhenItsResponseIsOver) {
  for (const unsigned version : {313U, 319U}) {
    const bool is_long = version >= 315;
    Oracle flow;
    flow.log_in(version);
    flow.client(data(call("SELECT ename FROM emp WHERE deptno = 10"), is_long));
    flow.server(data(std::string(512 - 10, 'r'), is_long));  // as long as packets may be: more comes
    EXPECT_TRUE(flow.dialogue.records.empty());
    flow.server(data(kNoRows, is_long));
    const Told& told = flow.only();
    EXPECT_EQ(told.at("oraclePacketType"), "6");
    EXPECT_EQ(told.at("oracleQuery"), "SELECT ename FROM emp WHERE deptno = ?");
    EXPECT_EQ(told.at("oracleErrorCode"), "1403");
    EXPECT_EQ(told.at("oracleServiceName"), "ORCL");
    EXPECT_EQ(told.at("serverLatencyMicroseconds"), "1000");
    expect_partial(told, "");
  }
}

TEST(Oracle, ResponsesThatDoNotEndAreToldLater) {
  Oracle flow;
  flow.log_in();
  flow.client(data(call("COMMIT")));
  flow.server(data(std::string(512 - 10, 'r')));
  flow.time(900'000);
  EXPECT_TRUE(flow.dialogue.records.empty());
  flow.time(2'000'000);
  EXPECT_EQ(flow.only().at("oracleQuery"), "COMMIT");
  flow.client(data(call("ROLLBACK")));
  flow.end();
  expect_partial(flow.last(), "no response");
}

TEST(Oracle, StatementsStandBehindLengthsOfSeveralForms) {
  const std::string sql = "UPDATE emp SET sal = 1 WHERE ename IN ('a', 'b')",
                    told = "UPDATE emp SET sal = ? WHERE ename IN (?, ?)";
  const std::string pieces =
      "\xfe" + number(20, 1) + sql.substr(0, 20) + number(sql.size() - 20, 1) + sql.substr(20) + '\0';
  const std::string wide = "\xfe" + number(1, 1) + number(sql.size(), 1) + sql + '\0';
  for (const std::string& text : {number(sql.size(), 1) + sql, pieces, wide}) {
    Oracle flow;
    flow.log_in();
    flow.client(data(std::string("\x03\x5e\x01\x00", 4) + text + "\x01\x02"));
    flow.server(data("\x08"));
    EXPECT_EQ(flow.only().at("oracleQuery"), told);
    expect_partial(flow.only(), "");
  }
  Oracle bare;
  bare.log_in();
  bare.client(data(std::string("\x03\x5e\0\0", 4) + sql + std::string("\0\x01", 2)));
  bare.server(data("\x08"));
  EXPECT_EQ(bare.only().at("oracleQuery"), told);
  expect_partial(bare.only(), "statement cut");
}

TEST(Oracle, AStatementMayFillSeveralPackets) {
  Oracle flow;
  flow.log_in();
  const std::string payload = call("SELECT a, b, c FROM t WHERE d = 'secret'");
  flow.client(data(payload.substr(0, 40)));
  flow.client(data(payload.substr(40)));
  flow.server(data("\x08"));
  EXPECT_EQ(flow.only().at("oracleQuery"), "SELECT a, b, c FROM t WHERE d = ?");
}

TEST(Oracle, LiteralsAreToldWhenAskedForAndPasswordsAreNot) {
  Oracle flow;
  flow.dialogue.allowed.sql_literals = true;
  flow.log_in();
  flow.client(data(call("SELECT 'x' FROM dual WHERE 1 = 1")));
  flow.server(data(kNoRows));
  EXPECT_EQ(flow.last().at("oracleQuery"), "SELECT 'x' FROM dual WHERE 1 = 1");
  flow.client(data(call("ALTER USER scott IDENTIFIED BY tiger")));
  flow.server(data("\x08"));
  EXPECT_EQ(flow.last().at("oracleQuery"), "ALTER USER scott IDENTIFIED BY ?");
}

TEST(Oracle, CallsWithoutAStatementAreToldWhenTheyFail) {
  Oracle flow;
  flow.log_in();
  flow.client(data(std::string("\x03\x73\x01\x03", 4) + "scott\x0d"
                                                        "AUTH_PASSWORD"));
  flow.server(data("\x04ORA-01017: invalid username/password; logon denied\n"));
  EXPECT_EQ(flow.only().at("oracleErrorCode"), "1017");
  EXPECT_FALSE(flow.only().contains("oracleQuery"));
  flow.client(data(std::string("\x03\x05\x01", 3)));
  flow.server(data(kNoRows));
  EXPECT_EQ(flow.dialogue.records.size(), 1U);
}

TEST(Oracle, OneDirectionSaysWhatItHas) {
  Oracle client;
  client.client(connect(descriptor("(SID=igor)" + kClient)));
  client.client(data(call("SELECT a FROM t")));
  client.client(data(call("COMMIT")));
  client.end();
  ASSERT_EQ(client.dialogue.records.size(), 3U);
  for (const Told& told : client.dialogue.records) {
    EXPECT_EQ(told.at("oracleSid"), "igor");
    expect_partial(told, "no response");
  }
  Oracle server;
  server.server(accept(313, 512));
  server.server(data("\x04ORA-00942: table or view does not exist\n"));
  server.end();
  EXPECT_EQ(server.only().at("oraclePacketType"), "2");
  expect_partial(server.only(), "no connect");
  EXPECT_EQ(server.dialogue.health(), ServiceHealth{});
  EXPECT_TRUE(server.dialogue.counters.empty()) << "the side that asks is counted where it is seen";
  EXPECT_FALSE(server.only().contains("serverLatencyMicroseconds"));
}

TEST(Oracle, BehindAGapNoResponseIsAnothers) {
  Oracle flow;
  flow.log_in();
  flow.client(data(call("SELECT a FROM t")));
  flow.server(data("\x04ORA-00942: table or view does not exist\n"), 30);  // behind the end of a packet
  flow.end();
  EXPECT_EQ(flow.last().at("oracleQuery"), "SELECT a FROM t");
  EXPECT_FALSE(flow.last().contains("serverLatencyMicroseconds"));
  EXPECT_EQ(flow.last().at("partial"), "octets missing");
  Oracle missing;  // a call is missing: the error is that of nobody
  missing.log_in();
  missing.client(data(call("SELECT a FROM t")));
  missing.server(data(kNoRows));
  missing.server(data("\x04ORA-00942: table or view does not exist\n"));
  missing.client(data(call("COMMIT")), 60);
  missing.server(data("\x08"));
  ASSERT_EQ(missing.dialogue.records.size(), 2U);
  EXPECT_EQ(missing.dialogue.records[0].at("oracleErrorCode"), "1403");
  EXPECT_EQ(missing.dialogue.records[1].at("oracleQuery"), "COMMIT");
  EXPECT_FALSE(missing.dialogue.records[1].contains("oracleErrorCode"));
}

TEST(Oracle, WhatAPeerCanGrowIsBounded) {
  Oracle flow;
  flow.log_in(313, 8192);
  const std::string sql = "SELECT " + std::string(30000, 'x');
  flow.client(data("\x03\x5e" + std::string(8000, '\0') + sql.substr(0, 20000)));
  flow.client(data(sql.substr(20000)));
  flow.server(data("\x08"));
  EXPECT_EQ(flow.only().at("oracleQuery").size(), 4096U);
  EXPECT_EQ(flow.only().at("partial"), "statement cut");
}

TEST(TnsMessages, DescriptorsAreReadByKey) {
  const std::string text = "( DESCRIPTION = (CONNECT_DATA = (Service_Name = a.b )(CID=(HOST=h)(USER=))(X=(Y=1))))";
  EXPECT_EQ(tns_value(text, "SERVICE_NAME"), "a.b");
  EXPECT_EQ(tns_value(text, "HOST", "CID"), "h");
  EXPECT_EQ(tns_value(text, "USER", "CID"), "");
  EXPECT_EQ(tns_value(text, "X"), "(Y=1)");
  EXPECT_EQ(tns_value(text, "HOST", "NONE"), "");
  for (size_t size = 0; size < text.size(); ++size) tns_value(text.substr(0, size), "X");
  EXPECT_EQ(tns_error("(ERR=0)(CODE=12505)"), 12505U);
  EXPECT_EQ(tns_error("(ERR=x)"), std::nullopt);
}

TEST(TnsMessages, ErrorsMayEndAnywhere) {
  const std::string text = "xORA-1 ORA-00942: table or view does not exist";
  for (size_t size = 0; size < text.size(); ++size) {
    const auto error = find_oracle_error(LineFlow::bytes_of(text.substr(0, size)));
    EXPECT_EQ(error, size < 17 ? std::nullopt : std::optional<uint32_t>(942)) << size;
  }
}

TEST(TnsMessages, StatementsMayEndAnywhere) {
  const std::string sql = "SELECT a FROM t";
  const std::string text = std::string("\x03\x5e\0\xfe", 4) + number(sql.size(), 1) + sql + '\0';
  for (size_t size = 0; size <= text.size(); ++size) {
    const auto found = find_tns_statement(LineFlow::bytes_of(text.substr(0, size)));
    if (size < text.size() && found) {
      EXPECT_EQ(sql.find(found->text), 0U) << size;
    }
  }
  EXPECT_TRUE(find_tns_statement(LineFlow::bytes_of(text))->is_whole);
}

TEST(OracleRecognition, IsByContent) {
  const auto verdict = [](const std::string& text, uint16_t port, bool from = kFromClient, bool in_middle = false,
                          bool announced = false) {
    const TestDialogue dialogue(6, port);
    const auto octets = static_cast<uint32_t>(text.size());
    return protocol::oracle.recognise({.bytes = LineFlow::bytes_of(text),
                                       .octets = octets,
                                       .from_initiator = from,
                                       .in_middle = in_middle,
                                       .at_announced_place = announced},
                                      dialogue.flow());
  };
  const std::string begin = connect(descriptor("(SID=x)"));
  EXPECT_EQ(verdict(begin, 9999), Verdict::Mine);
  for (size_t size = 1; size < begin.size(); ++size)
    EXPECT_NE(verdict(begin.substr(0, size), 9999), Verdict::NotMine) << size;
  EXPECT_EQ(verdict(data("\x08"), 9999, kFromServer, true), Verdict::NotMine);
  EXPECT_EQ(verdict(data("\x08"), 1521, kFromServer, true), Verdict::Mine);
  EXPECT_EQ(verdict(data("\x08"), 9999, kFromServer, true, true), Verdict::Mine) << "another flow announced it";
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\n", 1521), Verdict::NotMine);
  EXPECT_EQ(verdict(std::string("\x16\x03\x01\x02\x00\x01", 6), 1521), Verdict::NotMine);
  EXPECT_EQ(verdict(std::string("\0\x1e\x12\x34\x01\0\0\x01", 8), 53), Verdict::NotMine);
}

}  // namespace
}  // namespace microcloud
