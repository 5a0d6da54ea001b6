// The packets that most of traffic is made of, read at one stroke: whole TCP or UDP in IP without options, straight in
// Ethernet. It decides without branches on what differs from packet to packet (protocol, which end is the smaller one),
// because in mixed traffic each of those is mispredicted too often; for the same reason a burst's packets are read one
// IP version after the other.
#pragma once

#include <algorithm>
#include <bit>

#include "packet/ip.h"
#include "packet/tunnel_ports.h"

namespace microcloud {

/// All ones where `what` is less than `least`, both below 2^31: the sign of their difference, without a branch.
inline uint32_t if_less(uint32_t what, uint32_t least) {
  return static_cast<uint32_t>(static_cast<int32_t>(what - least) >> 31);
}

/// Zero when the 20 bytes of an IPv4 header sum up to zero (RFC 1071). As 2^16 leaves 1 when divided by 65535, so does
/// any power of it: words of 8 bytes may be added, with their carries, and divided once.
inline uint32_t ipv4_checksum(uint64_t first, uint64_t second, uint32_t third) {
  uint64_t sum = first + second;
  sum += sum < first ? 1 : 0;
  sum += third;
  sum += sum < third ? 1 : 0;
  return sum % 0xffff == 0 ? 0U : 1U;
}

inline constexpr uint32_t kFewestPlain = 54;  // octets of a plain frame, at least

/// Reads a frame whose EtherType says this IP version. False, with `packet` in any state, when it is not plain or
/// something about it is odd: decode() reads it then, and where both can, they give the same (packet/plain_test.cpp,
/// fuzz/decode_fuzz.cpp). What is wrong leaves a bit in `bad`, whichever, so that one branch asks for all of it.
template <unsigned Version>
inline bool read_plain(const uint8_t* frame, uint32_t captured, Packet& packet) {
  constexpr uint32_t kIp = 14, kIpHeader = Version == 4 ? 20 : 40, kTransport = kIp + kIpHeader, kTcp = 20, kUdp = 8;
  if (captured < kTransport + kTcp) [[unlikely]]
    return false;
  const uint8_t* const ip = frame + kIp;
  const uint64_t first = load_raw<uint64_t>(ip);
  uint64_t bad;
  uint32_t octets;
  uint8_t protocol;
  if constexpr (Version == 4) {
    constexpr uint64_t kVersion = 0xff, kFragment = 0xff3f000000000000;  // all of its offset, and "more"
    const uint64_t second = load_raw<uint64_t>(ip + 8);
    bad = ((first ^ 0x45) & (kVersion | kFragment)) | ipv4_checksum(first, second, load_raw<uint32_t>(ip + 16));
    octets = __builtin_bswap16(static_cast<uint16_t>(first >> 16));
    protocol = static_cast<uint8_t>(second >> 8);
    packet.tos = static_cast<uint8_t>(first >> 8);
  } else {
    bad = (first ^ 0x60) & 0xf0;
    octets = __builtin_bswap16(static_cast<uint16_t>(first >> 32)) + kIpHeader;
    protocol = static_cast<uint8_t>(first >> 48);
    packet.tos = static_cast<uint8_t>(__builtin_bswap16(static_cast<uint16_t>(first)) >> 4);
  }
  const uint32_t segment = octets - kIpHeader;

  const uint8_t* const transport = frame + kTransport;
  const uint32_t ports = load_be32(transport);
  const bool tcp = protocol == ip_protocol::kTcp;
  const uint32_t if_tcp = 0U - tcp;
  const uint32_t offset_flags = load_be16(transport + 12) & if_tcp;
  const uint32_t least = kUdp + ((kTcp - kUdp) & if_tcp);
  const uint32_t header = (offset_flags >> 12) * 4 + (kUdp & ~if_tcp);
  const uint32_t payload_at = kTransport + header;
  const uint32_t end = std::min(captured, kIp + octets);
  bad |= if_less(header, least) | if_less(segment, header) | if_less(end, payload_at);
  const bool tunnel = static_cast<bool>(static_cast<int>(is_tunnel_port(static_cast<uint16_t>(ports))) |
                                        static_cast<int>(is_tunnel_port(static_cast<uint16_t>(ports >> 16))));
  bad |= ((uint32_t{protocol} ^ ip_protocol::kUdp) | (load_be16(transport + 4) ^ segment) | uint32_t{tunnel}) & ~if_tcp;

  bool same;
  const bool from_low = Version == 4 ? place_ends_v4(packet.key, ip + 12, ip + 16, same)
                                     : place_ends_v6(packet.key, ip + 8, ip + 24, same);
  bad |= uint64_t{same};
  packet.key.set_word(4, std::rotl(ports, from_low ? 16 : 0) | uint64_t{protocol} << 32 | uint64_t{Version} << 40);

  packet.frame = frame;
  packet.octets = octets;
  packet.from_low = from_low;
  packet.fragment = FragmentPart::Whole;
  packet.has_tcp = tcp;
  packet.has_icmp = false;
  packet.tcp_sequence = load_be32(transport + 4);
  packet.tcp_flags = offset_flags & 0x0fffU;
  packet.payload_octets = segment - header;
  packet.payload_at = static_cast<uint16_t>(payload_at);
  packet.payload_captured = static_cast<uint16_t>(end - payload_at);
  packet.ip_at = kIp;
  packet.ip_captured = static_cast<uint16_t>(end - kIp);
  packet.around = Encapsulation{};
  packet.around.mac_at = 0;
  return bad == 0;
}

}  // namespace microcloud
