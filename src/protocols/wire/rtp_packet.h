// The header of an RTP packet (RFC 3550, 5.1), and what else may come where RTP does (RFC 7983).
#pragma once

#include <cstdint>
#include <optional>

#include "base/cursor.h"

namespace microcloud {

struct RtpPacket {
  uint8_t payload_type = 0;
  bool marker = false;
  uint16_t sequence = 0;
  uint32_t timestamp = 0;
  uint32_t ssrc = 0;
  uint32_t payload_octets = 0;  // on the wire, without padding where its length was captured
  Bytes payload;                // as captured
};

inline constexpr uint8_t kRtpHeaderOctets = 12;

/// Version 2, and a second octet that RTCP has (RFC 5761, 4).
inline bool is_rtcp(Bytes bytes) {
  return bytes.size() >= 8 && bytes[0] >> 6 == 2 && bytes[1] >= 192 && bytes[1] <= 223;
}

/// STUN (RFC 8489, 5), DTLS (RFC 9147, 4; RFC 6347, 4.1), ZRTP (RFC 6189, 5): they share a port with RTP, and come
/// before it.
inline bool is_beside_rtp(Bytes bytes) {
  constexpr uint32_t kStunCookie = 0x2112a442, kZrtpCookie = 0x5a525450;
  if (bytes.size() < 13) return false;
  const uint8_t first = bytes[0];
  if (first < 4) return load_be32(&bytes[4]) == kStunCookie;
  if (first == 16) return load_be32(&bytes[4]) == kZrtpCookie;
  return first >= 20 && first < 27 && bytes[1] == 0xfe && bytes[2] >= 0xfc;
}

/// Nothing where it cannot be RTP: another version, RTCP, or lists that are longer than the datagram.
inline std::optional<RtpPacket> read_rtp(Bytes bytes, uint32_t octets) {
  if (bytes.size() < kRtpHeaderOctets || bytes[0] >> 6 != 2 || is_rtcp(bytes)) return std::nullopt;
  RtpPacket packet;
  packet.payload_type = bytes[1] & 0x7fU;
  packet.marker = (bytes[1] & 0x80U) != 0;
  packet.sequence = load_be16(&bytes[2]);
  packet.timestamp = load_be32(&bytes[4]);
  packet.ssrc = load_be32(&bytes[8]);
  uint32_t at = kRtpHeaderOctets + 4 * (bytes[0] & 0x0fU);
  if ((bytes[0] & 0x10U) != 0) {  // extension
    if (at + 4 > octets) return std::nullopt;
    if (at + 4 <= bytes.size()) at += 4 + 4 * uint32_t{load_be16(&bytes[at + 2])};
  }
  if (at > octets) return std::nullopt;
  packet.payload_octets = octets - at;
  if ((bytes[0] & 0x20U) != 0 && bytes.size() == octets) {  // padding
    if (bytes.back() == 0 || bytes.back() > packet.payload_octets) return std::nullopt;
    packet.payload_octets -= bytes.back();
  }
  if (at < bytes.size()) packet.payload = bytes.subspan(at);
  return packet;
}

}  // namespace microcloud
