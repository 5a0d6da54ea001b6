#include "protocols/wire/x509_names.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "protocols/wire/ber.h"

namespace microcloud {
namespace {

constexpr size_t kMaxParts = 32;  // relative distinguished names in one name

struct AttributeType {
  std::string_view name;
  std::array<uint8_t, 10> oid;
  size_t length;
};

// RFC 4514, 3, and those that certificates of the public web have besides (RFC 4519, RFC 2985).
constexpr AttributeType kTypes[] = {
    {"CN", {0x55, 4, 3}, 3},
    {"C", {0x55, 4, 6}, 3},
    {"L", {0x55, 4, 7}, 3},
    {"ST", {0x55, 4, 8}, 3},
    {"STREET", {0x55, 4, 9}, 3},
    {"O", {0x55, 4, 10}, 3},
    {"OU", {0x55, 4, 11}, 3},
    {"SN", {0x55, 4, 4}, 3},
    {"serialNumber", {0x55, 4, 5}, 3},
    {"title", {0x55, 4, 12}, 3},
    {"givenName", {0x55, 4, 42}, 3},
    {"UID", {0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1}, 10},
    {"DC", {0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25}, 10},
    {"emailAddress", {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1}, 9},
};

void append_hex(std::string& out, uint8_t octet) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += kDigits[octet >> 4];
  out += kDigits[octet & 15];
}

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (code >> 18 & 7));
    out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

/// The value in UTF-8; false when its type is no string.
bool decode_string(const BerElement& value, std::string& out) {
  Cursor in(value.content);
  switch (value.tag) {
    case ber_tag::kUtf8String:
    case ber_tag::kPrintableString:
    case ber_tag::kIa5String:
    case ber_tag::kNumericString:
    case ber_tag::kVisibleString:
      out.append(value.content.begin(), value.content.end());
      return true;
    case ber_tag::kTeletexString:  // in practice Latin-1
      while (in.has(1)) append_utf8(out, in.u8());
      return true;
    case ber_tag::kBmpString:
      while (in.has(2)) append_utf8(out, in.u16());
      return true;
    case ber_tag::kUniversalString:
      while (in.has(4)) append_utf8(out, std::min(in.u32(), 0x10ffffU));
      return true;
    default:
      return false;
  }
}

/// RFC 4514, 2.4.
void append_escaped(std::string& out, std::string_view text) {
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const bool edge_blank = c == ' ' && (at == 0 || at + 1 == text.size());
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += '\\';
      append_hex(out, static_cast<uint8_t>(c));
      continue;
    }
    if (edge_blank || (c == '#' && at == 0) || std::string_view("\"+,;<>\\").find(c) != std::string_view::npos) {
      out += '\\';
    }
    out += c;
  }
}

void append_encoded(std::string& out, const BerElement& value) {
  out += '#';
  append_hex(out, value.tag);
  const size_t length = value.content.size();  // below 2^16, as a handshake message that is kept is
  if (length > 255) {
    append_hex(out, 0x82);
    append_hex(out, static_cast<uint8_t>(length >> 8 & 0xff));
  } else if (length > 127) {
    append_hex(out, 0x81);
  }
  append_hex(out, static_cast<uint8_t>(length & 0xff));
  for (const uint8_t octet : value.content) append_hex(out, octet);
}

bool append_attribute(std::string& out, Bytes content) {
  Cursor in(content);
  BerElement type, value;
  if (!read_ber(in, type) || type.tag != ber_tag::kOid || !read_ber(in, value) || !value.whole) return false;
  const auto* known = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const AttributeType& one) {
    return std::equal(type.content.begin(), type.content.end(), one.oid.begin(), one.oid.begin() + one.length);
  });
  std::string text;
  if (known != std::end(kTypes) && decode_string(value, text)) {
    out += std::string(known->name) + "=";
    append_escaped(out, text);
  } else {
    append_oid(out, type.content);
    out += "=";
    append_encoded(out, value);
  }
  return true;
}

/// One part of a name; it can have several attributes at once, which are written from the last one on, too.
bool read_part(Bytes content, std::string& part) {
  for (Cursor in(content); in.left() != 0;) {
    BerElement attribute;
    std::string text;
    if (!read_ber(in, attribute) || attribute.tag != ber_tag::kSequence) return false;
    if (!append_attribute(text, attribute.content)) return false;
    part = part.empty() ? text : text + "+" + part;
  }
  return true;
}

bool read_name(Cursor& in, std::string& name) {
  BerElement all;
  if (!read_ber(in, all) || all.tag != ber_tag::kSequence || !all.whole) return false;
  std::vector<std::string> parts;
  for (Cursor sets(all.content); sets.left() != 0;) {
    BerElement set;
    if (parts.size() == kMaxParts || !read_ber(sets, set) || set.tag != ber_tag::kSet) return false;
    if (!read_part(set.content, parts.emplace_back())) return false;
  }
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part != parts.rbegin()) name += ',';
    name += *part;
  }
  return true;
}

}  // namespace

bool read_x509_names(Bytes certificate, X509Names& names) {
  Cursor outer(certificate);
  BerElement element;
  if (!read_ber(outer, element) || element.tag != ber_tag::kSequence) return false;
  Cursor signed_part(element.content);
  if (!read_ber(signed_part, element) || element.tag != ber_tag::kSequence) return false;
  Cursor in(element.content);
  if (in.peek() == ber_tag::context(0) && !read_ber(in, element)) return false;   // version
  if (!read_ber(in, element) || element.tag != ber_tag::kInteger) return false;   // serial number
  if (!read_ber(in, element) || element.tag != ber_tag::kSequence) return false;  // signature algorithm
  names = {};
  if (!read_name(in, names.issuer)) return false;
  return read_ber(in, element) && element.tag == ber_tag::kSequence && read_name(in, names.subject);  // validity first
}

}  // namespace microcloud
