#include "resp/value.h"

#include <charconv>

namespace microcloud::resp {
namespace {

template <typename Number>
std::optional<Number> parse(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-') || text.starts_with('+')) return std::nullopt;
  }
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::optional<int64_t> parse_integer(std::string_view text) {
  return parse<int64_t>(text);
}

std::optional<double> parse_double(std::string_view text) {
  return parse<double>(text);
}

std::optional<int64_t> Value::as_integer() const {
  if (type == Type::Integer || type == Type::Boolean) return integer;
  return has_text() ? parse_integer(text) : std::nullopt;
}

std::optional<double> Value::as_double() const {
  if (type == Type::Double) return number;
  if (type == Type::Integer) return static_cast<double>(integer);
  return has_text() ? parse_double(text) : std::nullopt;
}

const Value* Value::find(std::string_view name) const {
  if (type != Type::Map && type != Type::Array && type != Type::Attribute) return nullptr;
  for (size_t at = 0; at + 1 < elements.size(); at += 2) {
    if (elements[at].is(name)) return &elements[at + 1];
  }
  return nullptr;
}

const Value& Value::bare() const {
  const Value* value = this;
  while (value->type == Type::Attribute && !value->elements.empty()) value = &value->elements.back();
  return *value;
}

Value Value::of_error(std::string_view words) {
  Value value;
  value.type = Type::Error;
  value.text = words;
  return value;
}

}  // namespace microcloud::resp
