#include "resp/glob.h"

#include <algorithm>

namespace microcloud::resp {
namespace {

constexpr size_t kNone = std::string_view::npos;

}  // namespace

Glob::Glob(std::string_view pattern) {
  using Kind = Part::Kind;
  for (size_t at = 0; at < pattern.size();) {
    const char c = pattern[at++];
    if (c == '*') {
      if (parts_.empty() || parts_.back().kind != Kind::Star) parts_.push_back({Kind::Star});
      continue;
    }
    ++fewest_;
    if (c == '?') {
      parts_.push_back({Kind::Any});
    } else if (c == '[') {
      classes_.push_back(read_class(pattern, at));
      parts_.push_back({Kind::Class, 0, static_cast<uint32_t>(classes_.size() - 1)});
    } else {
      parts_.push_back({Kind::One, c == '\\' && at < pattern.size() ? pattern[at++] : c});
    }
  }
}

/// `at` stands behind `[`, and behind the class afterwards. A class without end goes up to the pattern's end, as with
/// Redis.
Glob::Characters Glob::read_class(std::string_view pattern, size_t& at) const {
  const bool negated = at < pattern.size() && pattern[at] == '^';
  if (negated) ++at;
  Characters found;
  while (at < pattern.size() && pattern[at] != ']') {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) {
      found.set(static_cast<uint8_t>(pattern[at + 1]));
      at += 2;
    } else if (at + 2 < pattern.size() && pattern[at + 1] == '-') {
      const auto [low, high] = std::minmax({static_cast<uint8_t>(pattern[at]), static_cast<uint8_t>(pattern[at + 2])});
      for (unsigned c = low; c <= high; ++c) found.set(c);
      at += 3;
    } else {
      found.set(static_cast<uint8_t>(pattern[at++]));
    }
  }
  if (at < pattern.size()) ++at;
  return negated ? ~found : found;
}

bool Glob::takes(const Part& part, char c) const {
  switch (part.kind) {
    case Part::Kind::One:
      return part.c == c;
    case Part::Kind::Any:
      return true;
    case Part::Kind::Class:
      return classes_[part.number].test(static_cast<uint8_t>(c));
    case Part::Kind::Star:
      return false;
  }
  return false;
}

bool Glob::matches(std::string_view text) const {
  if (text.size() < fewest_) return false;
  size_t at = 0, in = 0;
  size_t star = kNone, retry = 0;  // only the last star need ever take more
  while (in < text.size()) {
    if (at < parts_.size() && parts_[at].kind == Part::Kind::Star) {
      star = ++at;
      if (star == parts_.size()) return true;
      retry = in;
    } else if (at < parts_.size() && takes(parts_[at], text[in])) {
      ++at;
      ++in;
    } else {
      if (star == kNone) return false;
      at = star;
      in = ++retry;
    }
  }
  while (at < parts_.size() && parts_[at].kind == Part::Kind::Star) ++at;
  return at == parts_.size();
}

}  // namespace microcloud::resp
