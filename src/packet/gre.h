// GRE (RFC 2784, RFC 2890), PPTP's enhanced GRE (RFC 2637), and the mirror formats in it: ERSPAN types I, II and III.
#pragma once

#include "packet/layers.h"

namespace microcloud {

inline Next gre_payload(Layers& at, uint16_t protocol, bool has_sequence, std::optional<uint32_t> key) {
  if (protocol == ether_type::kErspan) return {has_sequence ? Next::Kind::ErspanII : Next::Kind::ErspanI};
  if (protocol == ether_type::kErspanIII) return {Next::Kind::ErspanIII};
  if (!at.open(Tunnel::Gre, key)) return kDone;
  if (protocol == ether_type::kBridging) return kEthernet;
  if (protocol == ether_type::kWccp) {  // WCCP version 2 puts a redirect header first
    if (at.in.peek() >> 4 != 4) at.in.skip(4);
    return Next::ether_type(ether_type::kIpv4);
  }
  return Next::ether_type(protocol);
}

inline Next read_gre(Layers& at) {
  constexpr unsigned kChecksum = 0x8000, kRouting = 0x4000, kKey = 0x2000, kSequence = 0x1000,
                     kAcknowledgement = 0x0080;
  const unsigned flags = at.in.u16();
  const uint16_t protocol = at.in.u16();
  const unsigned version = flags & 7U;
  if (version > 1) return kNotIp;
  std::optional<uint32_t> id;
  if ((flags & (kChecksum | kRouting)) != 0) at.in.skip(4);
  if ((flags & kKey) != 0) {
    const uint32_t key = at.in.u32();
    id = version == 1 ? key & 0xffffU : key;  // PPTP: payload length, then the call id
    if (version == 1)
      at.in.keep((key >> 16) + ((flags & kSequence) != 0 ? 4 : 0) + ((flags & kAcknowledgement) != 0 ? 4 : 0));
  }
  if ((flags & kSequence) != 0) at.in.skip(4);
  if (version == 1 && (flags & kAcknowledgement) != 0) at.in.skip(4);
  while ((flags & kRouting) != 0 && at.in.ok()) {  // source route entries, ended by an empty one
    at.in.skip(3);
    const uint8_t length = at.in.u8();
    at.in.skip(length);
    if (length == 0) break;
  }
  if (!at.in.ok()) return kTruncated;
  if (at.wire_left() == 0) return kNotIp;  // a keep-alive, or PPTP's acknowledgement alone
  return gre_payload(at, protocol, (flags & kSequence) != 0, id);
}

inline Next read_erspan_i(Layers& at) {
  return at.open(Tunnel::Erspan) ? kEthernet : kDone;
}

inline Next read_erspan_ii(Layers& at) {
  const unsigned version = at.in.u16() >> 12;
  const uint16_t session = at.in.u16() & 0x03ff;
  at.in.skip(4);
  if (!at.in.ok()) return kTruncated;
  if (version != 1) return kNotIp;
  if (!at.open(Tunnel::Erspan, session)) return kDone;
  return kEthernet;
}

inline Next read_erspan_iii(Layers& at) {
  const unsigned version = at.in.u16() >> 12;
  const uint16_t session = at.in.u16() & 0x03ff;
  at.in.skip(4);  // timestamp
  at.in.skip(2);  // security group tag
  const unsigned tail = at.in.u16();
  if ((tail & 1U) != 0) at.in.skip(8);  // platform specific subheader
  if (!at.in.ok()) return kTruncated;
  if (version != 2) return kNotIp;
  if (!at.open(Tunnel::Erspan, session)) return kDone;
  const unsigned frame_type = tail >> 10 & 31U;
  if (frame_type == 2) return kIpByVersion;
  return frame_type == 0 ? kEthernet : kNotIp;
}

}  // namespace microcloud
