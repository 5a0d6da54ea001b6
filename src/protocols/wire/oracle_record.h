// The record of Oracle databases: a connect, or a statement.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/address.h"
#include "record/record.h"
#include "record/transaction.h"

namespace microcloud {

inline constexpr size_t kMostOracleStatement = 4096;  // octets that are told
inline constexpr uint32_t kOracleNoMoreRows = 1403;   // no error: how each query ends

struct OracleTransaction {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  std::optional<Text<128>> service;
  std::optional<Text<128>> sid;
  std::optional<Text<128>> user;
  std::optional<Text<255>> program;
  std::optional<Text<255>> host;
  std::optional<uint8_t> packet_type;
  std::optional<Text<kMostOracleStatement>> query;
  std::optional<uint32_t> error;
  std::optional<Text<255>> redirect_host;
  std::optional<uint16_t> redirect_port;
  std::optional<uint32_t> latency_us;
  bool request_seen = true;  // false: an answer of a server of which nothing else was seen
};

/// Where the server sends the client: to itself, unless it tells an address.
IpAddress redirected_to(std::string_view host, const IpAddress& server);

extern const RecordType kOracleRecordType;

}  // namespace microcloud
