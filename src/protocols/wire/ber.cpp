#include "protocols/wire/ber.h"

#include <algorithm>

namespace microcloud {
namespace {

constexpr uint8_t kLongTag = 0x1f;
constexpr uint8_t kLongLength = 0x80;

bool fail(Cursor& in) {
  in.skip(in.left() + 1);
  return false;
}

}  // namespace

bool read_ber(Cursor& in, BerElement& element) {
  element.tag = in.u8();
  uint64_t length = in.u8();
  if (!in.ok() || (element.tag & kLongTag) == kLongTag) return fail(in);
  if ((length & kLongLength) != 0) {
    const auto octets = static_cast<unsigned>(length & ~uint64_t{kLongLength});
    if (octets == 0 || octets > 4) return fail(in);
    length = 0;
    for (unsigned at = 0; at < octets; ++at) length = length << 8 | in.u8();
    if (!in.ok()) return false;
  }
  element.whole = length <= in.left();
  element.content = in.bytes(static_cast<size_t>(std::min<uint64_t>(length, in.left())));
  return true;
}

}  // namespace microcloud
