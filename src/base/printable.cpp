#include "base/printable.h"

#include <algorithm>

namespace microcloud {
namespace {

/// Where the code points end that fill so many columns.
size_t end_of_columns(std::string_view text, size_t columns) {
  size_t at = 0;
  for (; columns > 0 && at < text.size(); --columns) at += std::max<size_t>(1, utf8_length(text.substr(at)));
  return at;
}

}  // namespace

std::string printable(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    const auto first = static_cast<uint8_t>(text[0]);
    const bool control = length == 1 ? first < 0x20 || first == 0x7f
                                     : length == 2 && first == 0xc2 && static_cast<uint8_t>(text[1]) < 0xa0;
    const std::string_view sequence = text.substr(0, std::max<size_t>(1, length));
    if (length > 0 && !control) {
      out += sequence;
    } else {
      for (const char letter : sequence) {
        out += "\\x";
        out += kHex[static_cast<uint8_t>(letter) >> 4];
        out += kHex[static_cast<uint8_t>(letter) & 15U];
      }
    }
    text.remove_prefix(sequence.size());
  }
  return out;
}

size_t columns_of(std::string_view text) {
  size_t columns = 0;
  for (; !text.empty(); ++columns) text.remove_prefix(std::max<size_t>(1, utf8_length(text)));
  return columns;
}

std::string cut_to(std::string_view text, size_t columns) {
  const size_t end = end_of_columns(text, columns);
  if (end == text.size() || columns == 0) return std::string(text.substr(0, end));
  return std::string(text.substr(0, end_of_columns(text, columns - 1))) + "~";
}

}  // namespace microcloud
