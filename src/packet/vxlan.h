// VXLAN (RFC 7348).
#pragma once

#include "packet/layers.h"

namespace microcloud {

inline constexpr uint16_t kVxlanPort = 4789, kVxlanLinuxPort = 8472;

inline Next read_vxlan(Layers& at) {
  const uint8_t flags = at.in.u8();
  at.in.skip(3);
  const uint32_t network = at.in.u24();
  at.in.skip(1);
  if (!at.in.ok()) return kTruncated;
  if ((flags & 0x08U) == 0) return kNotIp;
  if (!at.open(Tunnel::Vxlan, network)) return kDone;
  return kEthernet;
}

}  // namespace microcloud
