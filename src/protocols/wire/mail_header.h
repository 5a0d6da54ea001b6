// The Message-ID in the header of a mail (RFC 5322, sections 2.2 and 3.6.4).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "protocols/wire/text_words.h"

namespace microcloud {

/// Reads the first lines of a mail until it has found the field or knows that it does not come.
class MessageIdFinder {
 public:
  static constexpr unsigned kMostLines = 1000;  // of a header

  /// Without the line's end. The id without its brackets, once.
  std::optional<std::string> line(std::string_view text) {
    if (over_) return std::nullopt;
    over_ = text.empty() || ++lines_ == kMostLines;
    const bool folded = text.starts_with(' ') || text.starts_with('\t');
    if (std::exchange(begun_, false) && folded) return found(trimmed(text));
    if (!begins_with_word(text, kField)) return std::nullopt;
    const std::string_view value = trimmed(text.substr(kField.size()));
    if (!value.empty()) return found(value);
    begun_ = true;  // the value stands in the next line
    return std::nullopt;
  }
  void give_up() { over_ = true; }
  bool over() const { return over_; }

 private:
  static constexpr std::string_view kField = "MESSAGE-ID:";

  std::optional<std::string> found(std::string_view value) {
    over_ = true;
    const size_t begin = value.find('<');
    const size_t end = value.find('>', begin);
    if (begin != std::string_view::npos)
      value = value.substr(begin + 1, end == std::string_view::npos ? end : end - begin - 1);
    return std::string(value);
  }

  unsigned lines_ = 0;
  bool begun_ = false;
  bool over_ = false;
};

}  // namespace microcloud
