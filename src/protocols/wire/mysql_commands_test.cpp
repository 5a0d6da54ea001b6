// Commands of MySQL: what is asked for, and the texts of prepared statements.
#include "protocols/wire/mysql_commands.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "protocols/wire/mysql_look.h"
#include "protocols/wire/mysql_messages.h"

namespace microcloud {
namespace {

struct Client {
  std::optional<MysqlAsked> ask(uint8_t code, const std::string& text, bool keep_literals = false) {
    std::vector<uint8_t> bytes{code};
    bytes.insert(bytes.end(), text.begin(), text.end());
    MysqlPackets::Packet packet;
    packet.bytes = bytes;
    packet.octets = bytes.size();
    return commands.read(packet, capabilities, keep_literals);
  }
  std::optional<std::string> executed(const std::string& number) {
    return ask(mysql_command::kExecute, number).value().query;
  }

  MysqlCommands commands;
  std::optional<uint32_t> capabilities = mysql::kProtocol41;
};

TEST(MysqlCommands, AQueryIsToldWithoutItsValues) {
  Client client;
  const MysqlAsked asked = client.ask(mysql_command::kQuery, "SELECT 'a\\'b' FROM t").value();
  EXPECT_EQ(asked.code, mysql_command::kQuery);
  EXPECT_EQ(asked.answer, MysqlAnswer::Results);
  EXPECT_EQ(asked.query, "SELECT ? FROM t");
  EXPECT_EQ(client.ask(mysql_command::kQuery, "SELECT 'a'", true).value().query, "SELECT 'a'");
  client.commands.set_backslash_escapes(false);
  EXPECT_EQ(client.ask(mysql_command::kQuery, "SELECT 'a\\', 2").value().query, "SELECT ?, ?");
}

TEST(MysqlCommands, UseNamesASchema) {
  Client client;
  EXPECT_EQ(client.ask(mysql_command::kInitDb, "shop").value().schema, "shop");
  EXPECT_EQ(client.ask(mysql_command::kQuery, "USE shop").value().schema, "shop");
}

TEST(MysqlCommands, AttributesShowThemselvesWhereTheLoginWasNotSeen) {
  Client client;
  client.capabilities.reset();
  EXPECT_EQ(client.ask(mysql_command::kQuery, std::string("\0\1", 2) + "SELECT now()").value().query, "SELECT now()");
}

TEST(MysqlCommands, AStatementIsToldByItsNumber) {
  Client client;
  const std::string first("\1\0\0\0", 4), unknown("\7\0\0\0", 4), last("\xff\xff\xff\xff", 4);
  EXPECT_EQ(client.executed(last), std::nullopt);
  const MysqlAsked prepared = client.ask(mysql_command::kPrepare, "DELETE FROM t WHERE a = ?").value();
  EXPECT_EQ(client.executed(last), prepared.query) << "MariaDB: that was prepared last";
  client.commands.keep_statement(1, *prepared.query);
  EXPECT_EQ(client.executed(first), prepared.query);
  EXPECT_EQ(client.executed(unknown), std::nullopt);
  EXPECT_EQ(client.ask(mysql_command::kExecute, unknown).value().partial.reasons.count, 1U);
  client.ask(mysql_command::kClose, first);
  EXPECT_EQ(client.executed(first), std::nullopt);
}

TEST(MysqlCommands, TheOldestStatementIsForgotten) {
  Client client;
  for (uint32_t number = 1; number <= MysqlCommands::kMostStatements + 1; ++number)
    client.commands.keep_statement(number, "text");
  EXPECT_EQ(client.executed(std::string("\1\0\0\0", 4)), std::nullopt);
  EXPECT_EQ(client.executed(std::string("\2\0\0\0", 4)), "text");
}

TEST(MysqlCommands, OtherOctetsAreNoCommand) {
  Client client;
  EXPECT_FALSE(client.ask(0xf0, "x"));
  EXPECT_FALSE(client.commands.read({}, std::nullopt, false));
}

}  // namespace
}  // namespace microcloud
