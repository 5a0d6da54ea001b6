// SQL as it may be told: what is asked stands in it, and neither values nor passwords do.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace microcloud {

/// In what dialects differ.
struct SqlRules {
  bool double_quotes_are_names = false;  // "a" is a name (Oracle), else a string (MySQL)
  bool backslash_escapes = true;         // in strings (MySQL, unless NO_BACKSLASH_ESCAPES)
  bool alternative_quotes = false;       // q'[it's]' (Oracle)
  bool hash_comments = true;             // # to the end of the line (MySQL)
  bool keep_literals = false;            // tell values

  static constexpr SqlRules mysql() { return {}; }
  static constexpr SqlRules oracle() {
    return {.double_quotes_are_names = true,
            .backslash_escapes = false,
            .alternative_quotes = true,
            .hash_comments = false};
  }
};

/// `sql` with ? in the place of each string and number, and without comments (optimizer hints stay, their values do
/// not). With keep_literals all stays but what follows IDENTIFIED or a word with PASSWORD in it up to the end of the
/// statement: strings there are ? in any case, and so is a word behind IDENTIFIED BY. The text may end anywhere. No
/// more than about `most` octets are made of it: a result that is longer was cut.
std::string sql_to_tell(std::string_view sql, const SqlRules& rules, size_t most);

/// May this be the beginning of a statement: a verb of SQL and a blank? With few octets: as far as they go.
enum class SqlLook : unsigned char { No, Maybe, Surely };
SqlLook look_for_sql(std::string_view text);

}  // namespace microcloud
