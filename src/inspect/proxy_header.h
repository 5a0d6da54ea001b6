// The header that a proxy puts before a connection which it passes on (HAProxy's PROXY protocol, versions 1 and 2:
// sections 2.1 and 2.2 of its specification): what is spoken behind it is another protocol.
#pragma once

#include <algorithm>
#include <string_view>

#include "base/cursor.h"

namespace microcloud {

/// How many octets of a connection's first segment it takes; 0: it is none, or does not stand there whole. A proxy
/// sends it at once.
inline size_t proxy_header_octets(Bytes segment) {
  constexpr std::string_view kFirst = "PROXY ", kSecond("\r\n\r\n\0\r\nQUIT\n", 12);
  constexpr std::string_view kFamilies[] = {"TCP4 ", "TCP6 ", "UNKNOWN"};
  constexpr size_t kMostOfFirst = 107, kHeadOfSecond = 16;
  if (segment.empty() || (segment[0] != kFirst[0] && segment[0] != kSecond[0])) return 0;  // nearly always
  const std::string_view text(static_cast<const char*>(static_cast<const void*>(segment.data())), segment.size());
  if (text.starts_with(kFirst)) {
    const std::string_view line = text.substr(0, kMostOfFirst);
    const size_t end = line.find("\r\n");
    if (end == std::string_view::npos) return 0;
    const bool known = std::any_of(std::begin(kFamilies), std::end(kFamilies), [&](std::string_view family) {
      return line.substr(kFirst.size()).starts_with(family);
    });
    return known ? end + 2 : 0;
  }
  if (!text.starts_with(kSecond) || segment.size() < kHeadOfSecond) return 0;
  constexpr unsigned kLocal = 0x20, kProxy = 0x21;  // version 2, and what was asked for
  const unsigned command = segment[kSecond.size()];
  const size_t octets = kHeadOfSecond + load_be16(segment.data() + kHeadOfSecond - 2);
  return (command == kLocal || command == kProxy) && octets <= segment.size() ? octets : 0;
}

}  // namespace microcloud
