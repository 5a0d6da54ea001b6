// Integers in capture files stand in the byte order of the machine that wrote them.
#pragma once

#include <cstdint>
#include <cstring>

namespace microcloud {

template <typename Value>
Value load_host(const uint8_t* from) {
  Value value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// `swapped`: written in the other byte order than this machine's.
inline uint16_t load16(const uint8_t* from, bool swapped) {
  const auto value = load_host<uint16_t>(from);
  return swapped ? __builtin_bswap16(value) : value;
}

inline uint32_t load32(const uint8_t* from, bool swapped) {
  const auto value = load_host<uint32_t>(from);
  return swapped ? __builtin_bswap32(value) : value;
}

inline uint64_t load64(const uint8_t* from, bool swapped) {
  const auto value = load_host<uint64_t>(from);
  return swapped ? __builtin_bswap64(value) : value;
}

}  // namespace microcloud
