// Writes TLS records and handshake messages for tests.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cursor.h"
#include "protocols/wire/octets_test.h"

namespace microcloud {

inline Octets8 words(const std::vector<uint16_t>& values) {
  Octets8 out;
  for (const uint16_t value : values)
    append(out, Octets8{static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)});
  return out;
}
/// `content` with its length before it, in `octets_of_length` octets.
inline Octets8 with_length(Bytes content, unsigned octets_of_length) {
  Octets8 out;
  for (unsigned at = octets_of_length; at-- > 0;) out.push_back(static_cast<uint8_t>(content.size() >> (8 * at)));
  append(out, content);
  return out;
}

inline Octets8 tls_record(uint8_t content, Bytes body) {
  Octets8 out{content, 3, 3};
  append(out, with_length(body, 2));
  return out;
}
inline Octets8 tls_message(uint8_t type, Bytes body) {
  Octets8 out{type};
  append(out, with_length(body, 3));
  return out;
}

/// What a hello holds, and its bytes.
struct HelloBytes {
  explicit HelloBytes(std::vector<uint16_t> ciphers_, uint16_t version_ = 0x0303)
      : version(version_), ciphers(std::move(ciphers_)) {}

  uint16_t version;
  std::vector<uint16_t> ciphers;
  Octets8 extensions;
  bool has_extensions = false;

  HelloBytes& extension(uint16_t type, Bytes content = {}) {
    append(extensions, words({type}));
    append(extensions, with_length(content, 2));
    has_extensions = true;
    return *this;
  }
  HelloBytes& server_name(std::string_view name) {
    Octets8 entry{0};
    append(entry, with_length(octets(name), 2));
    return extension(0, with_length(entry, 2));
  }
  HelloBytes& alpn(std::initializer_list<std::string_view> names) {
    Octets8 list;
    for (const std::string_view name : names) append(list, with_length(octets(name), 1));
    return extension(16, with_length(list, 2));
  }
  HelloBytes& groups(const std::vector<uint16_t>& list) { return extension(10, with_length(words(list), 2)); }
  HelloBytes& point_formats(const Octets8& list) { return extension(11, with_length(list, 1)); }
  HelloBytes& algorithms(const std::vector<uint16_t>& list) { return extension(13, with_length(words(list), 2)); }
  HelloBytes& versions(const std::vector<uint16_t>& list) { return extension(43, with_length(words(list), 1)); }

  /// The body of a ClientHello.
  Octets8 client() const {
    Octets8 out = words({version});
    out.insert(out.end(), 32, 0x55);
    append(out, with_length(Octets8(32, 0x77), 1));
    append(out, with_length(words(ciphers), 2));
    append(out, Octets8{1, 0});
    if (has_extensions) append(out, with_length(extensions, 2));
    return out;
  }
  /// The body of a ServerHello that chose the first cipher.
  Octets8 server() const {
    Octets8 out = words({version});
    out.insert(out.end(), 32, 0x66);
    append(out, with_length(Octets8(32, 0x77), 1));
    append(out, words({ciphers.front()}));
    out.push_back(0);
    if (has_extensions) append(out, with_length(extensions, 2));
    return out;
  }
};

}  // namespace microcloud
