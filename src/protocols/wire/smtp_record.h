// The record of SMTP: a mail, or a connection without any.
#pragma once

#include <cstdint>
#include <optional>

#include "record/record.h"
#include "record/text_list.h"
#include "record/transaction.h"

namespace microcloud {

inline constexpr uint16_t kSmtpRefused = 400;  // and above: replies that refuse (RFC 5321, 4.2.1)

struct SmtpMail {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  std::optional<Text<255>> helo;
  std::optional<Text<255>> from;
  TextList<4000, 120> recipients;
  std::optional<uint16_t> code;
  bool start_tls = false;
  bool authenticated = false;
  std::optional<Text<255>> user;
  std::optional<Text<255>> message_id;
  std::optional<uint32_t> latency_us;
};

extern const RecordType kSmtpRecordType;

}  // namespace microcloud
