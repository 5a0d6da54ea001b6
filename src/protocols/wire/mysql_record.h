// The record of MySQL: the opening of a connection, or a command with its response.
#pragma once

#include <optional>

#include "record/record.h"
#include "record/transaction.h"

namespace microcloud {

inline constexpr size_t kMostMysqlQuery = 4096;  // octets of a query that are told

struct MysqlTransaction {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  std::optional<Text<128>> user;
  std::optional<Text<128>> schema;
  std::optional<Text<128>> version;
  std::optional<Text<128>> program;
  std::optional<uint32_t> connection_id;
  std::optional<bool> start_tls;
  std::optional<uint8_t> command;
  std::optional<Text<kMostMysqlQuery>> query;
  std::optional<uint16_t> error;
  std::optional<uint64_t> rows;
  std::optional<uint64_t> affected;
  std::optional<uint32_t> latency_us;
  bool request_seen = true;  // false: what the server says to nobody's login or command
};

extern const RecordType kMysqlRecordType;

}  // namespace microcloud
