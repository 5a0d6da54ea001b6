#include "resp/glob.h"

#include <algorithm>
#include <cstdint>

namespace microcloud::resp {
namespace {

constexpr size_t kNone = std::string_view::npos;

/// `at` stands behind `[`, and behind the class afterwards. A class without end goes up to the pattern's end, as with
/// Redis.
bool class_matches(std::string_view pattern, size_t& at, char c) {
  const bool negated = at < pattern.size() && pattern[at] == '^';
  if (negated) ++at;
  bool found = false;
  while (at < pattern.size() && pattern[at] != ']') {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) {
      found |= pattern[at + 1] == c;
      at += 2;
    } else if (at + 2 < pattern.size() && pattern[at + 1] == '-') {
      const auto [low, high] = std::minmax({static_cast<uint8_t>(pattern[at]), static_cast<uint8_t>(pattern[at + 2])});
      found |= low <= static_cast<uint8_t>(c) && static_cast<uint8_t>(c) <= high;
      at += 3;
    } else {
      found |= pattern[at++] == c;
    }
  }
  if (at < pattern.size()) ++at;
  return found != negated;
}

/// One character against what stands at `at`, which is behind it afterwards.
bool one_matches(std::string_view pattern, size_t& at, char c) {
  const char wanted = pattern[at++];
  if (wanted == '?') return true;
  if (wanted == '[') return class_matches(pattern, at, c);
  if (wanted == '\\' && at < pattern.size()) return pattern[at++] == c;
  return wanted == c;
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text) {
  size_t at = 0, in = 0;
  size_t star = kNone, retry = 0;  // only the last star need ever take more
  while (in < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = ++at;
      retry = in;
      continue;
    }
    if (at < pattern.size() && one_matches(pattern, at, text[in])) {
      ++in;
      continue;
    }
    if (star == kNone) return false;
    at = star;
    in = ++retry;
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

}  // namespace microcloud::resp
