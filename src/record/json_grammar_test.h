// Is a text one JSON value, by the grammar of RFC 8259? For tests of what writes JSON.
#pragma once

#include <algorithm>
#include <string_view>

namespace microcloud {

class JsonGrammar {
 public:
  static bool accepts(std::string_view text) {
    JsonGrammar reader(text);
    return reader.value() && (reader.blank(), reader.text_.empty());
  }

 private:
  explicit JsonGrammar(std::string_view text) : text_(text) {}

  void blank() { text_.remove_prefix(std::min(text_.find_first_not_of(" \t\r\n"), text_.size())); }
  bool take(std::string_view expected) {
    if (!text_.starts_with(expected)) return false;
    text_.remove_prefix(expected.size());
    return true;
  }
  bool one_of(std::string_view characters) {
    if (text_.empty() || characters.find(text_.front()) == std::string_view::npos) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool digits() {
    if (!one_of("0123456789")) return false;
    while (one_of("0123456789")) {
    }
    return true;
  }

  bool value() {
    blank();
    if (take("true") || take("false") || take("null")) return true;
    if (take("[")) return items("]", false);
    if (take("{")) return items("}", true);
    return text_.starts_with('"') ? string() : number();
  }
  bool items(std::string_view end, bool named) {
    blank();
    if (take(end)) return true;
    do {
      blank();
      if (named && !(string() && (blank(), take(":")))) return false;
      if (!value()) return false;
      blank();
    } while (take(","));
    return take(end);
  }
  bool string() {
    if (!take("\"")) return false;
    while (!text_.empty() && !text_.starts_with('"')) {
      if (static_cast<unsigned char>(text_.front()) < 0x20) return false;
      if (!take("\\")) {
        text_.remove_prefix(1);
      } else if (take("u")) {
        for (int digit = 0; digit < 4; ++digit) {
          if (!one_of("0123456789abcdefABCDEF")) return false;
        }
      } else if (!one_of("\"\\/bfnrt")) {
        return false;
      }
    }
    return take("\"");
  }
  bool number() {
    take("-");
    if (!take("0") && !digits()) return false;
    if (take(".") && !digits()) return false;
    return !one_of("eE") || (one_of("+-"), digits());
  }

  std::string_view text_;
};

}  // namespace microcloud
