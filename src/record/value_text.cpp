#include "record/value_text.h"

#include <array>
#include <charconv>
#include <cstring>

namespace microcloud {
namespace {

template <typename Address>
void append_address(std::string& out, const void* data) {
  Address address;
  std::memcpy(address.bytes.data(), data, address.bytes.size());
  std::array<char, kAddressTextSize> text;
  out.append(text.data(), write_text(text.data(), address));
}

void append_octets(std::string& out, Bytes octets) {
  constexpr char kHex[] = "0123456789abcdef";
  out += "0x";
  for (const uint8_t octet : octets) {
    out += kHex[octet >> 4];
    out += kHex[octet & 15U];
  }
}

}  // namespace

void append_text(std::string& out, const Value& value, Scratch& scratch) {
  switch (value.kind) {
    case Value::Kind::Absent:
      return;
    case Value::Kind::Unsigned:
      out += std::to_string(value.number);
      return;
    case Value::Kind::Signed:
      out += std::to_string(value.signed_number);
      return;
    case Value::Kind::Float: {
      std::array<char, 32> text;
      out.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), value.real_number).ptr);
      return;
    }
    case Value::Kind::Boolean:
      out += value.number != 0 ? "true" : "false";
      return;
    case Value::Kind::Text:
      out += value.text();
      return;
    case Value::Kind::Octets:
      return append_octets(out, value.octets());
    case Value::Kind::Ipv4:
      return append_address<Ipv4>(out, value.data);
    case Value::Kind::Ipv6:
      return append_address<Ipv6>(out, value.data);
    case Value::Kind::Mac:
      return append_address<Mac>(out, value.data);
    case Value::Kind::List:
      for (size_t at = 0; at < value.size; ++at) {
        if (at > 0) out += ',';
        append_text(out, value.item(value.data, at, scratch), scratch);
      }
      return;
  }
}

}  // namespace microcloud
