// Teredo: IPv6 over UDP through NAT, with its optional authentication and origin indications (RFC 4380).
#pragma once

#include "packet/layers.h"

namespace microcloud {

inline constexpr uint16_t kTeredoPort = 3544;

inline Next read_teredo(Layers& at) {
  if (at.in.peek() == 0 && at.in.peek(1) == 1) {
    at.in.skip(2);
    const size_t client_id = at.in.u8();
    const size_t authentication = at.in.u8();
    at.in.skip(client_id + authentication + 9);  // and nonce, confirmation
  }
  if (at.in.peek() == 0 && at.in.peek(1) == 0) at.in.skip(8);
  if (!at.in.ok()) return kTruncated;
  if (at.in.peek() >> 4 != 6) return kNotIp;
  return at.open(Tunnel::Teredo) ? Next::ether_type(ether_type::kIpv6) : kDone;
}

}  // namespace microcloud
