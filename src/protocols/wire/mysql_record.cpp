#include "protocols/wire/mysql_record.h"

#include "protocols/wire/mysql_look.h"

namespace microcloud {
namespace {

constexpr Field kOwnFields[] = {
    field<&MysqlTransaction::user>("mysqlUser", {"MYSQL_USERNAME", pen::kNtop, 196},
                                   "who logged in, or wants to (COM_CHANGE_USER)"),
    field<&MysqlTransaction::schema>("mysqlSchema", {"MYSQL_DB", pen::kNtop, 197},
                                     "database in use, or asked for (COM_INIT_DB)"),
    field<&MysqlTransaction::version>("mysqlServerVersion", {"MYSQL_SERVER_VERSION", pen::kNtop, 195},
                                      "of the server, as it greets; in the opening"),
    field<&MysqlTransaction::program>("mysqlProgram", {"", pen::kOwn, 205},
                                      "what the client says it is (program_name); in the opening"),
    field<&MysqlTransaction::connection_id>("mysqlConnectionId", {"", pen::kOwn, 204},
                                            "the server's number of the connection; in the opening", Role::Identifier),
    field<&MysqlTransaction::start_tls>("mysqlStartTls", {"", pen::kOwn, 206},
                                        "what follows is encrypted; in the opening"),
    field<&MysqlTransaction::command>("mysqlCommand", {"", pen::kOwn, 200},
                                      "3 a query, 22 prepares a statement, 23 executes it, ...; none: the opening",
                                      Role::Identifier),
    field<&MysqlTransaction::query>("mysqlQuery", {"MYSQL_QUERY", pen::kNtop, 198},
                                    "SQL of a query or statement, with ? in the place of values unless --sql-literals"),
    field<&MysqlTransaction::error>("mysqlErrorCode", {"", pen::kOwn, 201}, "the server refused: 1045, 1146, ...",
                                    Role::Identifier),
    field<&MysqlTransaction::rows>("mysqlRows", {"", pen::kOwn, 202}, "rows that the server sent", Role::DeltaCounter),
    field<&MysqlTransaction::affected>("mysqlAffectedRows", {"", pen::kOwn, 203},
                                       "rows that were changed, as the server says", Role::DeltaCounter),
    field<&MysqlTransaction::latency_us>("serverLatencyMicroseconds", {"", pen::kOwn, 100},
                                         "from the last packet of the command to the first of its response",
                                         Role::Quantity, Unit::Microseconds),
};

constexpr auto kFields = transaction_fields<MysqlTransaction>(kOwnFields);

bool is_query(const MysqlTransaction& from) {
  const uint8_t code = from.command.value_or(0);
  return code == mysql_command::kQuery || code == mysql_command::kExecute || code == mysql_command::kBulkExecute;
}
bool has_failed(const MysqlTransaction& from) {
  return from.request_seen && from.error.has_value();
}

constexpr CloudRule kCloud[] = {
    grow(Entity::Source, "mysql.queries", "queries and executed statements of the host").when<&is_query>(1),
    grow(Entity::Source, "mysql.errors", "logins and commands of the host that a server refused").when<&has_failed>(1),
};

bool is_command(const MysqlTransaction& from) {
  return from.command.has_value();
}

constexpr CloudRule kOfServer[] = {
    grow(Entity::Destination, "commands", "commands that the server was given").when<&is_command>(1),
    grow(Entity::Destination, "queries", "of them: queries and executed statements").when<&is_query>(1),
    grow(Entity::Destination, "errors", "logins and commands that it refused").when<&has_failed>(1),
};

bool append_server(const RecordRef& record, std::string& out) {
  out += to_text(record.common->destination);
  return true;
}

constexpr CloudTree kTrees[] = {
    {.prefix = "mysql.server.", .pattern = "mysql.server.<ip>", .name = append_server, .counters = kOfServer}};

/// Logins are requests too.
std::optional<ServiceCall> service(const void* body) {
  const MysqlTransaction& mysql = *static_cast<const MysqlTransaction*>(body);
  if (!mysql.request_seen) return std::nullopt;
  return ServiceCall{
      .failed = has_failed(mysql), .latency_us = mysql.latency_us, .begins_connection = mysql.index == 1};
}

}  // namespace

constexpr RecordType kMysqlRecordType{.name = "mysql",
                                      .meaning = "MySQL connection's opening, and command",
                                      .fields = kFields,
                                      .body_size = sizeof(MysqlTransaction),
                                      .cloud = kCloud,
                                      .trees = kTrees,
                                      .service = service};

}  // namespace microcloud
