#include "base/keyed_hash.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "base/hmac.h"

namespace microcloud {

KeyedHash::KeyedHash() : key_(kSha256Octets, '\0') {
  if (getentropy(key_.data(), key_.size()) != 0)
    throw std::runtime_error(std::string("the system gives no random numbers: ") + std::strerror(errno));
}

KeyedHash::Digits KeyedHash::of(Bytes secret) const {
  constexpr std::string_view kHex = "0123456789abcdef";
  const Bytes key(static_cast<const uint8_t*>(static_cast<const void*>(key_.data())), key_.size());
  const auto hash = hmac_sha256(key, secret);
  Digits digits;
  for (size_t at = 0; at < kOctets; ++at) {
    digits[2 * at] = kHex[hash[at] >> 4];
    digits[2 * at + 1] = kHex[hash[at] & 15U];
  }
  return digits;
}

}  // namespace microcloud
