// Text from the wire, or from another program, as a terminal may have it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace microcloud {

/// Bytes of the UTF-8 sequence at the beginning of `text`, or 0 where it is none (RFC 3629: no overlong forms, no
/// surrogates).
inline size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [text](size_t at) { return static_cast<uint8_t>(text[at]); };
  const uint8_t first = byte(0);
  const size_t length = first < 0x80                    ? 1
                        : first >= 0xc2 && first < 0xe0 ? 2
                        : first >= 0xe0 && first < 0xf0 ? 3
                        : first >= 0xf0 && first < 0xf5 ? 4
                                                        : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t at = 1; at < length; ++at) {
    if ((byte(at) & 0xc0U) != 0x80) return 0;
  }
  if (length > 2) {
    const uint8_t second = byte(1);
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
        (first == 0xf4 && second > 0x8f)) {
      return 0;
    }
  }
  return length;
}

/// With each byte of a control character (C0, DEL, C1) and of what is no UTF-8 as \xNN: one line, which moves no cursor
/// and changes no terminal.
std::string printable(std::string_view text);

/// Columns that it fills: one for each code point.
size_t columns_of(std::string_view text);
/// At most so many columns; the last one is ~ where something was cut off.
std::string cut_to(std::string_view text, size_t columns);

}  // namespace microcloud
