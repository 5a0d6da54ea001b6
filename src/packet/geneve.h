// GENEVE (RFC 8926).
#pragma once

#include "packet/layers.h"

namespace microcloud {

inline constexpr uint16_t kGenevePort = 6081;

inline Next read_geneve(Layers& at) {
  const uint8_t version_length = at.in.u8();
  at.in.skip(1);
  const uint16_t protocol = at.in.u16();
  const uint32_t network = at.in.u24();
  at.in.skip(1);
  at.in.skip((version_length & 0x3fU) * 4U);
  if (!at.in.ok()) return kTruncated;
  if (version_length >> 6 != 0) return kNotIp;
  if (!at.open(Tunnel::Geneve, network)) return kDone;
  return protocol == ether_type::kBridging ? kEthernet : Next::ether_type(protocol);
}

}  // namespace microcloud
