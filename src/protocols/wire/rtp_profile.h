// What payload types mean without signalling (RFC 3551, 6), and what names of codecs mean.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "record/value.h"

namespace microcloud {

/// What a payload type stands for.
struct RtpFormat {
  uint8_t payload_type = 0;
  uint32_t clock_rate = 0;  // ticks of the timestamp a second; 0: not known
  Text<16> codec;           // in capitals: PCMU, TELEPHONE-EVENT; empty: not known
};

struct StaticRtpFormat {
  uint8_t payload_type;
  uint32_t clock_rate;
  std::string_view codec;
};

inline constexpr std::array<StaticRtpFormat, 24> kStaticRtpFormats = {
    {{0, 8000, "PCMU"},   {3, 8000, "GSM"},   {4, 8000, "G723"},   {5, 8000, "DVI4"},   {6, 16000, "DVI4"},
     {7, 8000, "LPC"},    {8, 8000, "PCMA"},  {9, 8000, "G722"},   {10, 44100, "L16"},  {11, 44100, "L16"},
     {12, 8000, "QCELP"}, {13, 8000, "CN"},   {14, 90000, "MPA"},  {15, 8000, "G728"},  {16, 11025, "DVI4"},
     {17, 22050, "DVI4"}, {18, 8000, "G729"}, {25, 90000, "CELB"}, {26, 90000, "JPEG"}, {28, 90000, "NV"},
     {31, 90000, "H261"}, {32, 90000, "MPV"}, {33, 90000, "MP2T"}, {34, 90000, "H263"}}};

/// Of a static payload type; else with neither codec nor clock rate.
inline RtpFormat static_rtp_format(uint8_t payload_type) {
  RtpFormat format{.payload_type = payload_type, .clock_rate = 0, .codec = {}};
  for (const StaticRtpFormat& known : kStaticRtpFormats) {
    if (known.payload_type != payload_type) continue;
    format.clock_rate = known.clock_rate;
    format.codec.assign(known.codec);
  }
  return format;
}

/// Payload types that a codec may be given: others are not assigned, or would look like RTCP (RFC 5761, 4).
constexpr bool may_be_rtp_payload(uint8_t payload_type) {
  return payload_type <= 34 || payload_type >= 96;
}

}  // namespace microcloud
