// Numbers as text without allocation, and the parts that every RESP message is made of.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace microcloud::resp {

class NumberText {
 public:
  /// An integer or a double (the shortest text that gives the same number again; `inf`, `-inf`, `nan`).
  template <typename Number>
  explicit NumberText(Number number) {
    size_ = static_cast<size_t>(std::to_chars(room_.data(), room_.data() + room_.size(), number).ptr - room_.data());
  }
  std::string_view text() const {
    const std::string_view whole(room_.data(), size_);
    return whole == "-nan" ? whole.substr(1) : whole;
  }

 private:
  std::array<char, 32> room_;
  size_t size_;
};

/// `$5\r\n`, `*2\r\n`
inline void append_header(std::string& out, char kind, size_t count) {
  if (count < 10) {
    const char header[4] = {kind, static_cast<char>('0' + count), '\r', '\n'};
    out.append(header, sizeof header);
    return;
  }
  out += kind;
  out += NumberText(count).text();
  out += "\r\n";
}

inline void append_bulk(std::string& out, std::string_view text) {
  append_header(out, '$', text.size());
  out += text;
  out += "\r\n";
}

}  // namespace microcloud::resp
