// Texts of messages in records: what does not fit is cut, and the record says so.
#pragma once

#include <optional>
#include <string_view>

#include "record/transaction.h"
#include "record/value.h"

namespace microcloud {

/// An empty text is told, too.
template <size_t Size>
void keep_text(std::optional<Text<Size>>& to, std::string_view text, std::string_view when_cut, Partial& partial) {
  to.emplace().assign(text);
  if (text.size() > Size) partial.add(when_cut);
}

/// An empty text tells nothing.
template <size_t Size>
void tell_text(std::optional<Text<Size>>& to, std::string_view text, std::string_view when_cut, Partial& partial) {
  if (!text.empty()) keep_text(to, text, when_cut, partial);
}

}  // namespace microcloud
