// The record of HTTP: a request with its response.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/wire/client_system.h"
#include "record/record.h"
#include "record/transaction.h"

namespace microcloud {

struct HttpTransaction {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  std::optional<Text<32>> method;
  std::optional<Text<255>> host;
  std::optional<Text<4096>> target;
  std::optional<uint16_t> status;
  std::optional<Text<512>> user_agent;
  std::optional<Text<1024>> referer;
  std::optional<Text<128>> content_type;
  std::optional<uint32_t> depth;
  std::optional<uint32_t> latency_us;
  std::optional<uint64_t> octets;
  std::optional<ClientSystem> system;
  bool is_forwarded = false;  // by a proxy: the system is not its own
  bool is_sample = false;     // of the client's system: one a connection
};

/// The host's name as names of servers are told: lower case, without port and final dot. Empty: an address or none.
std::string server_name_of(std::string_view host);

extern const RecordType kHttpRecordType;

}  // namespace microcloud
