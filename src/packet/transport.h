// TCP (RFC 9293), UDP (RFC 768), UDP-Lite (RFC 3828), SCTP (RFC 9260), ICMP (RFC 792, RFC 4443): what metering needs.
#pragma once

#include <utility>

#include "packet/checksum.h"
#include "packet/layers.h"

namespace microcloud {

struct Ports {
  uint16_t source = 0;
  uint16_t destination = 0;
};

inline Ports accept_ports(Layers& at) {
  const uint16_t source = at.in.u16();
  const uint16_t destination = at.in.u16();
  if (!at.in.ok()) return {};
  Packet& packet = at.packet;
  FlowKey& key = packet.key;
  if (key.low == key.high) packet.from_low = source <= destination;  // with equal addresses the ports decide
  key.low_port = packet.from_low ? source : destination;
  key.high_port = packet.from_low ? destination : source;
  return {source, destination};
}

/// `segment`: the whole transport header and payload as captured. Only a segment that is all here can be checked.
inline bool bad_transport_checksum(const Packet& packet, Bytes segment, uint32_t octets) {
  if (segment.size() < octets || packet.fragment != FragmentPart::Whole) return false;
  const FlowKey& key = packet.key;
  const size_t size = key.version == 4 ? 4 : 16;
  uint64_t sum = checksum_add({key.low.data(), size});
  sum = checksum_add({key.high.data(), size}, sum);
  sum += __builtin_bswap16(key.protocol);
  sum += __builtin_bswap32(octets);
  return checksum_fold(checksum_add(segment.first(octets), sum)) != 0;
}

inline Next read_tcp(Layers& at) {
  Packet& packet = at.packet;
  const Bytes segment = at.in.rest();
  const uint32_t segment_octets = packet.payload_octets;
  accept_ports(at);
  packet.tcp_sequence = at.in.u32();
  at.in.skip(4);  // acknowledgement
  const unsigned offset_flags = at.in.u16();
  at.in.skip(6);  // window, checksum, urgent pointer
  const unsigned header = (offset_flags >> 12) * 4;
  if (!at.in.ok() || header < 20) return kDone;
  packet.tcp_flags = offset_flags & 0x0fffU;
  packet.has_tcp = true;
  packet.payload_octets = segment_octets > header ? segment_octets - header : 0;
  if (at.in.skip(header - 20)) {
    packet.payload_at = at.offset();
    packet.payload_captured = static_cast<uint16_t>(at.in.left());
  }
  if (at.verify_transport && bad_transport_checksum(packet, segment, segment_octets)) {
    at.anomalies.add(Anomaly::BadTransportChecksum);
  }
  return kDone;
}

/// UDP and UDP-Lite. `ports` tell the caller whether a tunnel may follow.
inline bool read_udp(Layers& at, Ports& ports) {
  Packet& packet = at.packet;
  const Bytes datagram = at.in.rest();
  ports = accept_ports(at);
  const uint32_t length = at.in.u16();
  const uint16_t checksum = at.in.u16();
  if (!at.in.ok()) return false;
  const bool length_counts = packet.key.protocol == ip_protocol::kUdp && length >= 8;  // UDP-Lite has its coverage there
  if (length_counts) at.in.keep(length - 8);
  const uint32_t octets = length_counts && length < packet.payload_octets ? length : packet.payload_octets;
  packet.payload_octets = octets > 8 ? octets - 8 : 0;
  packet.payload_at = at.offset();
  packet.payload_captured = static_cast<uint16_t>(at.in.left());
  if (at.verify_transport && length_counts && checksum != 0 && bad_transport_checksum(packet, datagram, length)) {
    at.anomalies.add(Anomaly::BadTransportChecksum);
  }
  return true;
}

inline Next read_icmp(Layers& at) {
  const uint8_t type = at.in.u8();
  const uint8_t code = at.in.u8();
  if (at.in.ok()) {
    at.packet.icmp_type = type;
    at.packet.icmp_code = code;
    at.packet.has_icmp = true;
  }
  return kDone;
}

}  // namespace microcloud
