#include "protocols/wire/gtp_message.h"

#include <algorithm>
#include <array>

namespace microcloud {
namespace {

constexpr uint8_t kProtocol = 0x10;  // octet 1 of versions 0 and 1: GTP, and not GTP'
constexpr uint8_t kExtension = 4, kSequence = 2, kNumber = 1;
constexpr uint8_t kPiggybacked = 0x10, kHasTeid = 0x08;  // octet 1 of version 2

// Those whose response has the next number: TS 29.060, 7.1 (GSM 09.60, 7.1, has some of them), and TS 29.274, 6.1.
constexpr uint8_t kRequests1[] = {1,  4,  6,  16, 18, 20,  22,  24,  27,  29,  32,  34,  36,  48, 50,
                                  53, 56, 61, 96, 98, 100, 102, 104, 112, 114, 116, 118, 120, 128};
constexpr uint8_t kRequests2[] = {1,   32,  34,  36,  38,  95,  97,  99,  101, 103, 128, 130, 133, 135, 137, 139,
                                  149, 153, 155, 160, 162, 164, 166, 168, 170, 176, 179, 200, 211, 231, 233, 235};

void skip_extensions(Cursor& in, uint8_t next) {
  while (next != 0 && in.ok()) {
    const size_t octets = in.u8() * size_t{4};
    if (octets == 0) {
      in.skip(in.left() + 1);
      return;
    }
    in.skip(octets - 2);
    next = in.u8();
  }
}

/// The rest of a header whose first four octets were read.
bool read_header0(Cursor& in, GtpMessage& message) {
  message.sequence = in.u16();
  in.skip(2 + 4 + 8);  // flow label, N-PDU number and spare, tunnel id
  return in.ok();
}

bool read_header1(Cursor& in, uint8_t flags, GtpMessage& message) {
  message.teid = in.u32();
  if ((flags & (kExtension | kSequence | kNumber)) == 0) return in.ok();
  const uint16_t sequence = in.u16();
  if ((flags & kSequence) != 0) message.sequence = sequence;
  in.skip(1);
  const uint8_t next = in.u8();
  if ((flags & kExtension) != 0) skip_extensions(in, next);
  return in.ok();
}

bool read_header2(Cursor& in, uint8_t flags, GtpMessage& message) {
  message.piggybacked = (flags & kPiggybacked) != 0;
  if ((flags & kHasTeid) != 0) message.teid = in.u32();
  message.sequence = in.u24();
  in.skip(1);
  return in.ok();
}

}  // namespace

bool read_gtp_message(Bytes datagram, uint32_t octets, GtpMessage& message) {
  constexpr std::array<size_t, 3> kNotCounted{20, 8, 4};  // octets of the header that the length leaves out
  message = {};
  Cursor in(datagram);
  const uint8_t flags = in.u8();
  message.version = flags >> 5;
  message.type = in.u8();
  const size_t length = in.u16();
  if (!in.ok() || message.version > 2 || message.type == 0) return false;
  if (message.version < 2 && (flags & kProtocol) == 0) return false;
  message.octets = length + kNotCounted[message.version];
  if (message.octets > octets) return false;
  in.keep(message.octets - 4);
  const bool read = message.version == 0   ? read_header0(in, message)
                    : message.version == 1 ? read_header1(in, flags, message)
                                           : read_header2(in, flags, message);
  message.cut = datagram.size() < message.octets;
  message.elements = in.rest();
  return read;
}

bool is_gtp_request(uint8_t version, uint8_t type) {
  return version == 2 ? std::find(std::begin(kRequests2), std::end(kRequests2), type) != std::end(kRequests2)
                      : std::find(std::begin(kRequests1), std::end(kRequests1), type) != std::end(kRequests1);
}

size_t gtp1_fixed_size(uint8_t version, uint8_t type) {
  constexpr uint8_t kChargingId = 127;
  constexpr std::array<uint8_t, 30> k0{0, 1, 8, 6, 4, 4, 3, 0, 1, 28, 0, 1, 3, 1, 1, 1, 2, 2, 3, 1};
  constexpr std::array<uint8_t, 30> k1{0, 1, 8, 6, 4, 4, 0, 0, 1, 28, 0, 1, 3, 1, 1,
                                       1, 4, 4, 5, 1, 1, 1, 9, 1, 1,  2, 2, 2, 2, 1};
  if (type == kChargingId) return 4;
  if (type >= k1.size()) return 0;
  return version == 0 ? k0[type] : k1[type];
}

std::string tbcd_digits(Bytes octets) {
  constexpr char kDigits[] = "0123456789*#abc";
  std::string text;
  for (const uint8_t octet : octets) {
    for (const int half : {octet & 15, octet >> 4}) {
      if (half == 15) return text;
      text += kDigits[half];
    }
  }
  return text;
}

std::string apn_text(Bytes labels) {
  std::string text;
  for (Cursor in(labels); in.left() > 0;) {
    const size_t size = in.u8();
    const Bytes label = in.bytes(std::min(size, in.left()));
    if (!text.empty()) text += '.';
    text.append(label.begin(), label.end());
  }
  return text;
}

}  // namespace microcloud
