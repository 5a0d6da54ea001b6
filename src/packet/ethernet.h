// Ethernet II, IEEE 802.3 with LLC/SNAP (802.2), and VLAN tags (802.1Q, 802.1ad).
#pragma once

#include "packet/layers.h"

namespace microcloud {

inline Next read_ethernet(Layers& at) {
  at.packet.around.mac_at = at.offset();
  const Bytes header = at.in.bytes(14);
  return header.empty() ? kTruncated : Next::ether_type(load_be16(&header[12]));
}

inline Next read_vlan(Layers& at) {
  const uint16_t tag = at.in.u16();
  const uint16_t type = at.in.u16();
  if (!at.in.ok()) return kTruncated;
  Encapsulation& around = at.packet.around;
  const bool inner_tag = around.count == 1 && around.tunnels[0] == Tunnel::Vlan;  // of QinQ
  if (!at.open(Tunnel::Vlan)) return kDone;
  const auto id = static_cast<uint16_t>(tag & 0x0fff);
  if (around.vlan == kNoVlan) {
    around.vlan = id;
  } else if (inner_tag) {
    around.customer_vlan = id;
  }
  return Next::ether_type(type);
}

/// A length field where a type would stand: LLC follows; IP in it comes through SNAP or, rarely, its own SAP.
inline Next read_llc(Layers& at) {
  const uint16_t saps = at.in.u16();
  at.in.skip(1);  // control
  if (saps == 0x0606) return at.in.ok() ? kIpByVersion : kTruncated;
  if (saps != 0xaaaa) return at.in.ok() ? kNotIp : kTruncated;
  const uint32_t organisation = at.in.u24();
  const uint16_t type = at.in.u16();
  if (!at.in.ok()) return kTruncated;
  return organisation == 0 || organisation == 0x0000f8 ? Next::ether_type(type) : kNotIp;
}

}  // namespace microcloud
