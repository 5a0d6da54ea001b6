// IPv4 (RFC 791) and IPv6 (RFC 8200) with its extension headers; Mobile IP's minimal encapsulation (RFC 2004).
#pragma once

#include "packet/checksum.h"
#include "packet/layers.h"

namespace microcloud {

/// Puts the addresses into the key, the smaller one first; returns whether that is `source`. Which one is smaller is a
/// toss-up, and a branch on it lost half of the time: nothing here branches. Whole words are stored, as they are read
/// again.
inline bool place_ends_v4(FlowKey& key, const uint8_t* source, const uint8_t* destination, bool& same) {
  uint32_t from, to;
  std::memcpy(&from, source, 4);
  std::memcpy(&to, destination, 4);
  const bool from_low = __builtin_bswap32(from) <= __builtin_bswap32(to);
  const uint32_t swapped = (from ^ to) & (from_low ? 0U : ~0U);
  key.set_word(0, from ^ swapped);
  key.set_word(1, 0);
  key.set_word(2, to ^ swapped);
  key.set_word(3, 0);
  same = from == to;
  return from_low;
}

inline bool place_ends_v6(FlowKey& key, const uint8_t* source, const uint8_t* destination, bool& same) {
  uint64_t from[2], to[2];
  std::memcpy(from, source, 16);
  std::memcpy(to, destination, 16);
  const uint64_t from_high = __builtin_bswap64(from[0]), to_high = __builtin_bswap64(to[0]);
  const bool above = from_high < to_high, level = from_high == to_high;
  const bool from_low = above | (level & (__builtin_bswap64(from[1]) <= __builtin_bswap64(to[1])));
  const uint64_t keep = from_low ? 0 : ~uint64_t{0};
  const uint64_t swapped[2] = {(from[0] ^ to[0]) & keep, (from[1] ^ to[1]) & keep};
  for (size_t at = 0; at < 2; ++at) {
    key.set_word(at, from[at] ^ swapped[at]);
    key.set_word(2 + at, to[at] ^ swapped[at]);
  }
  same = level & (from[1] == to[1]);
  return from_low;
}

/// The packet is this one now: what belonged to an outer one is cleared.
template <unsigned Version>
inline void accept_ip(Layers& at, const uint8_t* source, const uint8_t* destination, uint8_t protocol,
                      uint32_t octets) {
  Packet& packet = at.packet;
  if constexpr (Version == 4) {
    packet.from_low = place_ends_v4(packet.key, source, destination, at.same_addresses);
  } else {
    packet.from_low = place_ends_v6(packet.key, source, destination, at.same_addresses);
  }
  packet.key.set_tail(0, 0, protocol, Version);
  packet.octets = octets;
  packet.has_tcp = false;
  packet.has_icmp = false;
  packet.tcp_flags = 0;
  packet.payload_captured = 0;
  packet.payload_at = at.offset();
  at.have_ip = true;
  at.around_ip.reset();
}

/// The IP packet stands in the frame from `start` on; its header has been read.
inline void note_extent(Layers& at, uint16_t start, uint32_t header) {
  at.packet.ip_at = start;
  at.packet.ip_captured = static_cast<uint16_t>(std::min<size_t>(header + at.in.left(), 0xffff));
}

/// `source_at`: offset in the frame of the fragmented header's source address.
inline void note_fragment(Layers& at, unsigned version, uint16_t source_at, uint8_t protocol, uint32_t id, bool later) {
  Packet& packet = at.packet;
  packet.fragment = later ? FragmentPart::Later : FragmentPart::First;
  packet.fragment_at = source_at;
  packet.fragment_version = static_cast<uint8_t>(version);
  packet.fragment_protocol = protocol;
  packet.fragment_id = id;
  packet.fragment_opened = false;
}

inline Next read_ipv4(Layers& at) {
  const Bytes whole = at.in.rest();
  const uint16_t start = at.offset();
  const uint32_t wire = at.wire_left();
  const Bytes fixed = at.in.bytes(20);
  if (fixed.empty()) return kTruncated;
  const unsigned header = (fixed[0] & 15U) * 4U;
  uint32_t total = load_be16(&fixed[2]);
  if (fixed[0] >> 4 != 4 || header < 20 || (total != 0 && total < header)) return kMalformed;
  if (header > 20 && !at.in.skip(header - 20)) [[unlikely]]
    return kTruncated;
  const uint16_t checksum =
      header == 20 ? internet_checksum(fixed.first<20>()) : internet_checksum(whole.first(header));
  if (checksum != 0) [[unlikely]]
    at.anomalies.add(Anomaly::BadIpChecksum);
  if (total == 0) [[unlikely]] {
    at.anomalies.add(Anomaly::ZeroIpLength);
    total = wire;
  }
  at.in.keep(total - header);

  Packet& packet = at.packet;
  const uint8_t protocol = fixed[9];
  accept_ip<4>(at, &fixed[12], &fixed[16], protocol, total);
  note_extent(at, start, header);
  at.ip_source_at = static_cast<uint16_t>(start + 12);
  packet.tos = fixed[1];
  packet.payload_octets = total - header;
  const unsigned fragment = load_be16(&fixed[6]);
  if (packet.fragment == FragmentPart::First) packet.fragment_opened = true;  // of a tunnel around us
  if ((fragment & 0x3fffU) != 0) [[unlikely]] {
    const bool later = (fragment & 0x1fffU) != 0;
    note_fragment(at, 4, at.ip_source_at, protocol, load_be16(&fixed[4]), later);
    if (later) return kDone;
  }
  return Next::ip_protocol(protocol);
}

inline Next read_ipv6(Layers& at) {
  const uint16_t start = at.offset();
  const uint32_t wire = at.wire_left();
  const Bytes fixed = at.in.bytes(40);
  if (fixed.empty()) return kTruncated;
  if (fixed[0] >> 4 != 6) return kMalformed;
  uint32_t payload = load_be16(&fixed[4]);
  uint8_t protocol = fixed[6];
  if (payload == 0 && protocol == ip_protocol::kHopByHop && wire > 40) payload = wire - 40;  // a jumbogram (RFC 2675)
  const bool offloaded = (protocol == ip_protocol::kTcp || protocol == ip_protocol::kUdp) && wire >= 60;
  if (payload == 0 && offloaded) [[unlikely]] {
    at.anomalies.add(Anomaly::ZeroIpLength);
    payload = wire - 40;
  }
  at.in.keep(payload);

  Packet& packet = at.packet;
  accept_ip<6>(at, &fixed[8], &fixed[24], protocol, payload + 40);
  note_extent(at, start, 40);
  at.ip_source_at = static_cast<uint16_t>(start + 8);
  packet.tos = static_cast<uint8_t>(fixed[0] << 4 | fixed[1] >> 4);
  if (packet.fragment == FragmentPart::First) packet.fragment_opened = true;

  uint32_t extensions = 0;
  for (;;) {
    packet.key.protocol = protocol;
    packet.payload_octets = payload > extensions ? payload - extensions : 0;
    if (protocol == ip_protocol::kHopByHop || protocol == ip_protocol::kRouting ||
        protocol == ip_protocol::kDestinationOptions) {
      const uint8_t following = at.in.u8();
      const uint32_t size = (at.in.u8() + 1U) * 8U;
      // The checksum speaks of the last destination, which a routing header still on its way holds (RFC 8200, 8.1).
      if (protocol == ip_protocol::kRouting && at.in.peek(1) != 0) at.verify_transport = false;
      if (!at.in.skip(size - 2)) return kTruncated;
      protocol = following;
      extensions += size;
    } else if (protocol == ip_protocol::kFragment) {
      const uint8_t following = at.in.u8();
      at.in.skip(1);
      const unsigned offset = at.in.u16();
      const uint32_t id = at.in.u32();
      if (!at.in.ok()) return kTruncated;
      protocol = following;
      extensions += 8;
      if ((offset & 0xfff9U) != 0) {  // neither offset nor more: an atomic fragment, which is whole (RFC 6946)
        const bool later = (offset & 0xfff8U) != 0;
        note_fragment(at, 6, at.ip_source_at, protocol, id, later);
        if (later) {
          packet.key.protocol = protocol;
          return kDone;
        }
      }
    } else {
      return Next::ip_protocol(protocol);
    }
  }
}

inline Next read_ip_by_version(Layers& at) {
  switch (at.in.peek() >> 4) {
    case 4:
      return read_ipv4(at);
    case 6:
      return read_ipv6(at);
    default:
      return at.in.left() == 0 ? kTruncated : kNotIp;
  }
}

/// The inner header is the outer one with its first destination, and source, restored.
inline Next read_mobile_ip(Layers& at) {
  Packet& packet = at.packet;
  if (packet.key.version != 4) return kDone;
  const uint8_t protocol = at.in.u8();
  const bool has_source = (at.in.u8() & 0x80U) != 0;
  at.in.skip(2);  // checksum
  const Bytes destination = at.in.bytes(4);
  const Bytes source = has_source ? at.in.bytes(4) : Bytes{};
  if (!at.in.ok()) return kTruncated;
  const uint32_t header = has_source ? 12 : 8;
  if (packet.octets < header + 20) return kMalformed;
  if (!at.open(Tunnel::MobileIp)) return kDone;
  const Ipv4 outer_source = packet.key.address(packet.from_low).as_v4();
  const uint32_t payload = packet.payload_octets - header;
  accept_ip<4>(at, has_source ? source.data() : outer_source.bytes.data(), destination.data(), protocol,
               packet.octets - header);
  packet.ip_at = kNoIp;
  packet.ip_captured = 0;
  packet.payload_octets = payload;
  return Next::ip_protocol(protocol);
}

}  // namespace microcloud
