// BER and DER (ITU-T X.690): one element, its tag and its content. Definite lengths and tags of one octet only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/cursor.h"

namespace microcloud {

namespace ber_tag {
inline constexpr uint8_t kBoolean = 0x01, kInteger = 0x02, kBitString = 0x03, kOctetString = 0x04, kNull = 0x05,
                         kOid = 0x06, kUtf8String = 0x0c, kNumericString = 0x12, kPrintableString = 0x13,
                         kTeletexString = 0x14, kIa5String = 0x16, kVisibleString = 0x1a, kUniversalString = 0x1c,
                         kBmpString = 0x1e, kSequence = 0x30, kSet = 0x31;
/// Context-specific and constructed, [n].
constexpr uint8_t context(uint8_t n) {
  return static_cast<uint8_t>(0xa0 | n);
}
}  // namespace ber_tag

struct BerElement {
  uint8_t tag = 0;
  Bytes content;
  bool whole = false;  // all of the content is there
};

/// Reads the element where `in` stands and moves behind it. False, and `in` latched, when its head is cut or of another
/// form. Where fewer octets are left than the content's length says, the content is what is left, and not `whole`.
bool read_ber(Cursor& in, BerElement& element);

/// The content of an INTEGER (X.690, 8.3) of at most 8 octets; nothing where it is empty or longer.
std::optional<int64_t> ber_integer(Bytes content);

/// Appends the content of an OBJECT IDENTIFIER (X.690, 8.19) as numbers with dots; an arc that is cut at the end is
/// left out. At most about 3.5 characters an octet.
void append_oid(std::string& out, Bytes content);

}  // namespace microcloud
