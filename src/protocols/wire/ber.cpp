#include "protocols/wire/ber.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace microcloud {
namespace {

constexpr uint8_t kLongTag = 0x1f;
constexpr uint8_t kLongLength = 0x80;

void append_number(std::string& out, uint64_t number) {
  std::array<char, 20> digits;
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

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

std::optional<int64_t> ber_integer(Bytes content) {
  if (content.empty() || content.size() > 8) return std::nullopt;
  uint64_t number = (content.front() & 0x80) != 0 ? UINT64_MAX : 0;
  for (const uint8_t octet : content) number = number << 8 | octet;
  return static_cast<int64_t>(number);
}

void append_oid(std::string& out, Bytes content) {
  uint64_t number = 0;
  bool first = true;
  for (const uint8_t octet : content) {
    number = number << 7 | (octet & 0x7f);
    if ((octet & 0x80) != 0) continue;
    if (first) {
      const uint64_t arc = std::min<uint64_t>(number / 40, 2);
      append_number(out, arc);
      number -= arc * 40;
    }
    out += '.';
    append_number(out, number);
    first = false;
    number = 0;
  }
}

}  // namespace microcloud
