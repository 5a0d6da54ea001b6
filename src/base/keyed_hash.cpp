#include "base/keyed_hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <new>
#include <stdexcept>

namespace microcloud {

KeyedHash::KeyedHash() {
  std::array<unsigned char, 32> drawn;
  if (RAND_bytes(drawn.data(), static_cast<int>(drawn.size())) != 1)
    throw std::runtime_error("the system gives no random numbers");
  key_.assign(drawn.begin(), drawn.end());
}

KeyedHash::Digits KeyedHash::of(Bytes secret) const {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  if (HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), secret.data(), secret.size(), hash.data(),
           nullptr) == nullptr)
    throw std::bad_alloc();
  Digits digits;
  for (size_t at = 0; at < kOctets; ++at) {
    digits[2 * at] = kHex[hash[at] >> 4];
    digits[2 * at + 1] = kHex[hash[at] & 15U];
  }
  return digits;
}

}  // namespace microcloud
