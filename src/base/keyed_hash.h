// What stands for a secret that may not be told: equal secrets look equal, and who has not the key can try no words.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/cursor.h"

namespace microcloud {

/// HMAC-SHA256 (RFC 2104) under a key of any length, of it the first 16 octets (RFC 2104, section 5). May be used by
/// several threads at once.
class KeyedHash {
 public:
  static constexpr size_t kOctets = 16;
  using Digits = std::array<char, 2 * kOctets>;  // hexadecimal, lower case

  /// A key of its own, drawn at random: nobody has it.
  KeyedHash();
  explicit KeyedHash(std::string_view key) : key_(key) {}

  Digits of(Bytes secret) const;

 private:
  std::string key_;
};

}  // namespace microcloud
