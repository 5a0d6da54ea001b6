// Fingerprints of TLS clients and servers: JA3 and JA3S (https://github.com/salesforce/ja3), JA4
// (https://github.com/FoxIO-LLC/ja4, technical_details/JA4.md).
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "protocols/wire/tls_hello.h"

namespace microcloud {

inline constexpr size_t kJa3Size = 32;
inline constexpr size_t kJa4Size = 36;

/// The text that JA3 hashes: version, ciphers, extensions, groups, point formats; without GREASE.
std::string ja3_text(const ClientHello& hello);
/// version, cipher, extensions
std::string ja3s_text(const ServerHello& hello);
/// MD5 of either, in hexadecimal.
std::array<char, kJa3Size> ja3_hash(std::string_view text);

/// What carries a hello: JA4's first character.
enum class Ja4Transport : char { Tcp = 't', Quic = 'q' };

/// JA4: t13d1516h2_8daaf6152771_e5627efa2ab1
std::array<char, kJa4Size> ja4_of(const ClientHello& hello, Ja4Transport transport = Ja4Transport::Tcp);
/// The same of one over TCP, before hashing (JA4_r): its lists in full.
std::string ja4_text(const ClientHello& hello);

/// OpenSSL reads its configuration before its first hash: a millisecond that no packet should wait for.
void prepare_fingerprints();

struct ClientFingerprints {
  std::array<char, kJa3Size> ja3;
  std::array<char, kJa4Size> ja4;
};
/// Both of a hello. Those of the programs seen of late by this thread are known: a hash costs more than all the rest.
ClientFingerprints fingerprints_of(const ClientHello& hello);
/// JA3S, in the same way.
std::array<char, kJa3Size> ja3s_of(const ServerHello& hello);

}  // namespace microcloud
