// The record of DNS: a distinct query with its responses.
#pragma once

#include <cstdint>
#include <optional>

#include "record/record.h"
#include "record/text_list.h"
#include "record/transaction.h"

namespace microcloud {

enum class DnsState : uint8_t { Answered, Timeout, Orphan, Pending };

struct DnsTransaction {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  uint16_t id = 0;
  std::optional<Text<512>> name;
  std::optional<uint16_t> type;
  std::optional<uint16_t> klass;
  uint16_t flags = 0;
  std::optional<uint16_t> code;
  std::optional<uint16_t> answer_count;
  TextList<1024, 64> answers;
  uint32_t queries = 0;
  uint32_t responses = 0;
  std::optional<uint16_t> udp_size;
  std::optional<bool> dnssec_ok;
  std::optional<uint32_t> case_mismatches;
  std::optional<Text<48>> client_subnet;
  std::optional<uint8_t> subnet_scope;
  std::optional<Text<16>> client_cookie;
  std::optional<Text<64>> server_cookie;
  std::optional<Text<128>> identifier;
  List<uint16_t, 8> errors;
  std::optional<Text<128>> error_text;
  DnsState state = DnsState::Pending;
  std::optional<uint32_t> latency_us;
};

extern const RecordType kDnsRecordType;

}  // namespace microcloud
