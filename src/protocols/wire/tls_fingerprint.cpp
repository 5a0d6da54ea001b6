#include "protocols/wire/tls_fingerprint.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <new>
#include <vector>

#include "protocols/wire/recent.h"

namespace microcloud {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr uint16_t kServerName = 0, kAlpn = 16;
constexpr size_t kHashOctets = 32;
constexpr size_t kJa4HashCharacters = 12;
constexpr std::string_view kNoValues = "000000000000";

/// The algorithms are fetched once a thread: a fetch costs more than a hash.
class Digest {
 public:
  explicit Digest(const EVP_MD* algorithm) {
    if (context_ == nullptr || EVP_DigestInit_ex(context_.get(), algorithm, nullptr) != 1) throw std::bad_alloc();
  }
  std::array<uint8_t, kHashOctets> of(std::string_view text) {
    std::array<uint8_t, kHashOctets> hash{};
    EVP_DigestInit_ex(context_.get(), nullptr, nullptr);
    EVP_DigestUpdate(context_.get(), text.data(), text.size());
    EVP_DigestFinal_ex(context_.get(), hash.data(), nullptr);
    return hash;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

void write_hex(Bytes octets, char* out) {
  for (const uint8_t octet : octets) {
    *out++ = kDigits[octet >> 4];
    *out++ = kDigits[octet & 15];
  }
}

template <typename Take>
void for_each_value(Bytes list, const Take& take) {
  for (size_t at = 0; at + 1 < list.size(); at += 2) {
    const uint16_t value = load_be16(&list[at]);
    if (!is_grease(value)) take(value);
  }
}

template <typename Take>
void for_each_type(Bytes extensions, const Take& take) {
  for_each_extension(extensions, [&](uint16_t type, Bytes) {
    if (!is_grease(type)) take(type);
  });
}

std::vector<uint16_t> without_grease(Bytes list) {
  std::vector<uint16_t> values;
  for_each_value(list, [&](uint16_t value) { values.push_back(value); });
  return values;
}

std::vector<uint16_t> extension_types(Bytes extensions) {
  std::vector<uint16_t> types;
  for_each_type(extensions, [&](uint16_t type) { types.push_back(type); });
  return types;
}

template <typename Values>
void append_decimal(std::string& out, const Values& values) {
  bool first = true;
  for (const auto value : values) {
    if (!first) out += '-';
    out += std::to_string(value);
    first = false;
  }
}

std::string hex_list(const std::vector<uint16_t>& values) {
  std::string out;
  for (const uint16_t value : values) {
    if (!out.empty()) out += ',';
    for (const int shift : {12, 8, 4, 0}) out += kDigits[value >> shift & 15];
  }
  return out;
}

std::string_view ja4_version(const ClientHello& hello) {
  const std::vector<uint16_t> offered = without_grease(hello.versions);
  switch (offered.empty() ? hello.version : *std::max_element(offered.begin(), offered.end())) {
    case 0x0304:
      return "13";
    case 0x0303:
      return "12";
    case 0x0302:
      return "11";
    case 0x0301:
      return "10";
    case 0x0300:
      return "s3";
    case 0x0002:
      return "s2";
    default:
      return "00";
  }
}

void append_count(std::string& out, size_t count) {
  count = std::min<size_t>(count, 99);
  out += static_cast<char>('0' + count / 10);
  out += static_cast<char>('0' + count % 10);
}

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

std::string_view first_alpn(Bytes alpn) {
  std::string_view name;
  bool first = true;
  for_each_alpn(alpn, [&](std::string_view one) {
    if (first) name = one;
    first = false;
  });
  return name;
}

/// First and last character of the first protocol, or of its hexadecimal form.
void append_alpn(std::string& out, Bytes alpn) {
  const std::string_view name = first_alpn(alpn);
  if (name.empty()) {
    out += "00";
  } else if (is_alphanumeric(name.front()) && is_alphanumeric(name.back())) {
    out += name.front();
    out += name.back();
  } else {
    out += kDigits[static_cast<uint8_t>(name.front()) >> 4];
    out += kDigits[static_cast<uint8_t>(name.back()) & 15];
  }
}

struct Ja4Parts {
  std::string head;
  std::string ciphers;
  std::string extensions;  // and signature algorithms
};

Ja4Parts ja4_parts(const ClientHello& hello) {
  std::vector<uint16_t> ciphers = without_grease(hello.ciphers);
  std::vector<uint16_t> extensions = extension_types(hello.extensions);
  Ja4Parts parts;
  parts.head = "t";
  parts.head += ja4_version(hello);
  parts.head += hello.has_server_name ? 'd' : 'i';
  append_count(parts.head, ciphers.size());
  append_count(parts.head, extensions.size());
  append_alpn(parts.head, hello.alpn);

  std::sort(ciphers.begin(), ciphers.end());
  std::erase_if(extensions, [](uint16_t type) { return type == kServerName || type == kAlpn; });
  std::sort(extensions.begin(), extensions.end());
  parts.ciphers = hex_list(ciphers);
  parts.extensions = hex_list(extensions);
  const std::string algorithms = hex_list(without_grease(hello.signature_algorithms));
  if (!parts.extensions.empty() && !algorithms.empty()) parts.extensions += "_" + algorithms;
  return parts;
}

/// The lists of a hello are 16-bit words; GREASE is not in any fingerprint.
void add_values(RecentKey& key, Bytes list) {
  key.add_list([&](RecentKey& into) { for_each_value(list, [&](uint16_t value) { into.add(value); }); });
}

void add_types(RecentKey& key, Bytes extensions) {
  key.add_list([&](RecentKey& into) { for_each_type(extensions, [&](uint16_t type) { into.add(type); }); });
}

/// All that JA3 and JA4 read.
RecentKey key_of(const ClientHello& hello) {
  RecentKey key;
  key.add(hello.version);
  for (const Bytes list : {hello.ciphers, hello.groups, hello.signature_algorithms, hello.versions}) {
    add_values(key, list);
  }
  add_types(key, hello.extensions);
  key.add_list([&](RecentKey& into) {
    for (const uint8_t format : hello.point_formats) into.add(format);
  });
  const std::string_view alpn = first_alpn(hello.alpn);
  const std::array<char, 2> ends{alpn.empty() ? '\0' : alpn.front(), alpn.empty() ? '\0' : alpn.back()};
  key.add_text(std::string_view(ends.data(), alpn.empty() ? 0 : ends.size()));
  key.add(hello.has_server_name ? 1 : 0);
  return key;
}

/// SHA-256, as much of it as JA4 shows. Its lists are sorted, so that they are known also of a client that shuffles its
/// extensions.
std::array<char, kJa4HashCharacters> ja4_hash(const std::string& list) {
  static thread_local Digest sha256(EVP_sha256());
  static thread_local Recent<std::array<char, kJa4HashCharacters>> recent;
  RecentKey key;
  key.add_text(list);
  return recent.get(key, [&] {
    std::array<char, kJa4HashCharacters> text;
    write_hex(Bytes(sha256.of(list)).first(kJa4HashCharacters / 2), text.data());
    return text;
  });
}

}  // namespace

void prepare_fingerprints() {
  static_cast<void>(Digest(EVP_md5()).of({}));
}

ClientFingerprints fingerprints_of(const ClientHello& hello) {
  static thread_local Recent<ClientFingerprints> recent;
  return recent.get(key_of(hello), [&] { return ClientFingerprints{ja3_hash(ja3_text(hello)), ja4_of(hello)}; });
}

std::array<char, kJa3Size> ja3s_of(const ServerHello& hello) {
  static thread_local Recent<std::array<char, kJa3Size>> recent;
  RecentKey key;
  key.add(hello.legacy_version);
  key.add(hello.cipher);
  add_types(key, hello.extensions);
  return recent.get(key, [&] { return ja3_hash(ja3s_text(hello)); });
}

std::string ja3_text(const ClientHello& hello) {
  std::string out = std::to_string(hello.version) + ",";
  append_decimal(out, without_grease(hello.ciphers));
  out += ',';
  append_decimal(out, extension_types(hello.extensions));
  out += ',';
  append_decimal(out, without_grease(hello.groups));
  out += ',';
  append_decimal(out, hello.point_formats);
  return out;
}

std::string ja3s_text(const ServerHello& hello) {
  std::string out = std::to_string(hello.legacy_version) + "," + std::to_string(hello.cipher) + ",";
  append_decimal(out, extension_types(hello.extensions));
  return out;
}

std::array<char, kJa3Size> ja3_hash(std::string_view text) {
  static thread_local Digest md5(EVP_md5());
  std::array<char, kJa3Size> hash;
  write_hex(Bytes(md5.of(text)).first(kJa3Size / 2), hash.data());
  return hash;
}

std::array<char, kJa4Size> ja4_of(const ClientHello& hello, Ja4Transport transport) {
  const Ja4Parts parts = ja4_parts(hello);
  std::array<char, kJa4Size> out;
  char* at = std::copy(parts.head.begin(), parts.head.end(), out.begin());
  out.front() = static_cast<char>(transport);
  for (const std::string& list : {parts.ciphers, parts.extensions}) {
    *at++ = '_';
    if (list.empty()) {
      at = std::copy(kNoValues.begin(), kNoValues.end(), at);
    } else {
      const auto hash = ja4_hash(list);
      at = std::copy(hash.begin(), hash.end(), at);
    }
  }
  return out;
}

std::string ja4_text(const ClientHello& hello) {
  const Ja4Parts parts = ja4_parts(hello);
  return parts.head + "_" + parts.ciphers + "_" + parts.extensions;
}

}  // namespace microcloud
