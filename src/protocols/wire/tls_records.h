// TLS's record layer in one direction of a TCP stream (RFC 8446, 5.1; RFC 5246, 6.2), as far as it is readable:
// handshake messages, put together from as many records and segments as they are in, and which other records there are.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/cursor.h"

namespace microcloud {

namespace tls_content {
inline constexpr uint8_t kChangeCipherSpec = 20, kAlert = 21, kHandshake = 22, kApplicationData = 23;
}

namespace tls_handshake {
inline constexpr uint8_t kClientHello = 1, kServerHello = 2, kCertificate = 11, kServerHelloDone = 14;
}

/// Do these bytes, the first of a direction, look like a record that begins with a handshake message of this kind? They
/// may be fewer than needed to know: then as far as they go.
bool looks_like_tls(Bytes bytes, uint8_t handshake_type);
inline constexpr size_t kTlsLookBytes = 6;  // with so many the answer is final

class TlsRecords {
 public:
  /// Of a longer handshake message only so much is kept: what is read stands at its beginning.
  static constexpr size_t kMaxMessage = 16384;

  struct Item {
    enum class Kind : uint8_t { More, Message, Other, Broken };
    Kind kind = Kind::More;
    uint8_t type = 0;  // of the handshake message, or of the record's content (Other)
    Bytes body;  // of the message, behind its four octets of head; valid until the next call, and as long as the bytes
                 // given
    bool whole = true;  // false: the message is longer than what is kept, or (rest()) than what came
  };

  /// What comes next, and removes it from `bytes`. More: all was read. Other: a record of another content begins.
  /// Broken: no TLS here, and nothing will be read any more.
  Item next(Bytes& bytes);
  /// A handshake message that began and has not ended, or More.
  Item rest() const;

 private:
  Item collect(Bytes& bytes);
  size_t whole_message(Bytes bytes) const;
  bool read_head(Bytes& bytes);

  std::array<uint8_t, 5> head_{};
  uint8_t head_length_ = 0;
  uint8_t content_ = 0;
  bool broken_ = false;
  bool given_ = false;        // the message at hand was given to the caller
  uint16_t record_left_ = 0;  // octets of the record at hand still to come
  uint32_t skip_ = 0;         // octets of the message at hand that are not kept, still to come
  std::vector<uint8_t> message_;
};

}  // namespace microcloud
