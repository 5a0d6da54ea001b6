#include "protocols/wire/mysql_commands.h"

#include <string_view>
#include <utility>

#include "protocols/wire/mysql_look.h"
#include "protocols/wire/mysql_messages.h"
#include "protocols/wire/sql_text.h"
#include "protocols/wire/text_words.h"

namespace microcloud {

std::optional<MysqlAsked> MysqlCommands::read(const MysqlPackets::Packet& packet, std::optional<uint32_t> capabilities,
                                              bool keep_literals) {
  const MysqlCommand* const command = packet.bytes.empty() ? nullptr : mysql_command_of(mysql_code(packet));
  if (command == nullptr) return std::nullopt;
  MysqlAsked asked;
  asked.answer = command->answer;
  asked.code = command->code;
  const Bytes body = packet.bytes.subspan(1);
  Cursor in(body);
  switch (command->code) {
    case mysql_command::kInitDb:
      asked.schema = text_of(body);
      break;
    case mysql_command::kQuery:
    case mysql_command::kPrepare:
      read_query(asked, packet, capabilities, keep_literals);
      break;
    case mysql_command::kExecute:
    case mysql_command::kBulkExecute:
    case mysql_command::kFetch:
      read_statement(asked, read_low32(in));
      break;
    case mysql_command::kClose:
      statements_.erase(read_low32(in));
      break;
    case mysql_command::kChangeUser: {
      MysqlChangeUser change;
      if (!read_mysql_change_user(body, capabilities.value_or(mysql::kProtocol41), change)) break;
      asked.user = change.user;
      asked.schema = change.schema;
      break;
    }
    default:
      break;
  }
  if (packet.has_hole) asked.partial.add("octets missing");
  return asked;
}

void MysqlCommands::read_query(MysqlAsked& asked, const MysqlPackets::Packet& packet,
                               std::optional<uint32_t> capabilities, bool keep_literals) {
  const Bytes body = packet.bytes.subspan(1);
  const bool has_attributes = asked.code == mysql_command::kQuery;
  // Where the login was not seen, attributes show themselves: no statement begins with an octet below a blank.
  const bool perhaps = !capabilities && body.size() > 1 && body[0] < 9 && body[1] == 1;
  const uint32_t flags = perhaps ? mysql::kQueryAttributes : capabilities.value_or(0);
  const auto text = mysql_query_text(body, has_attributes ? flags : 0);
  if (!text) {
    asked.partial.add("query unreadable");
    return;
  }
  SqlRules rules = SqlRules::mysql();
  rules.keep_literals = keep_literals;
  rules.backslash_escapes = escapes_;
  asked.query = sql_to_tell(*text, rules, kMostMysqlQuery);
  if (!packet.is_kept()) asked.partial.add("query cut");
  if (const std::string_view schema = mysql_schema_in_use(*text); !schema.empty()) asked.schema = schema;
  if (asked.code == mysql_command::kPrepare) prepared_last_ = *asked.query;
}

/// MariaDB: all ones stand for the statement that was prepared last, whose number the client does not know yet.
void MysqlCommands::read_statement(MysqlAsked& asked, uint32_t number) const {
  constexpr uint32_t kLast = 0xffffffff;
  const auto known = statements_.find(number);
  if (known != statements_.end()) {
    asked.query = known->second;
  } else if (number == kLast && !prepared_last_.empty()) {
    asked.query = prepared_last_;
  } else {
    asked.partial.add("statement not seen");
  }
}

void MysqlCommands::keep_statement(uint32_t number, std::string text) {
  if (statements_.size() == kMostStatements) statements_.erase(statements_.begin());  // the oldest
  statements_[number] = std::move(text);
}

}  // namespace microcloud
