// SQL without what is in it: values, passwords, comments, in both dialects, and texts that end anywhere.
#include "protocols/wire/sql_text.h"

#include <gtest/gtest.h>

namespace microcloud {
namespace {

std::string told(std::string_view sql, SqlRules rules = SqlRules::mysql(), bool keep = false) {
  rules.keep_literals = keep;
  return sql_to_tell(sql, rules, 4096);
}
std::string of_oracle(std::string_view sql, bool keep = false) {
  return told(sql, SqlRules::oracle(), keep);
}

TEST(SqlText, ValuesAreQuestionMarks) {
  EXPECT_EQ(told("SELECT a1, t.b2 FROM `t 1` WHERE id = 42 AND name='it''s'"),
            "SELECT a1, t.b2 FROM `t 1` WHERE id = ? AND name=?");
  EXPECT_EQ(told("insert into foo values (\"dog\", 'a\\'b', -1.5e-3, .5, 0x1F, x'00', N'n', NULL, 1)"),
            "insert into foo values (?, ?, -?, ?, ?, ?, ?, NULL, ?)");
  EXPECT_EQ(told("SELECT 1+2, 3-4 LIMIT 5,6"), "SELECT ?+?, ?-? LIMIT ?,?");
  EXPECT_EQ(told("SELECT 1e+5x, 1a, col_2, @v1 := 3, _utf8'x'"), "SELECT 1e+5x, 1a, col_2, @v1 := ?, _utf8?");
  EXPECT_EQ(told("SELECT 1e+5, 0xe+5"), "SELECT ?, ?+?");
  EXPECT_EQ(told("SELECT \xc3\xa9t\xc3\xa9 FROM t WHERE a = 7"), "SELECT \xc3\xa9t\xc3\xa9 FROM t WHERE a = ?");
}

TEST(SqlText, StringsEndWhereTheirDialectSays) {
  EXPECT_EQ(told("SELECT 'a\\', secret FROM t"), "SELECT ?") << "the quote is escaped";
  SqlRules plain = SqlRules::mysql();
  plain.backslash_escapes = false;
  EXPECT_EQ(told("SELECT 'a\\', name FROM t", plain), "SELECT ?, name FROM t");
  EXPECT_EQ(of_oracle("SELECT \"Name\", 'a\\' FROM t WHERE x = :1 AND y = :b2"),
            "SELECT \"Name\", ? FROM t WHERE x = :1 AND y = :b2");
  EXPECT_EQ(of_oracle("SELECT q'[it's]', nq'!a'b!', Q'<x>' || 'y' FROM dual"), "SELECT ?, ?, ? || ? FROM dual");
  EXPECT_EQ(of_oracle("SELECT v$session.sid, a#1 FROM v$session WHERE x = 1.5f"),
            "SELECT v$session.sid, a#1 FROM v$session WHERE x = ?");
}

TEST(SqlText, CommentsAreLeftOutAndHintsStay) {
  EXPECT_EQ(told("SELECT /* it's 1 */ a -- b 'c\n, d # e\n FROM t"), "SELECT  a \n, d \n FROM t");
  EXPECT_EQ(told("SELECT 5--1"), "SELECT ?--?") << "no comment in MySQL";
  EXPECT_EQ(of_oracle("SELECT a --1\nFROM t"), "SELECT a \nFROM t");
  EXPECT_EQ(told("/*!40101 SET NAMES 'utf8' */"), "/*!40101 SET NAMES ? */");
  EXPECT_EQ(of_oracle("SELECT /*+ FULL(t) */ a FROM t"), "SELECT /*+ FULL(t) */ a FROM t");
}

TEST(SqlText, LiteralsStayWhenAskedFor) {
  const std::string_view sql = "SELECT 'a', 1 /* c */ FROM t -- d";
  EXPECT_EQ(told(sql, SqlRules::mysql(), true), sql);
}

TEST(SqlText, PasswordsAreToldInNoCase) {
  for (const bool keep : {false, true}) {
    EXPECT_EQ(told("CREATE USER ann IDENTIFIED BY 'tiger'", SqlRules::mysql(), keep),
              "CREATE USER ann IDENTIFIED BY ?");
    EXPECT_EQ(told("SET PASSWORD FOR ann = PASSWORD('tiger')", SqlRules::mysql(), keep),
              "SET PASSWORD FOR ann = PASSWORD(?)");
    EXPECT_EQ(told("CHANGE MASTER TO MASTER_PASSWORD=\"tiger\"", SqlRules::mysql(), keep),
              "CHANGE MASTER TO MASTER_PASSWORD=?");
    EXPECT_EQ(told("ALTER USER a IDENTIFIED WITH caching AS 'tiger' REPLACE 'lion'", SqlRules::mysql(), keep),
              "ALTER USER a IDENTIFIED WITH caching AS ? REPLACE ?");
    EXPECT_EQ(of_oracle("ALTER USER scott IDENTIFIED BY tiger REPLACE lion", keep),
              "ALTER USER scott IDENTIFIED BY ? REPLACE ?");
    EXPECT_EQ(of_oracle("ALTER USER scott IDENTIFIED BY \"tiger\"", keep), "ALTER USER scott IDENTIFIED BY ?");
    EXPECT_EQ(of_oracle("ALTER USER scott IDENTIFIED BY 1tiger", keep), "ALTER USER scott IDENTIFIED BY ?");
    EXPECT_EQ(of_oracle("ALTER USER s IDENTIFIED BY VALUES 'S:00AB'", keep), "ALTER USER s IDENTIFIED BY VALUES ?");
  }
  EXPECT_EQ(told("SET PASSWORD = 'x'; SELECT 'y'", SqlRules::mysql(), true), "SET PASSWORD = ?; SELECT 'y'");
}

TEST(SqlText, EndsAnywhere) {
  const std::string_view sql =
      "SELECT 'a\\'b', q'[c]', \"d\", `e`, 1.5e-3, 0x1f, :b -- f\n/* g */ /*! h */ IDENTIFIED BY i";
  for (const SqlRules& rules : {SqlRules::mysql(), SqlRules::oracle()}) {
    for (size_t size = 0; size <= sql.size(); ++size) {
      EXPECT_LE(told(sql.substr(0, size), rules).size(), size + 1) << size;
      EXPECT_EQ(told(sql.substr(0, size), rules).find("'b'"), std::string::npos);
    }
  }
}

TEST(SqlText, IsBounded) {
  const std::string sql = "SELECT " + std::string(9000, 'x') + " FROM t";
  const std::string cut = sql_to_tell(sql, SqlRules::mysql(), 100);
  EXPECT_GT(cut.size(), 100U);
  EXPECT_LT(cut.size(), 300U);
}

TEST(SqlText, StatementsAreKnownByTheirVerbs) {
  EXPECT_EQ(look_for_sql("SELECT 1"), SqlLook::Surely);
  EXPECT_EQ(look_for_sql(" \n(select"), SqlLook::Maybe);
  EXPECT_EQ(look_for_sql("(select 1)"), SqlLook::Surely);
  EXPECT_EQ(look_for_sql("/* x */ y"), SqlLook::Surely);
  EXPECT_EQ(look_for_sql("COMMIT"), SqlLook::Maybe);
  EXPECT_EQ(look_for_sql("SELECTED x"), SqlLook::No);
  EXPECT_EQ(look_for_sql("GET / HTTP/1.1"), SqlLook::No);
  EXPECT_EQ(look_for_sql(""), SqlLook::Maybe);
}

}  // namespace
}  // namespace microcloud
