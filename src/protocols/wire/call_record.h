// The record of a call: what its SIP messages and its RTP streams said together.
#pragma once

#include <optional>

#include "protocols/wire/call_news.h"
#include "record/record.h"
#include "record/text_list.h"
#include "record/transaction.h"

namespace microcloud {

struct CallRecord {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  Text<256> id;
  std::optional<Text<256>> from;
  std::optional<Text<256>> to;
  std::optional<Text<128>> from_tag;
  std::optional<Text<128>> to_tag;
  std::string_view state;  // text of the program
  Milliseconds start;
  std::optional<Milliseconds> answer;
  std::optional<Milliseconds> end;
  std::optional<uint16_t> status;
  std::optional<uint32_t> post_dial_delay_ms;
  bool early_media = false;
  uint32_t reinvites = 0;
  uint32_t holds = 0;
  std::optional<Text<128>> reason;
  TextList<256, 8> codecs;
  TextList<4096, 16> streams;
  std::optional<double> mos;
  std::optional<double> mos_cq;
  CallNews news;
};

extern const RecordType kCallRecordType;

}  // namespace microcloud
