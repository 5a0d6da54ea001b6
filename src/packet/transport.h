// TCP (RFC 9293), UDP (RFC 768), UDP-Lite (RFC 3828), SCTP (RFC 9260), ICMP (RFC 792, RFC 4443): what metering needs.
#pragma once

#include "packet/checksum.h"
#include "packet/layers.h"

namespace microcloud {

inline void accept_ports(Layers& at, uint8_t protocol, uint16_t source, uint16_t destination) {
  Packet& packet = at.packet;
  if (at.same_addresses) [[unlikely]]
    packet.from_low = source <= destination;  // with equal addresses the ports decide
  const auto swapped =
      static_cast<uint16_t>((source ^ destination) & (packet.from_low ? 0 : 0xffff));  // see place_ends_v4()
  packet.key.set_tail(static_cast<uint16_t>(source ^ swapped), static_cast<uint16_t>(destination ^ swapped), protocol,
                      packet.key.version);
}

/// The ports alone: of SCTP, and of a TCP or UDP header that the capture cuts.
inline Next read_ports(Layers& at) {
  const Bytes ports = at.in.bytes(4);
  if (!ports.empty()) accept_ports(at, at.packet.key.protocol, load_be16(&ports[0]), load_be16(&ports[2]));
  return kDone;
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
  if (!at.in.has(20)) [[unlikely]]
    return read_ports(at);
  const Bytes segment = at.in.rest();
  const uint32_t segment_octets = packet.payload_octets;
  at.in.skip(20);
  accept_ports(at, ip_protocol::kTcp, load_be16(&segment[0]), load_be16(&segment[2]));
  const unsigned offset_flags = load_be16(&segment[12]);
  const unsigned header = (offset_flags >> 12) * 4;
  if (header < 20) [[unlikely]]
    return kDone;
  packet.tcp_sequence = load_be32(&segment[4]);
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

/// UDP and UDP-Lite.
inline Next read_udp(Layers& at) {
  Packet& packet = at.packet;
  if (!at.in.has(8)) [[unlikely]]
    return read_ports(at);
  const Bytes datagram = at.in.rest();
  at.in.skip(8);
  const uint8_t protocol = packet.key.protocol;
  accept_ports(at, protocol, load_be16(&datagram[0]), load_be16(&datagram[2]));
  const uint32_t length = load_be16(&datagram[4]);
  const uint16_t checksum = load_be16(&datagram[6]);
  const bool length_counts = protocol == ip_protocol::kUdp && length >= 8;  // UDP-Lite has its coverage there
  if (length_counts) at.in.keep(length - 8);
  const uint32_t octets = length_counts && length < packet.payload_octets ? length : packet.payload_octets;
  packet.payload_octets = octets > 8 ? octets - 8 : 0;
  packet.payload_at = at.offset();
  packet.payload_captured = static_cast<uint16_t>(at.in.left());
  if (at.verify_transport && length_counts && checksum != 0 && bad_transport_checksum(packet, datagram, length)) {
    at.anomalies.add(Anomaly::BadTransportChecksum);
  }
  return {Next::Kind::UdpPayload};
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
