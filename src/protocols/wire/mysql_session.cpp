#include "protocols/wire/mysql_session.h"

#include "protocols/wire/told_text.h"

namespace microcloud {

void MysqlSession::greet(const MysqlGreeting& greeting) {
  version = greeting.version;
  connection_id = greeting.connection_id;
  server_capabilities_ = greeting.capabilities;
  server_extended_ = greeting.extended;
}

void MysqlSession::log_in(const MysqlLogin& login) {
  const uint32_t both = login.capabilities & server_capabilities_;
  capabilities = both;
  is_compressed = (both & (mysql::kCompress | mysql::kZstd)) != 0;
  terms.flag_behind_count = (login.extended & server_extended_ & mysql::kMariadbCacheMetadata) != 0;
  terms.flag_before_count = (both & mysql::kOptionalMetadata) != 0;
  start_tls = login.asks_for_tls;
  if (login.asks_for_tls) return;  // the rest follows, encrypted
  user = login.user;
  schema = login.schema;
  program = login.program;
}

MysqlTransaction MysqlSession::opening() const {
  MysqlTransaction told;
  told.observed = to_milliseconds(first_us);
  told.partial = partial;
  tell_text(told.version, version, "version cut", told.partial);
  tell_text(told.program, program, "program cut", told.partial);
  told.connection_id = connection_id;
  told.start_tls = start_tls;
  tell_text(told.user, user, "user cut", told.partial);
  tell_text(told.schema, schema, "schema cut", told.partial);
  return told;
}

MysqlTransaction MysqlSession::command(const MysqlAsked& asked) const {
  MysqlTransaction told;
  told.observed = to_milliseconds(asked.first_us);
  told.partial = asked.partial;
  told.command = asked.code;
  if (asked.query) tell_text(told.query, *asked.query, "query cut", told.partial);
  tell_text(told.user, asked.user ? *asked.user : user, "user cut", told.partial);
  tell_text(told.schema, asked.schema ? *asked.schema : schema, "schema cut", told.partial);
  return told;
}

void add_response(MysqlTransaction& told, const MysqlResponse& response, std::optional<uint32_t> latency_us) {
  told.error = response.error;
  told.rows = response.rows;
  told.affected = response.affected;
  told.latency_us = latency_us;
}

}  // namespace microcloud
