// For tests and fuzzing: what read_plain() reads, decode() reads too, and just so.
#pragma once

#include <tuple>

#include "packet/decode.h"
#include "packet/plain.h"

namespace microcloud {

/// Whether read_plain() takes this Ethernet frame.
inline bool plain(Bytes frame, Packet& packet) {
  if (frame.size() < kFewestPlain) return false;
  const auto size = static_cast<uint32_t>(frame.size());
  switch (plain_kind(frame.data())) {
    case PlainKind::V4Tcp:
      return read_plain<4, true>(frame.data(), size, packet);
    case PlainKind::V4Udp:
      return read_plain<4, false>(frame.data(), size, packet);
    case PlainKind::V6Tcp:
      return read_plain<6, true>(frame.data(), size, packet);
    case PlainKind::V6Udp:
      return read_plain<6, false>(frame.data(), size, packet);
    default:
      return false;
  }
}

/// In everything that decode() promises of a metered packet without encapsulation.
inline bool same_packet(const Packet& one, const Packet& other) {
  const auto around = [](const Packet& packet) {
    const Encapsulation& a = packet.around;
    return std::tuple(a.count, a.has_id, a.has_mpls, a.outer_version, a.mac_at, a.vlan, a.customer_vlan);
  };
  const auto transport = [](const Packet& packet) {
    return std::tuple(packet.ip_at, packet.ip_captured, packet.has_tcp, packet.has_tcp ? packet.tcp_sequence : 0,
                      packet.tcp_flags, packet.has_icmp, packet.payload_octets, packet.payload_at,
                      packet.payload_captured);
  };
  return one.key == other.key && one.frame == other.frame && one.octets == other.octets &&
         one.from_low == other.from_low && one.fragment == other.fragment && one.tos == other.tos &&
         around(one) == around(other) && transport(one) == transport(other);
}

/// False when read_plain() takes the frame and decode() does not see the same packet in it, without an anomaly.
inline bool plain_agrees(Bytes frame, uint32_t wire_size) {
  Packet fast{};
  if (!plain(frame, fast)) return true;
  Packet full{};
  Counters<Anomaly> anomalies;
  const Ignored reason = decode(FirstHeader::Ethernet, {frame, wire_size, false}, full, anomalies);
  return reason == Ignored::kCount && anomalies.sum() == 0 && same_packet(fast, full);
}

}  // namespace microcloud
