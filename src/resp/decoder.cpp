#include "resp/decoder.h"

#include <algorithm>

namespace microcloud::resp {
namespace {

bool is_big_number(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

void set_text(Value& value, Type type, std::string_view text) {
  value.type = type;
  value.text = text;
}

}  // namespace

void Decoder::feed(Bytes bytes) {
  if (wrong_ == nullptr) input_.append(bytes);
}

void Decoder::reset() {
  const DecoderLimits limits = limits_;
  *this = Decoder(limits);
}

Progress Decoder::malformed(const char* what) {
  wrong_ = what;
  input_.clear();
  open_.clear();
  return Progress::Malformed;
}

void Decoder::consume(size_t count) {
  input_.consume(count);
  taken_ += count;
}

Progress Decoder::next(Value& value) {
  if (wrong_ != nullptr) return Progress::Malformed;
  for (;;) {
    value = Value();
    const size_t depth = open_.size();
    const Progress progress = element(value);
    if (progress != Progress::Done) return progress;
    if (open_.size() > depth) continue;  // an aggregate began
    close(value);
    if (!open_.empty()) continue;
    elements_ = taken_ = 0;
    return Progress::Done;
  }
}

/// `value` is complete: it goes into the aggregate that it belongs to, which may be complete with it, and so on.
void Decoder::close(Value& value) {
  while (!open_.empty()) {
    Open& around = open_.back();
    around.value.elements.push_back(std::move(value));
    if (--around.left > 0) return;
    value = std::move(around.value);
    open_.pop_back();
  }
}

Progress Decoder::element(Value& value) {
  if (in_bulk_) return bulk(value);
  const size_t end = find_line_end(input_.rest(), scanned_);
  // Without its end it may have come up to the CR.
  if (end == kNoLine ? input_.size() > limits_.line + 1 : end > limits_.line) return malformed("a line is too long");
  if (end == kNoLine) {
    scanned_ = input_.size() > 0 ? input_.size() - 1 : 0;
    return Progress::More;
  }
  Cursor in(input_.rest());
  const char kind = static_cast<char>(in.u8());
  if (end == 0) return malformed("a line is empty");
  const std::string_view text = as_text(in.bytes(end - 1));
  if (taken_ + end + 2 > limits_.total) return malformed("a value is too large");
  scanned_ = 0;
  // What line() keeps of the text it copies; consuming moves no bytes.
  consume(end + 2);
  return line(value, kind, text);
}

Progress Decoder::line(Value& value, char kind, std::string_view text) {
  switch (kind) {
    case '+':
      set_text(value, Type::Simple, text);
      return Progress::Done;
    case '-':
      set_text(value, Type::Error, text);
      return Progress::Done;
    case ':': {
      const auto number = parse_integer(text);
      if (!number) return malformed("an integer is none");
      value.type = Type::Integer;
      value.integer = *number;
      return Progress::Done;
    }
    case ',': {
      const auto number = parse_double(text);
      if (!number) return malformed("a double is none");
      value.type = Type::Double;
      value.number = *number;
      return Progress::Done;
    }
    case '#':
      if (text != "t" && text != "f") return malformed("a boolean is neither t nor f");
      value.type = Type::Boolean;
      value.integer = text == "t" ? 1 : 0;
      return Progress::Done;
    case '_':
      return text.empty() ? Progress::Done : malformed("a null holds something");
    case '(':
      if (!is_big_number(text)) return malformed("a big number is none");
      set_text(value, Type::BigNumber, text);
      return Progress::Done;
    case '$':
    case '!':
    case '=':
      bulk_kind_ = kind;
      return start_bulk(value, text);
    case '*':
      return open(value, Type::Array, text);
    case '%':
      return open(value, Type::Map, text);
    case '~':
      return open(value, Type::Set, text);
    case '>':
      return open(value, Type::Push, text);
    case '|':
      return open(value, Type::Attribute, text);
    default:
      return malformed("a value begins with a byte that names no type");
  }
}

Progress Decoder::open(Value& value, Type type, std::string_view count) {
  const auto number = parse_integer(count);
  if (number == -1 && type == Type::Array) return Progress::Done;  // RESP2's null array
  if (!number || *number < 0) return malformed("an aggregate's size is no number");
  if (static_cast<uint64_t>(*number) > limits_.elements) return malformed("an aggregate is too large");
  auto left = static_cast<size_t>(*number);
  if (type == Type::Map || type == Type::Attribute) left *= 2;
  if (type == Type::Attribute) ++left;
  if (left > limits_.elements - std::min(limits_.elements, elements_)) return malformed("an aggregate is too large");
  elements_ += left;
  if (open_.size() >= limits_.depth) return malformed("aggregates are too deep");
  value.type = type;
  if (left == 0) return Progress::Done;
  open_.push_back({std::move(value), left});
  return Progress::Done;
}

Progress Decoder::start_bulk(Value& value, std::string_view length) {
  const auto number = parse_integer(length);
  if (number == -1 && bulk_kind_ == '$') return Progress::Done;  // RESP2's null
  if (!number || *number < 0) return malformed("a bulk string's length is no number");
  if (static_cast<uint64_t>(*number) > limits_.bulk) return malformed("a bulk string is too long");
  bulk_size_ = static_cast<size_t>(*number);
  if (taken_ + bulk_size_ + 2 > limits_.total) return malformed("a value is too large");
  in_bulk_ = true;
  return bulk(value);
}

Progress Decoder::bulk(Value& value) {
  Cursor in(input_.rest());
  if (!in.has(bulk_size_ + 2)) return Progress::More;
  std::string_view text = as_text(in.bytes(bulk_size_));
  if (in.u8() != '\r' || in.u8() != '\n') return malformed("a bulk string does not end where it should");
  if (bulk_kind_ == '=') {
    if (text.size() < 4 || text[3] != ':') return malformed("a verbatim string has no format");
    std::copy_n(text.begin(), 3, value.format.begin());
    text.remove_prefix(4);
  }
  set_text(value, bulk_kind_ == '$' ? Type::Bulk : bulk_kind_ == '!' ? Type::Error : Type::Verbatim, text);
  in_bulk_ = false;
  consume(bulk_size_ + 2);
  return Progress::Done;
}

}  // namespace microcloud::resp
