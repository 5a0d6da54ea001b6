#include "record/json.h"

#include <array>
#include <charconv>
#include <cstring>

#include "base/printable.h"

namespace microcloud {
namespace {

constexpr char kHex[] = "0123456789abcdef";

void append_escaped(std::string& out, char character) {
  switch (character) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  const auto byte = static_cast<uint8_t>(character);
  if (byte >= 0x20 && byte != 0x7f) {
    out += character;
    return;
  }
  out += "\\u00";
  out += kHex[byte >> 4];
  out += kHex[byte & 15U];
}

template <typename Number>
void append_number(std::string& out, Number number) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  out.append(text.data(), end);
}

template <typename Address>
void append_address(std::string& out, const void* data) {
  Address address;
  std::memcpy(address.bytes.data(), data, address.bytes.size());
  std::array<char, kAddressTextSize + 2> text;
  text[0] = '"';
  char* end = write_text(text.data() + 1, address);
  *end++ = '"';
  out.append(text.data(), end);
}

void append_octets(std::string& out, Bytes octets) {
  out += "\"0x";
  for (const uint8_t octet : octets) {
    out += kHex[octet >> 4];
    out += kHex[octet & 15U];
  }
  out += '"';
}

void append_value(std::string& out, const Value& value, Scratch& scratch) {
  switch (value.kind) {
    case Value::Kind::Absent:
      out += "null";
      return;
    case Value::Kind::Unsigned:
      append_number(out, value.number);
      return;
    case Value::Kind::Signed:
      append_number(out, value.signed_number);
      return;
    case Value::Kind::Float:
      append_number(out, value.real_number);
      return;
    case Value::Kind::Boolean:
      out += value.number != 0 ? "true" : "false";
      return;
    case Value::Kind::Text:
      append_json_string(out, value.text());
      return;
    case Value::Kind::Octets:
      append_octets(out, value.octets());
      return;
    case Value::Kind::Ipv4:
      append_address<Ipv4>(out, value.data);
      return;
    case Value::Kind::Ipv6:
      append_address<Ipv6>(out, value.data);
      return;
    case Value::Kind::Mac:
      append_address<Mac>(out, value.data);
      return;
    case Value::Kind::List:
      for (size_t at = 0; at < value.size; ++at) {
        out += at == 0 ? '[' : ',';
        append_value(out, value.item(value.data, at, scratch), scratch);
      }
      out += value.size == 0 ? "[]" : "]";
      return;
  }
}

std::string prepared_name(std::string_view name) {
  return ",\"" + std::string(name) + "\":";
}

void append_fields(std::string& out, std::span<const Field> fields, const std::vector<std::string>& names,
                   const void* from) {
  Scratch scratch;
  for (size_t at = 0; at < fields.size(); ++at) {
    const Value value = fields[at].read(from, scratch);
    if (value.kind == Value::Kind::Absent) continue;
    out += names[at];
    append_value(out, value, scratch);
  }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 1) {
      append_escaped(out, text.front());
    } else if (length == 0) {
      out += "\\ufffd";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

JsonWriter::JsonWriter() {
  for (const Field& field : common_fields()) common_names_.push_back(prepared_name(field.name));
}

const JsonWriter::Prepared& JsonWriter::prepare(const RecordType& type) {
  for (const Prepared& prepared : types_) {
    if (prepared.type == &type) return prepared;
  }
  Prepared prepared{&type, "{\"record\":\"" + std::string(type.name) + '"', {}};
  for (const Field& field : type.fields) prepared.names.push_back(prepared_name(field.name));
  return types_.emplace_back(std::move(prepared));
}

void JsonWriter::append(const RecordRef& record, std::string& out) {
  const Prepared& prepared = prepare(*record.type);
  out += prepared.opening;
  append_fields(out, common_fields(), common_names_, record.common);
  append_fields(out, record.type->fields, prepared.names, record.body);
  out += "}\n";
}

}  // namespace microcloud
