// Are octets MySQL's, and which of its packets begin there? And the commands that there are.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/cursor.h"
#include "protocols/wire/mysql_response.h"

namespace microcloud {

/// Numbers of commands ("Command Phase"), of those that mean something to a reader.
namespace mysql_command {
inline constexpr uint8_t kInitDb = 2, kQuery = 3, kChangeUser = 0x11, kPrepare = 0x16, kExecute = 0x17, kClose = 0x19,
                         kFetch = 0x1c, kBulkExecute = 0xfa;
}  // namespace mysql_command

struct MysqlCommand {
  uint8_t code;
  MysqlAnswer answer;
};
/// nullptr: there is no such command.
const MysqlCommand* mysql_command_of(uint8_t code);

/// The database that a query makes the one in use (USE name); empty: it is another query.
std::string_view mysql_schema_in_use(std::string_view query);

enum class MysqlLook : uint8_t {
  No,
  Maybe,     // with more octets it may become any of the following
  Greeting,  // of a server
  Refusal,   // of a server, instead of a greeting
  Login,     // of a client
  Command    // of a client: a known one, complete, or SQL
};
/// `bytes`: from the beginning of a packet on. Greeting and Login are proved by their form; a Command may be something
/// else unless has_mysql_query().
MysqlLook look_for_mysql(Bytes bytes);
/// Is the command that begins here SQL?
bool has_mysql_query(Bytes bytes);

}  // namespace microcloud
