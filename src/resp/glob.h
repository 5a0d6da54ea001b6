// Patterns of KEYS, SCAN and PSUBSCRIBE as Redis understands them: * ? [abc] [^a-z] and \ before a character that means
// itself.
#pragma once

#include <string_view>

namespace microcloud::resp {

/// Takes time in the product of both lengths at most, whatever the pattern.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace microcloud::resp
