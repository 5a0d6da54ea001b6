// Patterns of KEYS, SCAN and PSUBSCRIBE as Redis understands them: * ? [abc] [^a-z] and \ before a character that means
// itself.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>
#include <vector>

namespace microcloud::resp {

/// A pattern, read once and held against many texts. However long and odd it is, a text costs at most its own length
/// squared.
class Glob {
 public:
  explicit Glob(std::string_view pattern);
  bool matches(std::string_view text) const;

 private:
  struct Part {
    enum class Kind : uint8_t { One, Any, Class, Star };
    Kind kind;
    char c = 0;           // of One
    uint32_t number = 0;  // of Class
  };
  using Characters = std::bitset<256>;
  Characters read_class(std::string_view pattern, size_t& at) const;
  bool takes(const Part& part, char c) const;

  std::vector<Part> parts_;
  std::vector<Characters> classes_;
  size_t fewest_ = 0;  // characters that a text has that matches
};

/// Of a pattern that is needed once.
inline bool glob_matches(std::string_view pattern, std::string_view text) {
  return Glob(pattern).matches(text);
}

}  // namespace microcloud::resp
