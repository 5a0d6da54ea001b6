// A session description (RFC 8866), as far as it says where RTP goes and what its payload types mean.
#pragma once

#include <optional>
#include <string_view>

#include "base/address.h"
#include "protocols/wire/rtp_profile.h"
#include "record/value.h"

namespace microcloud {

/// Where media may be received.
struct SdpAddress {
  IpAddress address;
  uint16_t port = 0;
};

/// One m= line that offers RTP.
struct SdpMedia {
  IpAddress address;               // its own c= line's, else the session's; version 0: a name, or none
  uint16_t port = 0;               // 0: refused
  bool held = false;               // nothing is to be sent there: a=inactive or sendonly, c=0.0.0.0 (RFC 3264, 8.4)
  List<SdpAddress, 8> candidates;  // of ICE (RFC 8839), component 1 over UDP
  List<RtpFormat, 16> formats;
};

struct Sdp {
  List<SdpMedia, 8> media;
  bool cut = false;  // there is more than fits
};

/// Nothing where it does not begin with v=.
std::optional<Sdp> read_sdp(std::string_view text);

/// The session description in a message's body: all of it, or the first such part of a multipart one (RFC 2046, 5.1).
/// Empty: there is none.
std::string_view sdp_in(std::string_view content_type, std::string_view body);

}  // namespace microcloud
