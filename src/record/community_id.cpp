#include "record/community_id.h"

#include <openssl/evp.h>

#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace microcloud {
namespace {

struct IcmpPair {
  uint8_t type;
  uint8_t reply;
};

// Which ICMP message answers which (Zeek's table, which the specification refers to).
constexpr IcmpPair kIcmp4[] = {{0, 8},   {8, 0},  {13, 14}, {14, 13}, {15, 16},
                               {16, 15}, {10, 9}, {9, 10},  {17, 18}, {18, 17}};
constexpr IcmpPair kIcmp6[] = {{128, 129}, {129, 128}, {133, 134}, {134, 133}, {135, 136}, {136, 135},
                               {130, 131}, {131, 130}, {144, 145}, {145, 144}, {139, 140}, {140, 139}};

struct Ports {
  uint16_t source;
  uint16_t destination;
  bool one_way;  // keeps its order
};

Ports icmp_ports(uint16_t type_code, std::span<const IcmpPair> pairs) {
  const auto type = static_cast<uint8_t>(type_code >> 8);
  const auto code = static_cast<uint8_t>(type_code & 0xff);
  for (const IcmpPair& pair : pairs) {
    if (pair.type == type) return {type, pair.reply, false};
  }
  return {type, code, true};
}

struct Digest {
  // The algorithm is fetched once: a fetch costs more than the hash.
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  Digest() {
    if (context == nullptr || EVP_DigestInit_ex(context.get(), EVP_sha1(), nullptr) != 1) throw std::bad_alloc();
  }
  void sha1(const uint8_t* bytes, size_t size, uint8_t* out) {
    EVP_DigestInit_ex(context.get(), nullptr, nullptr);
    EVP_DigestUpdate(context.get(), bytes, size);
    EVP_DigestFinal_ex(context.get(), out, nullptr);
  }
};

void write_base64(const uint8_t* bytes, char* out) {  // 20 bytes to 28 characters
  EVP_EncodeBlock(static_cast<unsigned char*>(static_cast<void*>(out)), bytes, 20);
}

uint8_t* put16(uint8_t* at, uint16_t value) {
  *at++ = static_cast<uint8_t>(value >> 8);
  *at++ = static_cast<uint8_t>(value & 0xff);
  return at;
}

}  // namespace

uint16_t community_seed(std::string_view realm) {
  if (realm.empty()) return 0;
  Digest digest;
  std::array<uint8_t, 20> hash;
  const std::vector<uint8_t> name(realm.begin(), realm.end());
  digest.sha1(name.data(), name.size(), hash.data());
  return static_cast<uint16_t>(hash[0] << 8 | hash[1]);
}

void write_community_id(const CommunityKey& key, char* out) {
  Ports ports{key.source_port, key.destination_port, false};
  bool with_ports = key.has_ports;
  if (key.icmp_type_code && (key.protocol == 1 || key.protocol == 58)) {
    ports = icmp_ports(*key.icmp_type_code, key.protocol == 1 ? std::span<const IcmpPair>(kIcmp4) : kIcmp6);
    with_ports = true;
  }
  const size_t size = key.source.version == 4 ? 4 : 16;
  const uint8_t* low = key.source.bytes.data();
  const uint8_t* high = key.destination.bytes.data();
  const int order = std::memcmp(low, high, size);
  if (!ports.one_way && (order > 0 || (order == 0 && ports.source > ports.destination))) {
    std::swap(low, high);
    std::swap(ports.source, ports.destination);
  }

  std::array<uint8_t, 2 + 32 + 2 + 4> bytes;
  uint8_t* at = put16(bytes.data(), key.seed);
  std::memcpy(at, low, size);
  std::memcpy(at + size, high, size);
  at += 2 * size;
  *at++ = key.protocol;
  *at++ = 0;
  if (with_ports) at = put16(put16(at, ports.source), ports.destination);

  static thread_local Digest digest;
  std::array<uint8_t, 20> hash;
  digest.sha1(bytes.data(), static_cast<size_t>(at - bytes.data()), hash.data());
  std::array<char, 29> text;
  write_base64(hash.data(), text.data());
  std::memcpy(out, "1:", 2);
  std::memcpy(out + 2, text.data(), 28);
}

}  // namespace microcloud
