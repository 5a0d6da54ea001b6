// RTCP (RFC 3550, 6): the reports of a compound packet.
#pragma once

#include <cstdint>

#include "base/cursor.h"

namespace microcloud {

namespace rtcp_type {
inline constexpr uint8_t kSenderReport = 200, kReceiverReport = 201, kDescription = 202;
}

/// A report block (6.4.1).
struct RtcpBlock {
  uint32_t ssrc = 0;  // of the stream it is about
  int32_t lost = 0;
  uint32_t jitter = 0;
  uint32_t last = 0;   // LSR
  uint32_t since = 0;  // DLSR, in 1/65536 s
};

/// Does it begin with a report, hold a description, and consist of whole packets (A.2)? Then it is RTCP and nothing
/// else.
inline bool proves_rtcp(Bytes bytes, uint32_t octets) {
  bool described = false;
  uint64_t at = 0;
  while (at + 8 <= bytes.size()) {
    const uint8_t type = bytes[at + 1];
    if (bytes[at] >> 6 != 2 || type < 192 || type > 223) return false;
    if (at == 0 && type != rtcp_type::kSenderReport && type != rtcp_type::kReceiverReport) return false;
    described |= type == rtcp_type::kDescription;
    at += 4 + uint64_t{4} * load_be16(&bytes[at + 2]);
  }
  return described && at == octets;
}

/// Calls sent(ssrc, middle 32 bits of the NTP timestamp) for a sender's report, and block(RtcpBlock) for each block.
template <typename Sent, typename Block>
void read_rtcp(Bytes bytes, const Sent& sent, const Block& block) {
  Cursor all(bytes);
  while (all.has(8)) {
    const uint8_t first = all.u8();
    const uint8_t type = all.u8();
    Cursor one(all.bytes(size_t{4} * all.u16()));
    if (!all.ok() || first >> 6 != 2) return;
    if (type != rtcp_type::kSenderReport && type != rtcp_type::kReceiverReport) continue;
    const uint32_t ssrc = one.u32();
    if (type == rtcp_type::kSenderReport) {
      const auto middle = static_cast<uint32_t>(one.u64() >> 16);
      one.skip(12);
      if (!one.ok()) return;
      sent(ssrc, middle);
    }
    for (unsigned left = first & 0x1fU; left > 0; --left) {
      RtcpBlock read;
      read.ssrc = one.u32();
      one.u8();
      const uint32_t lost = one.u24();
      read.lost = static_cast<int32_t>(lost << 8) >> 8;
      one.u32();
      read.jitter = one.u32();
      read.last = one.u32();
      read.since = one.u32();
      if (!one.ok()) return;
      block(read);
    }
  }
}

}  // namespace microcloud
