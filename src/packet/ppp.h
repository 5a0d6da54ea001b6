// PPP frames (RFC 1661, RFC 1662) and PPPoE sessions (RFC 2516).
#pragma once

#include "packet/layers.h"

namespace microcloud {

inline Next read_ppp(Layers& at) {
  if (at.in.peek() == 0xff && at.in.peek(1) == 0x03) at.in.skip(2);  // address and control, unless compressed
  uint16_t protocol = at.in.u8();
  if ((protocol & 1U) == 0) protocol = static_cast<uint16_t>(protocol << 8 | at.in.u8());
  if (!at.in.ok()) return kTruncated;
  switch (protocol) {
    case 0x0021:
      return Next::ether_type(ether_type::kIpv4);
    case 0x0057:
      return Next::ether_type(ether_type::kIpv6);
    case 0x0281:
      return Next::ether_type(ether_type::kMpls);
    default:
      return kNotIp;
  }
}

inline Next read_pppoe_session(Layers& at) {
  const uint8_t version_type = at.in.u8();
  const uint8_t code = at.in.u8();
  const uint16_t session = at.in.u16();
  const uint16_t length = at.in.u16();
  if (!at.in.ok()) return kTruncated;
  if (version_type != 0x11) return kMalformed;
  if (code != 0) return kNotIp;
  if (!at.open(Tunnel::Pppoe, session)) return kDone;
  at.in.keep(length);
  return kPpp;
}

}  // namespace microcloud
