#include "protocols/wire/sql_text.h"

#include <algorithm>

#include "protocols/wire/text_words.h"

namespace microcloud {
namespace {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_hex(char c) {
  return is_digit(c) || (upper(c) >= 'A' && upper(c) <= 'F');
}
constexpr bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
/// Of names, key words and numbers; what is not ASCII belongs to names.
constexpr bool is_of_word(char c) {
  const auto octet = static_cast<unsigned char>(c);
  return is_digit(c) || (upper(c) >= 'A' && upper(c) <= 'Z') || c == '_' || c == '$' || octet >= 0x80;
}

constexpr std::string_view kVerbs[] = {
    "SELECT",  "INSERT",  "UPDATE", "DELETE", "REPLACE",  "MERGE",   "WITH",     "SET",     "SHOW",     "USE",
    "BEGIN",   "DECLARE", "CALL",   "CREATE", "ALTER",    "DROP",    "TRUNCATE", "COMMIT",  "ROLLBACK", "SAVEPOINT",
    "GRANT",   "REVOKE",  "LOCK",   "UNLOCK", "START",    "EXPLAIN", "ANALYZE",  "COMMENT", "DESCRIBE", "EXECUTE",
    "PREPARE", "RENAME",  "FLUSH",  "KILL",   "OPTIMIZE", "LOAD",    "DO",       "AUDIT",   "PURGE",    "EXEC"};

bool contains_word(std::string_view word, std::string_view capitals) {
  for (size_t at = 0; at + capitals.size() <= word.size(); ++at) {
    if (is_word(word.substr(at, capitals.size()), capitals)) return true;
  }
  return false;
}

/// All of a word that begins with a digit: is it a number?
bool is_number(std::string_view word) {
  if (word.size() > 2 && word[0] == '0' && (upper(word[1]) == 'X' || upper(word[1]) == 'B'))
    return std::all_of(word.begin() + 2, word.end(), is_hex);
  size_t at = 0;
  const auto digits = [&] {
    while (at < word.size() && (is_digit(word[at]) || word[at] == '.')) ++at;
  };
  digits();
  if (at < word.size() && upper(word[at]) == 'E') {
    ++at;
    if (at < word.size() && (word[at] == '+' || word[at] == '-')) ++at;
    digits();
  }
  if (at + 1 == word.size() && (upper(word[at]) == 'F' || upper(word[at]) == 'D')) ++at;  // Oracle's binary floats
  return at == word.size();
}

class Reader {
 public:
  Reader(std::string_view sql, const SqlRules& rules, size_t most) : sql_(sql), rules_(rules), most_(most) {}

  std::string read() {
    while (at_ < sql_.size() && out_.size() <= most_) step();
    return std::move(out_);
  }

 private:
  char here(size_t offset = 0) const { return at_ + offset < sql_.size() ? sql_[at_ + offset] : '\0'; }

  void copy(size_t count) {
    out_ += sql_.substr(at_, std::min(count, most_ + 1));
    at_ += std::min(count, sql_.size() - at_);
  }

  void step() {
    const char c = here();
    if (is_blank(c)) {
      copy(1);
    } else if (c == '\'') {
      literal(end_of_quoted(at_, c, rules_.backslash_escapes));
    } else if (c == '"') {
      double_quoted();
    } else if (c == '`') {
      copy(end_of_quoted(at_, c, false) - at_);
    } else if (const size_t end = end_of_comment(); end != 0) {
      comment(end);
    } else if (c == '/' && here(1) == '*') {
      hint();
    } else if (c == ':' && is_of_word(here(1))) {  // a bound variable: no value
      copy(1);
      copy(word_size());
    } else if ((is_digit(c) && !is_behind_sign()) || (c == '.' && is_digit(here(1)))) {
      number();
    } else if (is_of_word(c)) {
      word();
    } else {
      if (c == ';') secret_ = false;
      expected_ = Expected::Anything;
      copy(1);
    }
  }

  /// A name goes on: a#1, @1.
  bool is_behind_sign() const { return at_ != 0 && (sql_[at_ - 1] == '#' || sql_[at_ - 1] == '@'); }

  /// Behind the closing quote, which doubled is none; of a text that was cut, its end.
  size_t end_of_quoted(size_t from, char quote, bool escapes) const {
    for (size_t at = from + 1; at < sql_.size(); ++at) {
      if (escapes && sql_[at] == '\\') {
        ++at;
      } else if (sql_[at] == quote) {
        if (at + 1 >= sql_.size() || sql_[at + 1] != quote) return at + 1;
        ++at;
      }
    }
    return sql_.size();
  }

  /// Behind a comment that begins here; 0: none does.
  size_t end_of_comment() const {
    const auto line_end = [&] { return std::min(sql_.find('\n', at_), sql_.size()); };
    if (rules_.hash_comments && here() == '#') return line_end();
    if (here() == '-' && here(1) == '-') {
      const bool needs_blank = rules_.hash_comments && at_ + 2 < sql_.size();  // MySQL: 1--1 is a difference
      return needs_blank && !is_blank(here(2)) ? 0 : line_end();
    }
    if (here() != '/' || here(1) != '*' || here(2) == '!' || here(2) == '+') return 0;
    const size_t end = sql_.find("*/", at_ + 2);
    return end == std::string_view::npos ? sql_.size() : end + 2;
  }

