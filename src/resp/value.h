// One reply of a Redis server, or any other value of its protocol: RESP2 and RESP3
// (https://redis.io/docs/latest/develop/reference/protocol-spec/).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace microcloud::resp {

/// Null is one whatever its form (`_`, `$-1`, `*-1`), and so is an error (`-`, `!`).
enum class Type : uint8_t {
  Null,
  Integer,
  Double,
  Boolean,
  Simple,
  Error,
  Bulk,
  Verbatim,
  BigNumber,
  Array,
  Map,
  Set,
  Push,
  Attribute,
};

struct Value {
  Type type = Type::Null;
  std::array<char, 3> format{};  // of a Verbatim: `txt`, `mkd`
  int64_t integer = 0;           // Integer; Boolean: 0 or 1
  double number = 0;             // Double
  std::string text;              // Simple, Error, Bulk, Verbatim, BigNumber (its digits)
  /// Array, Set and Push: one behind the other. Map: name, value, name, value. Attribute: the same, and last the value
  /// that they say something about.
  std::vector<Value> elements;

  bool operator==(const Value&) const = default;

  bool is_null() const { return type == Type::Null; }
  bool is_error() const { return type == Type::Error; }
  /// Simple, Bulk or Verbatim with just this text.
  bool is(std::string_view words) const { return has_text() && text == words; }
  bool has_text() const { return type == Type::Simple || type == Type::Bulk || type == Type::Verbatim; }
  /// An integer, or text that is one, as RESP2 gives fields of hashes.
  std::optional<int64_t> as_integer() const;
  /// A double, an integer, or text that is one, as RESP2 gives scores.
  std::optional<double> as_double() const;
  /// The value under a name: of a Map, or of an Array of names and values, which is RESP2's map. nullptr: none.
  const Value* find(std::string_view name) const;
  /// Without attributes around it.
  const Value& bare() const;

  static Value of_error(std::string_view words);
};

/// Decimal, all of `text`, within 64 bits; a sign is accepted.
std::optional<int64_t> parse_integer(std::string_view text);
/// Decimal or with exponent, `inf`, `-inf`, `nan`; all of `text`.
std::optional<double> parse_double(std::string_view text);

}  // namespace microcloud::resp
