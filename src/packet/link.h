// How a frame begins on each link type (https://www.tcpdump.org/linktypes.html), Ethernet aside.
#pragma once

#include "packet/layers.h"

namespace microcloud {

/// BSD loopback: an address family in the capturing host's byte order (or network order: LINKTYPE_LOOP).
inline Next read_bsd_loopback(Layers& at) {
  const uint32_t family = at.in.u32();
  if (!at.in.ok()) return kTruncated;
  const uint32_t value = family > 0xffff ? __builtin_bswap32(family) : family;
  switch (value) {
    case 2:
      return Next::ether_type(ether_type::kIpv4);
    case 10:
    case 24:
    case 28:
    case 30:
      return Next::ether_type(ether_type::kIpv6);  // AF_INET6 of Linux and the BSDs
    default:
      return kNotIp;
  }
}

inline Next read_linux_cooked(Layers& at) {
  at.in.skip(14);
  const uint16_t protocol = at.in.u16();
  if (!at.in.ok()) return kTruncated;
  return protocol == 4 ? Next{Next::Kind::Llc} : Next::ether_type(protocol);
}

inline Next read_linux_cooked_v2(Layers& at) {
  const uint16_t protocol = at.in.u16();
  at.in.skip(18);
  if (!at.in.ok()) return kTruncated;
  return protocol == 4 ? Next{Next::Kind::Llc} : Next::ether_type(protocol);
}

/// PPP, or Cisco's HDLC where the first byte says so.
inline Next read_ppp_hdlc(Layers& at) {
  if (at.in.peek() != 0x0f && at.in.peek() != 0x8f) return kPpp;
  at.in.skip(2);
  const uint16_t type = at.in.u16();
  return at.in.ok() ? Next::ether_type(type) : kTruncated;
}

/// A netfilter log message: attributes in the capturing host's byte order, the packet is one of them.
inline Next read_nflog(Layers& at) {
  constexpr unsigned kPayload = 9;
  const uint8_t family = at.in.u8();
  at.in.skip(3);
  while (at.in.ok() && at.in.left() >= 4) {
    const unsigned low = at.in.u8(), high = at.in.u8(), type_low = at.in.u8(), type_high = at.in.u8();
    unsigned length = high << 8 | low;
    unsigned type = (type_high << 8 | type_low) & 0x7fffU;
    if (length > at.in.left() + 4) {  // written on a machine of the other byte order
      length = low << 8 | high;
      type = (type_low << 8 | type_high) & 0x7fffU;
    }
    if (type == kPayload) {
      return family == 10  ? Next::ether_type(ether_type::kIpv6)
             : family == 2 ? Next::ether_type(ether_type::kIpv4)
                           : kIpByVersion;
    }
    if (length < 4) return kMalformed;
    const size_t padded = (length + 3U) & ~size_t{3};
    if (!at.in.skip(padded - 4)) return kTruncated;
  }
  return kNotIp;
}

/// 802.11 data frames in the clear (IEEE 802.11-2020, 9.3.2); others, and protected ones, carry no readable IP.
inline Next read_ieee80211(Layers& at) {
  const uint8_t control = at.in.u8();
  const uint8_t flags = at.in.u8();
  at.in.skip(22);
  if (!at.in.ok()) return kTruncated;
  constexpr uint8_t kData = 2;
  const uint8_t subtype = control >> 4;
  const bool no_data = (subtype & 4U) != 0;
  if ((control >> 2 & 3U) != kData || no_data || (flags & 0x40U) != 0) return kNotIp;
  if ((flags & 3U) == 3) at.in.skip(6);  // fourth address
  if ((subtype & 8U) != 0) {
    const unsigned qos = at.in.u8();
    at.in.skip(1);
    if ((qos & 0x80U) != 0) return kNotIp;    // aggregated subframes
    if ((flags & 0x80U) != 0) at.in.skip(4);  // HT control
  }
  return at.in.ok() ? Next{Next::Kind::Llc} : kTruncated;
}

inline Next read_radiotap(Layers& at) {
  constexpr uint8_t kFlags = 1;
  at.in.skip(2);
  const unsigned length = at.in.u8() | at.in.u8() * 256U;
  uint32_t present = at.in.u8() | at.in.u8() * 256U;
  at.in.skip(1);
  const bool more_words = (at.in.u8() & 0x80U) != 0;
  if (!at.in.ok()) return kTruncated;
  if (length < 8) return kMalformed;
  bool padded = false;
  bool has_fcs = false;
  if (!more_words && (present & (1U << kFlags)) != 0) {
    const unsigned flags = at.in.peek((present & 1U) != 0 ? 8 : 0);  // behind the 8-byte TSFT
    has_fcs = (flags & 0x10U) != 0;
    padded = (flags & 0x20U) != 0;
  }
  if (!at.in.skip(length - 8)) return kTruncated;
  if (has_fcs && at.length == at.captured && at.in.left() > 4) at.in.keep(at.in.left() - 4);
  if (padded) return kNotIp;  // headers padded to 32 bits by some drivers
  return read_ieee80211(at);
}

}  // namespace microcloud