  void comment(size_t end) {
    if (rules_.keep_literals && !secret_) {
      copy(end - at_);
      return;
    }
    at_ = end;
    if (!out_.empty() && !is_blank(out_.back())) out_ += ' ';
  }

  /// Of what runs only here, or tells how: its beginning, with the version that it is for.
  void hint() {
    copy(3);
    size_t digits = 0;
    while (is_digit(here(digits))) ++digits;
    copy(digits);
  }

  void literal(size_t end) {
    expected_ = Expected::Anything;
    if (rules_.keep_literals && !secret_) {
      copy(end - at_);
      return;
    }
    at_ = end;
    out_ += '?';
  }

  void double_quoted() {
    const bool is_name = rules_.double_quotes_are_names && expected_ != Expected::Password;
    const size_t end = end_of_quoted(at_, '"', rules_.backslash_escapes && !is_name);
    if (is_name) {
      copy(end - at_);
    } else {
      literal(end);
    }
  }

  /// Of a word, or a number in one form or another.
  size_t word_size() const {
    size_t size = 0;
    while (at_ + size < sql_.size() && is_of_word(here(size))) ++size;
    return size;
  }

  bool is_sign_of_exponent(size_t offset) const {
    const bool is_sign = (here(offset) == '+' || here(offset) == '-') && offset > 1 && upper(here(offset - 1)) == 'E';
    return is_sign && upper(here(1)) != 'X' && is_number(sql_.substr(at_, offset - 1));
  }

  void number() {
    size_t size = 0;
    while (is_of_word(here(size)) || here(size) == '.' || is_sign_of_exponent(size)) ++size;
    if (is_number(sql_.substr(at_, size)) && expected_ != Expected::Password) {
      if (rules_.keep_literals && !secret_) {
        copy(size);
      } else {
        at_ += size;
        out_ += '?';
      }
    } else {
      take_word(size);
    }
  }

  void word() { take_word(word_size()); }

  void take_word(size_t size) {
    const std::string_view word = sql_.substr(at_, size);
    if (here(size) == '\'' && prefixes_string(word)) {
      const bool alternative = rules_.alternative_quotes && upper(word.back()) == 'Q';
      literal(alternative ? end_of_alternative(at_ + size) : end_of_quoted(at_ + size, '\'', rules_.backslash_escapes));
      return;
    }
    if (expected_ == Expected::Password && !is_word(word, "PASSWORD") && !is_word(word, "VALUES") &&
        !is_word(word, "RANDOM")) {
      at_ += size;
      out_ += '?';
      expected_ = Expected::Anything;
      return;
    }
    if (is_word(word, "IDENTIFIED")) {
      secret_ = true;
      expected_ = Expected::By;
    } else if (contains_word(word, "PASSWORD")) {
      secret_ = true;
      expected_ = Expected::Anything;
    } else if ((expected_ == Expected::By && is_word(word, "BY")) || (secret_ && is_word(word, "REPLACE"))) {
      expected_ = Expected::Password;
    } else {
      expected_ = Expected::Anything;
    }
    copy(size);
  }

  bool prefixes_string(std::string_view word) const {
    if (word.size() == 1) {
      const char c = upper(word[0]);
      return c == 'N' || c == 'X' || c == 'B' || (rules_.alternative_quotes && c == 'Q');
    }
    return rules_.alternative_quotes && is_word(word, "NQ");
  }

  /// Behind q'[...]', whose quote stands at `quote`.
  size_t end_of_alternative(size_t quote) const {
    if (quote + 1 >= sql_.size()) return sql_.size();
    constexpr std::string_view kOpening = "[{<(", kClosing = "]}>)";
    const size_t pair = kOpening.find(sql_[quote + 1]);
    const char end[] = {pair == std::string_view::npos ? sql_[quote + 1] : kClosing[pair], '\''};
    const size_t found = sql_.find(std::string_view(end, 2), quote + 2);
    return found == std::string_view::npos ? sql_.size() : found + 2;
  }

  enum class Expected : unsigned char { Anything, By, Password };

  std::string_view sql_;
  const SqlRules& rules_;
  size_t most_;
  size_t at_ = 0;
  std::string out_;
  bool secret_ = false;  // a password may come in this statement
  Expected expected_ = Expected::Anything;
};

}  // namespace

std::string sql_to_tell(std::string_view sql, const SqlRules& rules, size_t most) {
  return Reader(sql, rules, most).read();
}

SqlLook look_for_sql(std::string_view text) {
  while (!text.empty() && (is_blank(text.front()) || text.front() == '(')) text.remove_prefix(1);
  if (text.empty() || text == "/") return SqlLook::Maybe;
  if (text.starts_with("/*") || text.starts_with("--")) return SqlLook::Surely;
  bool maybe = false;
  for (const std::string_view verb : kVerbs) {
    if (text.size() <= verb.size()) {
      maybe = maybe || may_become(text, verb);
    } else if (begins_with_word(text, verb) && !is_of_word(text[verb.size()])) {
      return SqlLook::Surely;
    }
  }
  return maybe ? SqlLook::Maybe : SqlLook::No;
}

}  // namespace microcloud
