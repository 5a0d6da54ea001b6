// The record of RTP: a stream.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "record/record.h"
#include "record/transaction.h"

namespace microcloud {

struct RtpRecord {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  uint32_t ssrc = 0;
  std::optional<uint8_t> payload_type;
  std::optional<Text<16>> codec;
  uint64_t packets = 0;
  uint64_t expected = 0;
  int32_t lost = 0;
  uint64_t duplicates = 0;
  uint64_t reordered = 0;
  std::optional<uint32_t> jitter_us;
  std::optional<uint32_t> max_jitter_us;
  uint32_t duration_ms = 0;
  uint32_t dtmf_events = 0;
  std::optional<double> mos;
  std::optional<double> mos_cq;
  std::optional<double> r;
  std::optional<Text<256>> call_id;
  std::optional<std::string_view> match;
  std::optional<int32_t> reported_lost;
  std::optional<uint32_t> reported_jitter_us;
  std::optional<uint32_t> round_trip_us;
  Text<512> for_others;  // what its call's key holds of it
};

extern const RecordType kRtpRecordType;

}  // namespace microcloud
