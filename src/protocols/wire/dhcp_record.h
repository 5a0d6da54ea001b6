// The record of DHCP: a message.
#pragma once

#include <cstdint>
#include <optional>

#include "record/record.h"
#include "record/text_list.h"
#include "record/transaction.h"

namespace microcloud {

inline constexpr size_t kMostDhcpText = 255;  // octets of a text that are told

struct DhcpRecord {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  bool ipv6 = false;
  std::optional<uint8_t> type;
  uint32_t transaction = 0;
  std::optional<Mac> mac;
  std::optional<Text<2 * kMostDhcpText>> client_id;
  std::optional<Text<kMostDhcpText>> host;
  std::optional<Ipv4> assigned;
  std::optional<Ipv4> wanted;
  TextList<768, 16> assigned6;
  TextList<768, 16> wanted6;
  std::optional<uint32_t> lease_s;
  std::optional<Text<kMostDhcpText>> circuit;
  std::optional<Text<kMostDhcpText>> remote;
  std::optional<Text<kMostDhcpText>> subscriber;
  std::optional<uint32_t> latency_us;
};

extern const RecordType kDhcpRecordType;

}  // namespace microcloud
