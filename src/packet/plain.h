// The packets that most of traffic is made of, read at one stroke: whole TCP or UDP in IP without options, straight in
// Ethernet. It decides without branches on what differs from packet to packet (which end is the smaller one), because
// in mixed traffic each of those is mispredicted too often; for the same reason a burst's packets are read one kind
// after the other.
#pragma once

#include <algorithm>
#include <array>
#include <bit>

#include "packet/ip.h"
#include "packet/tunnel_ports.h"

namespace microcloud {

/// Tables go by them. What may be none of the first four is one of the others, whichever: decode() reads it.
enum class PlainKind : uint8_t { V4Tcp, V4Udp, V6Tcp, V6Udp, Other, LastOther = Other + 2 };

inline constexpr uint32_t kFewestPlain = 54;  // octets of a plain frame, at least

/// By IP protocol, added to twice whether it is IPv6.
inline constexpr auto kPlainProtocols = [] {
  std::array<uint8_t, 256> kinds{};
  kinds.fill(static_cast<uint8_t>(PlainKind::Other));
  kinds[ip_protocol::kTcp] = 0;
  kinds[ip_protocol::kUdp] = 1;
  return kinds;
}();

/// Which of them a frame of at least kFewestPlain octets may be.
inline PlainKind plain_kind(const uint8_t* frame) {
  const uint16_t type = load_raw<uint16_t>(frame + 12);
  const bool v6 = type == __builtin_bswap16(ether_type::kIpv6);
  if (((type == __builtin_bswap16(ether_type::kIpv4)) | v6) == 0) [[unlikely]]
    return PlainKind::Other;
  return static_cast<PlainKind>(kPlainProtocols[frame[v6 ? 20 : 23]] + 2 * int{v6});
}

/// The sum of the 20 bytes of an IPv4 header (RFC 1071) in more bits: a multiple of 65535 where it is right. As 2^16
/// leaves 1 when divided by 65535, so does any power of it, and words of any size may be added.
inline uint64_t ipv4_sum(uint64_t first, uint64_t second, uint32_t third) {
  return (first & 0xffffffff) + (first >> 32) + (second & 0xffffffff) + (second >> 32) + third;
}

/// Reads a frame of this kind. False, with `packet` in any state, when it is not plain or something about it is odd:
/// decode() reads it then, and where both can, they give the same (packet/plain_test.cpp, fuzz/decode_fuzz.cpp). What
/// is wrong leaves a bit in `bad`, or the sign in `below`, so that one branch asks for all of it.
template <unsigned Version, bool Tcp>
inline bool read_plain(const uint8_t* frame, uint32_t captured, Packet& packet) {
  constexpr uint32_t kIp = 14, kIpHeader = Version == 4 ? 20 : 40, kTransport = kIp + kIpHeader;
  constexpr uint32_t kFewest = Tcp ? 20 : 8;
  static_assert(Version == 4 ? kTransport + kFewest <= kFewestPlain : true);
  if constexpr (Version == 6) {
    if (captured < kTransport + kFewest) [[unlikely]]
      return false;
  }
  const uint8_t* const ip = frame + kIp;
  const uint8_t* const transport = frame + kTransport;
  const uint64_t first = load_raw<uint64_t>(ip);
  uint64_t bad;
  uint32_t segment;  // octets behind the IP header
  if constexpr (Version == 4) {
    constexpr uint64_t kVersion = 0xff, kFragment = 0xff3f000000000000;  // all of its offset, and "more"
    const uint64_t sum = ipv4_sum(first, load_raw<uint64_t>(ip + 8), load_raw<uint32_t>(ip + 16));
    bad = ((first ^ 0x45) & (kVersion | kFragment)) | uint64_t{sum % 0xffff != 0};
    segment = __builtin_bswap16(static_cast<uint16_t>(first >> 16)) - kIpHeader;
    packet.tos = static_cast<uint8_t>(first >> 8);
  } else {
    bad = (first ^ 0x60) & 0xf0;
    segment = __builtin_bswap16(static_cast<uint16_t>(first >> 32));
    packet.tos = static_cast<uint8_t>(__builtin_bswap16(static_cast<uint16_t>(first)) >> 4);
  }

  const uint32_t ports = load_be32(transport);
  uint32_t header = kFewest;
  uint32_t below = 0;
  if constexpr (Tcp) {
    const uint32_t offset_flags = load_be16(transport + 12);
    header = offset_flags >> 12 << 2;
    below = header - kFewest;
    packet.tcp_flags = offset_flags & 0x0fffU;
    packet.tcp_sequence = load_be32(transport + 4);
  } else {
    bad |= load_be16(transport + 4) ^ segment;
    bad |= static_cast<uint64_t>(static_cast<int>(is_tunnel_port(static_cast<uint16_t>(ports))) |
                                 static_cast<int>(is_tunnel_port(static_cast<uint16_t>(ports >> 16))));
    packet.tcp_flags = 0;
    packet.tcp_sequence = 0;
  }
  const uint32_t payload = segment - header;
  const uint32_t payload_at = kTransport + header;
  const uint32_t behind = captured - payload_at;  // of what is captured
  below |= payload | behind;
  const uint32_t payload_captured = std::min(behind, payload);

  bool same;
  const bool from_low = Version == 4 ? place_ends_v4(packet.key, ip + 12, ip + 16, same)
                                     : place_ends_v6(packet.key, ip + 8, ip + 24, same);
  bad |= uint64_t{same};
  constexpr uint64_t kProtocol = Tcp ? ip_protocol::kTcp : ip_protocol::kUdp;
  packet.key.set_word(4, std::rotl(ports, from_low ? 16 : 0) | kProtocol << 32 | uint64_t{Version} << 40);

  packet.frame = frame;
  packet.octets = segment + kIpHeader;
  packet.from_low = from_low;
  packet.payload_octets = payload;
  packet.payload_at = static_cast<uint16_t>(payload_at);
  packet.payload_captured = static_cast<uint16_t>(payload_captured);
  packet.ip_captured = static_cast<uint16_t>(kIpHeader + header + payload_captured);
  packet.fragment = FragmentPart::Whole;
  packet.fragment_opened = false;
  packet.has_tcp = Tcp;
  packet.has_icmp = false;
  packet.around.set_plain();
  packet.ip_at = kIp;
  return (bad | below >> 31) == 0;
}

}  // namespace microcloud
