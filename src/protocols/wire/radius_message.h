// A RADIUS message and its attributes (RFC 2865, sections 3 and 5), as bytes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/cursor.h"

namespace microcloud {

namespace radius_code {
inline constexpr uint8_t kAccessRequest = 1, kAccessAccept = 2, kAccessReject = 3, kAccountingRequest = 4,
                         kAccountingResponse = 5, kAccessChallenge = 11, kStatusServer = 12, kDisconnectRequest = 40,
                         kDisconnectAck = 41, kDisconnectNak = 42, kCoaRequest = 43, kCoaAck = 44, kCoaNak = 45;
}

namespace radius_attribute {
inline constexpr uint8_t kUserName = 1, kNasIpAddress = 4, kFramedIpAddress = 8, kVendorSpecific = 26,
                         kCalledStationId = 30, kCallingStationId = 31, kNasIdentifier = 32, kAcctStatusType = 40,
                         kAcctDelayTime = 41, kAcctSessionId = 44, kAcctTerminateCause = 49, kEapMessage = 79,
                         kMessageAuthenticator = 80, kNasIpv6Address = 95, kFramedIpv6Prefix = 97,
                         kDelegatedIpv6Prefix = 123, kFramedIpv6Address = 168;
}

/// Types within the vendor-specific attribute of 3GPP (TS 29.061, 16.4.7).
namespace radius_3gpp {
inline constexpr uint32_t kVendor = 10415;
inline constexpr uint8_t kImsi = 1, kImeisv = 20;
}  // namespace radius_3gpp

inline constexpr size_t kRadiusHeaderOctets = 20;
inline constexpr size_t kRadiusMostOctets = 4096;
inline constexpr size_t kRadiusMostOfText = 253;  // octets of an attribute's value

/// Asks, and is answered by the other side.
constexpr bool is_radius_request(uint8_t code) {
  using namespace radius_code;
  return code == kAccessRequest || code == kAccountingRequest || code == kStatusServer || code == kDisconnectRequest ||
         code == kCoaRequest;
}

constexpr bool is_radius_code(uint8_t code) {
  using namespace radius_code;
  return (code >= kAccessRequest && code <= kAccountingResponse) || code == kAccessChallenge || code == kStatusServer ||
         (code >= kDisconnectRequest && code <= kCoaNak);
}

/// Whether a response of this code may answer a request of that one.
constexpr bool is_radius_answer(uint8_t request, uint8_t response) {
  using namespace radius_code;
  switch (request) {
    case kAccessRequest:
      return response == kAccessAccept || response == kAccessReject || response == kAccessChallenge;
    case kAccountingRequest:
      return response == kAccountingResponse;
    case kStatusServer:
      return response == kAccessAccept || response == kAccountingResponse;
    case kDisconnectRequest:
      return response == kDisconnectAck || response == kDisconnectNak;
    case kCoaRequest:
      return response == kCoaAck || response == kCoaNak;
    default:
      return false;
  }
}

struct RadiusMessage {
  using Authenticator = std::array<uint8_t, 16>;
  uint8_t code = 0;
  uint8_t id = 0;
  uint16_t octets = 0;  // by its own header; what follows in the datagram is padding
  Authenticator authenticator{};
  Bytes attributes;  // as far as they were captured
  bool cut = false;  // they are longer
};

/// `octets`: of the datagram on the wire. False when it cannot be one: header, code or length are wrong.
inline bool read_radius_message(Bytes datagram, uint32_t octets, RadiusMessage& message) {
  Cursor in(datagram);
  message.code = in.u8();
  message.id = in.u8();
  message.octets = in.u16();
  const Bytes authenticator = in.bytes(16);
  if (!in.ok() || !is_radius_code(message.code)) return false;
  if (message.octets < kRadiusHeaderOctets || message.octets > kRadiusMostOctets || message.octets > octets)
    return false;
  std::copy(authenticator.begin(), authenticator.end(), message.authenticator.begin());
  const size_t all = message.octets - kRadiusHeaderOctets;
  message.cut = in.left() < all;
  in.keep(all);
  message.attributes = in.rest();
  return true;
}

/// Calls take(type, value) for each. False when one does not fit: those before it were given.
template <typename Take>
bool for_each_attribute(Bytes attributes, const Take& take) {
  Cursor in(attributes);
  while (in.left() > 0) {
    const uint8_t type = in.u8();
    const uint8_t length = in.u8();
    if (length < 2) return false;
    const Bytes value = in.bytes(length - 2U);
    if (!in.ok()) return false;
    take(type, value);
  }
  return true;
}

/// The attributes in a vendor-specific one where the vendor is 3GPP; false when they do not fit into it.
template <typename Take>
bool for_each_3gpp(Bytes value, const Take& take) {
  Cursor in(value);
  const uint32_t vendor = in.u32();
  if (!in.ok()) return false;
  return vendor != radius_3gpp::kVendor || for_each_attribute(in.rest(), take);
}

/// What a message shows of being RADIUS.
struct RadiusProof {
  bool well_formed = false;  // the attributes fill it, and those with a fixed size have it
  bool required = false;     // there is what messages of this code must have, or nearly always do
};

inline RadiusProof prove_radius(const RadiusMessage& message) {
  using namespace radius_attribute;
  bool sizes = true, user = false, nas = false, status = false, session = false, signature = false, any = false;
  const bool fits = for_each_attribute(message.attributes, [&](uint8_t type, Bytes value) {
    any = true;
    sizes = sizes && type != 0 && !value.empty();
    if (type == kNasIpAddress || type == kFramedIpAddress || type == kAcctStatusType || type == kAcctDelayTime)
      sizes = sizes && value.size() == 4;
    user = user || type == kUserName || type == kEapMessage;
    nas = nas || type == kNasIpAddress || type == kNasIdentifier || type == kNasIpv6Address;
    status = status || type == kAcctStatusType;
    session = session || type == kAcctSessionId;
    signature = signature || (type == kMessageAuthenticator && value.size() == 16);
  });
  RadiusProof proof;
  proof.well_formed = fits && sizes && (any || !is_radius_request(message.code));
  if (message.code == radius_code::kAccountingRequest) {
    proof.required = status && session;  // RFC 2866, 5.13
  } else {
    proof.required = signature || (is_radius_request(message.code) && user && (nas || session));
  }
  return proof;
}

}  // namespace microcloud
