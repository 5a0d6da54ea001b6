// What is known of a MySQL connection, and the records that it makes of a command and its response.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocols/wire/mysql_messages.h"
#include "protocols/wire/mysql_record.h"
#include "protocols/wire/mysql_response.h"

namespace microcloud {

/// What waits for its response: a command, or the login (which has no code).
struct MysqlAsked {
  MysqlAnswer answer = MysqlAnswer::Login;
  std::optional<uint8_t> code;
  std::optional<std::string> query;  // as it is told, or one octet longer: cut
  std::optional<std::string> user;   // that it asks for
  std::optional<std::string> schema;
  int64_t first_us = 0, last_us = 0;
  uint8_t last_sequence = 0;
  Partial partial;
};

/// As the login says, and what came to succeed after it.
class MysqlSession {
 public:
  std::string user, schema, version, program;
  std::optional<uint32_t> connection_id;
  std::optional<bool> start_tls;
  Partial partial;       // of the opening
  int64_t first_us = 0;  // of the connection's first packet

  std::optional<uint32_t> capabilities;  // of both sides, when the login was seen
  MysqlResponse::Terms terms;
  bool is_compressed = false;  // from the end of the login

  void greet(const MysqlGreeting& greeting);
  void log_in(const MysqlLogin& login);
  MysqlTransaction opening() const;
  MysqlTransaction command(const MysqlAsked& asked) const;

 private:
  uint32_t server_capabilities_ = UINT32_MAX;
  uint32_t server_extended_ = UINT32_MAX;  // MariaDB's
};

/// `latency_us`: of the response; nothing: its command was not seen.
void add_response(MysqlTransaction& told, const MysqlResponse& response, std::optional<uint32_t> latency_us);

}  // namespace microcloud
