// The path of a URL in so few kinds that each can be counted: what looks like a number or a name of one thing is a
// star.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace microcloud {

/// Appends the path of a request target (RFC 9112, 3.2) to `out`: `/shop/items/4711/picture?size=2` is
/// `/shop/items/*`, at most three parts and 80 octets. A part is a star when it has only digits, four digits or more,
/// more than 24 octets, or others than letters, digits and `-._~`. Nothing is appended for a target without a path
/// (`*`, a host and port).
inline void append_url_pattern(std::string& out, std::string_view target) {
  constexpr size_t kMostParts = 3, kLongestPart = 24, kMostDigits = 3;
  if (const size_t scheme = target.find("://"); !target.starts_with('/') && scheme != std::string_view::npos) {
    const size_t path = target.find_first_of("/?#", scheme + 3);
    if (path == std::string_view::npos || target[path] != '/') {
      out += '/';
      return;
    }
    target.remove_prefix(path);
  }
  if (!target.starts_with('/')) return;
  target = target.substr(0, std::min({target.find('?'), target.find('#'), target.find(';')}));
  for (size_t parts = 0; !target.empty(); ++parts) {
    target.remove_prefix(1);
    const std::string_view part = target.substr(0, target.find('/'));
    target.remove_prefix(part.size());
    const auto digits = static_cast<size_t>(std::ranges::count_if(part, [](char c) { return c >= '0' && c <= '9'; }));
    const bool plain = std::ranges::all_of(part, [](char c) {
      return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '.' || c == '_' ||
             c == '~';
    });
    const bool is_one = digits > kMostDigits || (digits > 0 && digits == part.size());
    out += '/';
    if (parts + 1 == kMostParts && !target.empty()) {  // and all that is behind it
      out += '*';
      return;
    }
    if (is_one || !plain || part.size() > kLongestPart) {
      out += '*';
    } else {
      out += part;
    }
  }
}

}  // namespace microcloud
