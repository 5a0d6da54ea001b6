// The Internet checksum (RFC 1071).
#pragma once

#include <cstdint>
#include <cstring>

#include "base/cursor.h"

namespace microcloud {

/// The one's complement sum in the machine's byte order, not yet folded to 16 bits; `initial` continues another sum
/// (of an even number of bytes).
inline uint64_t checksum_add(Bytes bytes, uint64_t initial = 0) {
  uint64_t sum = initial;
  const uint8_t* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 4; left -= 4, at += 4) {
    uint32_t word;
    std::memcpy(&word, at, 4);
    sum += word;
  }
  if (left > 0) {
    uint32_t word = 0;
    std::memcpy(&word, at, left);
    sum += word;
  }
  return sum;
}

inline uint16_t checksum_fold(uint64_t sum) {
  sum = (sum & 0xffffffffU) + (sum >> 32);
  sum = (sum & 0xffffffffU) + (sum >> 32);
  sum = (sum & 0xffffU) + (sum >> 16);
  sum = (sum & 0xffffU) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

/// The same for the 20 bytes of an IPv4 header without options.
inline uint16_t internet_checksum(std::span<const uint8_t, 20> bytes) {
  uint64_t first, second;
  uint32_t third;
  std::memcpy(&first, &bytes[0], 8);
  std::memcpy(&second, &bytes[8], 8);
  std::memcpy(&third, &bytes[16], 4);
  return checksum_fold((first & 0xffffffffU) + (first >> 32) + (second & 0xffffffffU) + (second >> 32) + third);
}

/// Zero when `bytes`, its own checksum field included, is undamaged.
inline uint16_t internet_checksum(Bytes bytes) {
  return checksum_fold(checksum_add(bytes));
}

}  // namespace microcloud
