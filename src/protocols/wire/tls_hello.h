// The hellos with which a TLS handshake begins (RFC 8446, 4.1; RFC 5246, 7.4.1), and the certificate behind them: what
// is read refers to the message's bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/cursor.h"
#include "protocols/wire/text_words.h"

namespace microcloud {

/// GREASE (RFC 8701): values that clients send to keep servers tolerant, and that mean nothing.
constexpr bool is_grease(uint16_t value) {
  return (value & 0x0f0f) == 0x0a0a && (value >> 8) == (value & 0xff);
}

struct ClientHello {
  uint16_t version = 0;  // legacy_version
  Bytes ciphers;         // two octets each
  Bytes extensions;      // whole, as they stand in the message
  std::optional<std::string_view> server_name;
  bool has_server_name = false;  // the extension is there, whatever is in it
  Bytes alpn;                    // names, each with its octet of length
  Bytes versions;                // of supported_versions
  Bytes groups;
  Bytes point_formats;  // one octet each
  Bytes signature_algorithms;
  bool whole = false;  // read to its end
};

struct ServerHello {
  uint16_t legacy_version = 0;
  uint16_t version = 0;  // of supported_versions where it is there
  uint16_t cipher = 0;
  Bytes extensions;
  bool whole = false;
};

/// False when not even the lists of ciphers are there. A message that is cut behind them gives what it has.
bool read_client_hello(Bytes body, ClientHello& hello);
/// False when the cipher is not there. A HelloRetryRequest is read the same.
bool read_server_hello(Bytes body, ServerHello& hello);
/// The first certificate of a Certificate message up to TLS 1.2 (that of TLS 1.3 is encrypted), as much as is there;
/// empty: none.
Bytes first_certificate(Bytes body);

/// Do these bytes begin with a record that holds a ClientHello and nothing else, all of whose lengths agree as far as
/// they are there? They must reach behind the ciphers. So much is no chance hit in other data.
bool begins_with_client_hello(Bytes bytes);

/// Calls `take(name)` for each name of ClientHello::alpn.
template <typename Take>
void for_each_alpn(Bytes alpn, Take take) {
  for (Cursor in(alpn); in.left() != 0;) {
    const Bytes name = in.bytes(in.u8());
    if (!in.ok()) return;
    take(text_of(name));
  }
}

/// Calls `take(type, content)` for each extension; false when the last one is cut.
template <typename Take>
bool for_each_extension(Bytes extensions, Take take) {
  constexpr size_t kHead = 4;  // type and length
  size_t at = 0;
  while (extensions.size() - at >= kHead) {
    const uint16_t type = load_be16(&extensions[at]);
    const uint16_t length = load_be16(&extensions[at + 2]);
    at += kHead;
    if (length > extensions.size() - at) return false;
    take(type, extensions.subspan(at, length));
    at += length;
  }
  return at == extensions.size();
}

}  // namespace microcloud
