#include "protocols/wire/tls_hello.h"

#include <algorithm>

#include "protocols/wire/tls_records.h"

namespace microcloud {
namespace {

namespace extension {
constexpr uint16_t kServerName = 0, kGroups = 10, kPointFormats = 11, kSignatureAlgorithms = 13, kAlpn = 16,
                   kVersions = 43;
}

constexpr size_t kRandomOctets = 32;
constexpr uint8_t kHostName = 0;
constexpr uint16_t kDraft = 0x7f00;  // TLS 1.3 before it was one: 0x7f00 + number of the draft
constexpr uint16_t kLastShortDraft = kDraft + 21;

/// A list with its length before it: as many octets as there are, and whether those are all.
Bytes as_much_as_is_there(Cursor& in, bool& whole) {
  const size_t length = in.u16();
  if (!in.ok() || length > in.left()) whole = false;
  return in.bytes(std::min(length, in.left()));
}

Bytes list16(Bytes content) {
  Cursor in(content);
  return in.bytes(in.u16());
}

Bytes list8(Bytes content) {
  Cursor in(content);
  return in.bytes(in.u8());
}

std::optional<std::string_view> host_name(Bytes content) {
  for (Cursor in(list16(content)); in.left() != 0;) {
    const uint8_t type = in.u8();
    const Bytes name = in.bytes(in.u16());
    if (!in.ok()) break;
    if (type == kHostName) {
      return text_of(name);
    }
  }
  return std::nullopt;
}

void take_client_extension(ClientHello& hello, uint16_t type, Bytes content) {
  switch (type) {
    case extension::kServerName:
      hello.has_server_name = true;
      if (!hello.server_name) hello.server_name = host_name(content);
      return;
    case extension::kGroups:
      hello.groups = list16(content);
      return;
    case extension::kPointFormats:
      hello.point_formats = list8(content);
      return;
    case extension::kSignatureAlgorithms:
      hello.signature_algorithms = list16(content);
      return;
    case extension::kAlpn:
      hello.alpn = list16(content);
      return;
    case extension::kVersions:
      hello.versions = list8(content);
      return;
    default:
      return;
  }
}

}  // namespace

bool read_client_hello(Bytes body, ClientHello& hello) {
  Cursor in(body);
  hello = {};
  hello.version = in.u16();
  in.skip(kRandomOctets);
  in.skip(in.u8());  // session
  hello.ciphers = in.bytes(in.u16());
  if (!in.ok()) return false;
  in.skip(in.u8());  // compression methods
  hello.whole = in.ok();
  if (in.left() == 0) return true;
  hello.extensions = as_much_as_is_there(in, hello.whole);
  if (!for_each_extension(hello.extensions,
                          [&](uint16_t type, Bytes content) { take_client_extension(hello, type, content); })) {
    hello.whole = false;
  }
  return true;
}

bool read_server_hello(Bytes body, ServerHello& hello) {
  Cursor in(body);
  hello = {};
  hello.legacy_version = hello.version = in.u16();
  const bool short_form = hello.version > kDraft && hello.version <= kLastShortDraft;
  in.skip(kRandomOctets);
  if (!short_form) in.skip(in.u8());  // session
  hello.cipher = in.u16();
  if (!in.ok()) return false;
  if (!short_form) in.skip(1);  // compression method
  hello.whole = in.ok();
  if (in.left() == 0) return true;
  hello.extensions = as_much_as_is_there(in, hello.whole);
  if (!for_each_extension(hello.extensions, [&](uint16_t type, Bytes content) {
        if (type == extension::kVersions && content.size() == 2) hello.version = load_be16(content.data());
      })) {
    hello.whole = false;
  }
  return true;
}

bool begins_with_client_hello(Bytes bytes) {
  constexpr uint16_t kMaxRecord = 1U << 14;
  constexpr uint8_t kMaxSession = 32;
  if (bytes.empty() || bytes[0] != tls_content::kHandshake) return false;  // most often
  Cursor in(bytes);
  in.skip(1);
  const uint16_t record_version = in.u16();
  const uint16_t record = in.u16();
  const uint8_t type = in.u8();
  const uint32_t length = in.u24();
  if (type != tls_handshake::kClientHello || record > kMaxRecord || record != length + 4) return false;

  const bool all = in.left() >= length;
  Cursor hello(in.bytes(std::min<size_t>(in.left(), length)));
  const uint16_t version = hello.u16();
  hello.skip(kRandomOctets);
  const uint8_t session = hello.u8();
  hello.skip(session);
  const uint16_t ciphers = hello.u16();
  hello.skip(ciphers);
  const bool versions =
      record_version >> 8 == 3 && (record_version & 0xff) <= 4 && version >> 8 == 3 && (version & 0xff) <= 4;
  if (!hello.ok() || !versions || session > kMaxSession || ciphers == 0 || ciphers % 2 != 0) return false;

  const uint8_t methods = hello.u8();
  hello.skip(methods);
  if (hello.ok() && methods == 0) return false;
  const size_t before = 2U + kRandomOctets + 1U + session + 2U + ciphers + 1U + methods;
  if (before >= length) return before == length && hello.ok();  // without extensions, as TLS 1.0 may
  const uint16_t extensions = hello.u16();
  return hello.ok() ? before + 2U + extensions == length : !all;
}

Bytes first_certificate(Bytes body) {
  Cursor in(body);
  in.skip(3);  // length of all
  const size_t length = in.u24();
  return in.bytes(std::min(length, in.left()));
}

}  // namespace microcloud
