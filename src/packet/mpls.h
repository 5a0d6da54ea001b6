// MPLS label stacks (RFC 3032) and Ethernet pseudo-wires, with or without control word (RFC 4448, RFC 4385).
#pragma once

#include "packet/layers.h"

namespace microcloud {

inline bool looks_like_ipv4(const Cursor& in) {
  const unsigned header = (in.peek() & 15U) * 4;
  const unsigned total = static_cast<unsigned>(in.peek(2)) << 8 | in.peek(3);
  return in.peek() >> 4 == 4 && header >= 20 && total >= header && in.left() >= header;
}

inline bool looks_like_ipv6(const Cursor& in, uint32_t wire_left) {
  const unsigned payload = static_cast<unsigned>(in.peek(4)) << 8 | in.peek(5);
  return in.peek() >> 4 == 6 && in.left() >= 40 && payload + 40 <= wire_left;
}

/// No byte too many and none too few: hardly an Ethernet address.
inline bool is_exactly_ipv6(const Cursor& in, uint32_t wire_left) {
  const unsigned payload = static_cast<unsigned>(in.peek(4)) << 8 | in.peek(5);
  return looks_like_ipv6(in, wire_left) && payload + 40 == wire_left;
}

inline bool looks_like_ethernet(const Cursor& in) {
  const unsigned type = static_cast<unsigned>(in.peek(12)) << 8 | in.peek(13);
  return in.left() >= 14 && (type == ether_type::kIpv4 || type == ether_type::kIpv6 || type == ether_type::kArp ||
                             type == ether_type::kVlan || type == ether_type::kServiceVlan ||
                             type == ether_type::kMpls || type == ether_type::kPppoeSession);
}

inline Next read_mpls(Layers& at) {
  if (!at.open(Tunnel::Mpls)) return kDone;
  uint32_t entry = 0;
  do {
    entry = at.in.u32();
    if (!at.in.ok()) return kTruncated;
    if (!at.packet.around.has_mpls) {
      at.packet.around.has_mpls = true;
      at.packet.around.mpls = entry >> 8;
    }
  } while ((entry >> 8 & 1U) == 0);

  constexpr uint32_t kExplicitNullV4 = 0, kExplicitNullV6 = 2;
  const uint32_t label = entry >> 12;
  if (label == kExplicitNullV4 && looks_like_ipv4(at.in)) return Next::ether_type(ether_type::kIpv4);
  if (label == kExplicitNullV6) return Next::ether_type(ether_type::kIpv6);

  // Nothing else in the stack says what follows: the first nibble does, and an Ethernet address may begin with any.
  if (looks_like_ipv4(at.in)) return Next::ether_type(ether_type::kIpv4);
  if (is_exactly_ipv6(at.in, at.wire_left())) return Next::ether_type(ether_type::kIpv6);
  if (at.in.peek() >> 4 == 0) {
    Cursor behind_control_word = at.in;
    behind_control_word.skip(4);
    if (looks_like_ethernet(behind_control_word)) {
      at.in = behind_control_word;
      return kEthernet;
    }
  }
  if (looks_like_ethernet(at.in)) return kEthernet;
  return looks_like_ipv6(at.in, at.wire_left()) ? Next::ether_type(ether_type::kIpv6) : kNotIp;
}

}  // namespace microcloud
