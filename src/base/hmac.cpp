#include "base/hmac.h"

#include <openssl/evp.h>

#include <memory>
#include <new>

namespace microcloud {
namespace {

using Hash = std::array<uint8_t, kSha256Octets>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
constexpr size_t kBlockOctets = 64;

/// Of two parts. The algorithm is fetched once a thread: a fetch costs more than a hash.
Hash sha256(Bytes first, Bytes second) {
  static thread_local const Context context = [] {
    Context made{EVP_MD_CTX_new(), EVP_MD_CTX_free};
    if (made == nullptr || EVP_DigestInit_ex(made.get(), EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
    return made;
  }();
  Hash hash;
  EVP_DigestInit_ex(context.get(), nullptr, nullptr);
  EVP_DigestUpdate(context.get(), first.data(), first.size());
  EVP_DigestUpdate(context.get(), second.data(), second.size());
  EVP_DigestFinal_ex(context.get(), hash.data(), nullptr);
  return hash;
}

}  // namespace

std::array<uint8_t, kSha256Octets> hmac_sha256(Bytes key, Bytes data) {
  Hash shorter;
  if (key.size() > kBlockOctets) {
    shorter = sha256(key, {});
    key = shorter;
  }
  std::array<uint8_t, kBlockOctets> inner, outer;
  inner.fill(0x36);
  outer.fill(0x5c);
  for (size_t at = 0; at < key.size(); ++at) {
    inner[at] = static_cast<uint8_t>(inner[at] ^ key[at]);
    outer[at] = static_cast<uint8_t>(outer[at] ^ key[at]);
  }
  return sha256(outer, sha256(inner, data));
}

}  // namespace microcloud
