// L2TP version 2 data messages, which carry PPP (RFC 2661).
#pragma once

#include "packet/layers.h"

namespace microcloud {

inline constexpr uint16_t kL2tpPort = 1701;

inline Next read_l2tp(Layers& at) {
  constexpr unsigned kControl = 0x8000, kLength = 0x4000, kSequence = 0x0800, kOffset = 0x0200;
  const unsigned flags = at.in.u16();
  if ((flags & 15U) != 2 || (flags & kControl) != 0) return kNotIp;
  if ((flags & kLength) != 0) at.in.skip(2);
  const uint32_t tunnel = at.in.u16();
  const uint32_t session = at.in.u16();
  if ((flags & kSequence) != 0) at.in.skip(4);
  if ((flags & kOffset) != 0) at.in.skip(at.in.u16());
  if (!at.in.ok()) return kTruncated;
  if (!at.open(Tunnel::L2tp, tunnel << 16 | session)) return kDone;
  return kPpp;
}

}  // namespace microcloud
