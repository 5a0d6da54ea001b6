// Messages of GTP's control plane as bytes: version 0 (GSM 09.60), 1 (3GPP TS 29.060) and 2 (TS 29.274).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/cursor.h"

namespace microcloud {

namespace gtp1_type {  // and of version 0
inline constexpr uint8_t kEchoRequest = 1, kCreateRequest = 16, kCreateResponse = 17, kTunnelled = 255;
}

namespace gtp2_type {
inline constexpr uint8_t kCreateRequest = 32, kCreateResponse = 33;
}

namespace gtp1_element {  // TS 29.060, 7.7
inline constexpr uint8_t kCause = 1, kImsi = 2, kDataTeid = 16, kControlTeid = 17, kUserAddress = 128, kApn = 131,
                         kGsnAddress = 133, kMsisdn = 134;
}

namespace gtp2_element {  // TS 29.274, 8.1
inline constexpr uint8_t kImsi = 1, kCause = 2, kApn = 71, kMsisdn = 76, kAddress = 79, kFteid = 87, kBearer = 93;
}

/// All Bytes point into the datagram.
struct GtpMessage {
  uint8_t version = 0;
  uint8_t type = 0;
  std::optional<uint32_t> teid;      // of the header: the receiver's; none in version 0
  std::optional<uint32_t> sequence;  // 24 bits in version 2, else 16
  Bytes elements;                    // as far as they were captured
  size_t octets = 0;                 // of the message on the wire, its header included
  bool piggybacked = false;          // version 2: another message follows in the datagram
  bool cut = false;                  // the capture has not all of it
};

/// `octets`: of the datagram on the wire from here on. False when no message of these versions begins here: the header
/// is cut or odd, or its length does not fit into the datagram. GTP' is none.
bool read_gtp_message(Bytes datagram, uint32_t octets, GtpMessage& message);

/// Does a message of this type ask for a response, which the next type is?
bool is_gtp_request(uint8_t version, uint8_t type);
inline bool is_gtp_response(uint8_t version, uint8_t type) {
  return type > 0 && is_gtp_request(version, static_cast<uint8_t>(type - 1));
}

/// Whether a response's cause accepts what was asked (TS 29.060, 7.7.1; TS 29.274, 8.4).
constexpr bool gtp_accepts(uint8_t version, uint8_t cause) {
  return version == 2 ? cause >= 16 && cause <= 19 : cause >= 128 && cause <= 191;
}

/// Octets of an element of versions 0 and 1 without a length of its own; 0: such a type is not known.
size_t gtp1_fixed_size(uint8_t version, uint8_t type);

/// Calls take(type, value) for each element of a message of versions 0 and 1. False when one is unknown or does not
/// fit: those before it were given.
template <typename Take>
bool for_each_gtp1_element(uint8_t version, Bytes elements, const Take& take) {
  constexpr uint8_t kHasLength = 0x80;
  Cursor in(elements);
  while (in.left() > 0) {
    const uint8_t type = in.u8();
    const bool has_length = (type & kHasLength) != 0;
    const size_t size = has_length ? in.u16() : gtp1_fixed_size(version, type);
    const Bytes value = in.bytes(size);
    if (!in.ok() || (size == 0 && !has_length)) return false;
    take(type, value);
  }
  return true;
}

/// The same of version 2, and of an element that has elements.
template <typename Take>
bool for_each_gtp2_element(Bytes elements, const Take& take) {
  Cursor in(elements);
  while (in.left() > 0) {
    const uint8_t type = in.u8();
    const size_t size = in.u16();
    in.skip(1);  // instance
    const Bytes value = in.bytes(size);
    if (!in.ok()) return false;
    take(type, value);
  }
  return true;
}

/// Digits of telephony, two in an octet, the lower half first, up to a filler (TS 29.002: TBCD-STRING).
std::string tbcd_digits(Bytes octets);

/// An access point name: labels with a length before each (TS 23.003, 9.1).
std::string apn_text(Bytes labels);

}  // namespace microcloud
