// Bytes as text, and its words: capitals do not count in them.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/cursor.h"

namespace microcloud {

inline std::string_view text_of(Bytes bytes) {
  return {static_cast<const char*>(static_cast<const void*>(bytes.data())), bytes.size()};
}

/// Two digits an octet, in lower case.
inline std::string hex_text(Bytes octets) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t octet : octets) {
    text += kHex[octet >> 4];
    text += kHex[octet & 15U];
  }
  return text;
}
/// As text where all of it is printable ASCII, else 0x and hexadecimal digits.
inline std::string readable_text(Bytes octets) {
  const bool is_printable =
      std::all_of(octets.begin(), octets.end(), [](uint8_t octet) { return octet >= 0x20 && octet < 0x7f; });
  return is_printable ? std::string(text_of(octets)) : "0x" + hex_text(octets);
}

constexpr char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

/// `capitals` in capital letters.
constexpr bool is_word(std::string_view word, std::string_view capitals) {
  return std::equal(word.begin(), word.end(), capitals.begin(), capitals.end(),
                    [](char a, char b) { return upper(a) == b; });
}
constexpr bool begins_with_word(std::string_view text, std::string_view capitals) {
  return is_word(text.substr(0, capitals.size()), capitals);
}

/// Is it that word, or a beginning of it?
constexpr bool may_become(std::string_view text, std::string_view capitals) {
  return is_word(text, capitals.substr(0, text.size()));
}

constexpr std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Up to the next blank; `text` goes on behind the blanks.
constexpr std::string_view take_word(std::string_view& text) {
  text = trimmed(text);
  const auto end = std::find_if(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\t'; });
  const std::string_view word(text.data(), static_cast<size_t>(end - text.begin()));
  text = trimmed(text.substr(word.size()));
  return word;
}

/// Nothing unless all of it is one decimal number that fits.
inline std::optional<uint64_t> number_of(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Up to the first CR or LF.
constexpr std::string_view first_line(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  return line.substr(0, line.find('\r'));
}

/// Printable ASCII, blanks and what may be UTF-8: what a line of text has.
constexpr bool is_plain_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return (octet >= 0x20 && octet != 0x7f) || octet == '\t';
  });
}

/// Its first octet tells that its first line is not plain: what most protocols of bytes begin with.
constexpr bool begins_not_plain(std::string_view text) {
  return !text.empty() && text.front() != '\r' && text.front() != '\n' && !is_plain_text(text.substr(0, 1));
}

}  // namespace microcloud
