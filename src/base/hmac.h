// HMAC-SHA256 (RFC 2104, RFC 6234).
#pragma once

#include <array>
#include <cstdint>

#include "base/cursor.h"

namespace microcloud {

inline constexpr size_t kSha256Octets = 32;

/// The first call of the program takes a millisecond, as OpenSSL reads its configuration; the first of each thread,
/// which may throw std::bad_alloc, longer than others.
std::array<uint8_t, kSha256Octets> hmac_sha256(Bytes key, Bytes data);

}  // namespace microcloud
