// Names that a person may have meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace microcloud {

/// The same but for capitals.
bool same_word(std::string_view a, std::string_view b);

/// The `count` names that take the fewest changes (insert, delete, replace, swap neighbours) to become `word`; capitals
/// and underscores do not count.
std::vector<std::string> nearest_names(std::string_view word, const std::vector<std::string>& names, size_t count);

}  // namespace microcloud
