// GTP-U: user packets of mobile networks (3GPP TS 29.281).
#pragma once

#include "packet/layers.h"

namespace microcloud {

inline constexpr uint16_t kGtpuPort = 2152;

inline Next read_gtpu(Layers& at) {
  constexpr uint8_t kUserPacket = 255;
  const uint8_t flags = at.in.u8();
  const uint8_t type = at.in.u8();
  const uint16_t length = at.in.u16();
  const uint32_t tunnel = at.in.u32();
  if (flags >> 5 != 1 || (flags & 0x10U) == 0 || type != kUserPacket) return kNotIp;
  at.in.keep(length);
  if ((flags & 7U) != 0) {
    at.in.skip(3);  // sequence number, N-PDU number
    uint8_t extension = at.in.u8();
    if ((flags & 4U) == 0) extension = 0;
    while (extension != 0 && at.in.ok()) {
      const unsigned size = at.in.u8() * 4U;
      if (size == 0) return kMalformed;
      at.in.skip(size - 2);
      extension = at.in.u8();
    }
  }
  if (!at.in.ok()) return kTruncated;
  if (at.wire_left() == 0) return kNotIp;
  if (!at.open(Tunnel::Gtpu, tunnel)) return kDone;
  return kIpByVersion;
}

}  // namespace microcloud
