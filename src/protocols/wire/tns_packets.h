// The packets of Oracle's TNS (Transparent Network Substrate), which has no public specification: as Wireshark's and
// open drivers' sources describe it. A head of eight octets: length with the head, checksum, type, flags, checksum of
// the head. From version 315 on the length takes the first four octets, once the connection is accepted.
#pragma once

#include "protocols/wire/framed_packets.h"

namespace microcloud {

namespace tns {
inline constexpr uint8_t kConnect = 1, kAccept = 2, kRefuse = 4, kRedirect = 5, kData = 6, kResend = 11, kMarker = 12,
                         kLastType = 19;
inline constexpr uint16_t kLongLengths = 315;  // version
}  // namespace tns

struct TnsHead {
  static constexpr size_t kOctets = 8;
  static constexpr uint32_t kLongest = 1U << 22;  // the largest session data unit is 2 MiB

  bool read(const uint8_t* octets, bool) {
    const uint16_t short_length = load_be16(octets);
    has_long_lengths = has_long_lengths || short_length == 0;
    const uint32_t length = has_long_lengths ? load_be32(octets) : short_length;
    type = octets[4];
    if (length < kOctets || length > kLongest || type == 0 || type > tns::kLastType) return false;
    body = length - static_cast<uint32_t>(kOctets);
    return true;
  }

  uint32_t body = 0;
  static constexpr bool goes_on = false;
  bool has_long_lengths = false;  // from now on
  uint8_t type = 0;
};

using TnsPackets = FramedPackets<TnsHead>;

/// Are these octets packets, one behind the other up to the last octet?
inline bool are_tns_packets(Bytes bytes, bool has_long_lengths) {
  TnsHead head;
  head.has_long_lengths = has_long_lengths;
  bool any = false;
  while (bytes.size() >= TnsHead::kOctets) {
    if (!head.read(bytes.data(), false) || head.body > bytes.size() - TnsHead::kOctets) return false;
    bytes = bytes.subspan(TnsHead::kOctets + head.body);
    any = true;
  }
  return any && bytes.empty();
}

}  // namespace microcloud
