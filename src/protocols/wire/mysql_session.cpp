#include "protocols/wire/mysql_session.h"

#include "protocols/wire/told_text.h"

namespace microcloud {

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
