// How values of fixed size stand in a data record: big-endian, at the size of their type (RFC 7011, 6.1; RFC 3954, 8).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/address.h"
#include "record/value.h"

namespace microcloud {

/// Stands for the size of what has none of its own: text, lists.
inline constexpr uint16_t kVariableSize = 0xffff;

template <typename Number>
char* put_number(char* out, Number number) {
  if constexpr (sizeof(Number) == 2) number = __builtin_bswap16(number);
  if constexpr (sizeof(Number) == 4) number = __builtin_bswap32(number);
  if constexpr (sizeof(Number) == 8) number = __builtin_bswap64(number);
  static_assert(std::endian::native == std::endian::little);
  std::memcpy(out, &number, sizeof number);
  return out + sizeof number;
}

inline char* put_bytes(char* out, const void* from, size_t size) {
  std::memcpy(out, from, size);
  return out + size;
}

/// A text's or list's length before it (RFC 7011, 7).
inline char* put_length(char* out, size_t length) {
  if (length < 255) return put_number(out, static_cast<uint8_t>(length));
  out = put_number(out, uint8_t{255});
  return put_number(out, static_cast<uint16_t>(length));
}

/// A type's size on the wire, and put(): writes at `out` and returns the end; `out` itself where there is no value.
template <typename T>
struct WireOf {
  static constexpr uint16_t kSize = kVariableSize;
};

template <typename Number>
struct UnsignedWireOf {
  static constexpr uint16_t kSize = sizeof(Number);
  static char* put(char* out, Number from) { return put_number(out, from); }
};
template <>
struct WireOf<uint8_t> : UnsignedWireOf<uint8_t> {};
template <>
struct WireOf<uint16_t> : UnsignedWireOf<uint16_t> {};
template <>
struct WireOf<uint32_t> : UnsignedWireOf<uint32_t> {};
template <>
struct WireOf<uint64_t> : UnsignedWireOf<uint64_t> {};

template <>
struct WireOf<int32_t> {
  static constexpr uint16_t kSize = 4;
  static char* put(char* out, int32_t from) { return put_number(out, static_cast<uint32_t>(from)); }
};
template <>
struct WireOf<double> {  // IEEE 754 (RFC 7011, 6.1.7)
  static constexpr uint16_t kSize = 8;
  static char* put(char* out, double from) { return put_number(out, std::bit_cast<uint64_t>(from)); }
};

template <>
struct WireOf<bool> {  // 1 is true, 2 is false
  static constexpr uint16_t kSize = 1;
  static char* put(char* out, bool from) { return put_number(out, static_cast<uint8_t>(from ? 1 : 2)); }
};
template <>
struct WireOf<Milliseconds> {
  static constexpr uint16_t kSize = 8;
  static char* put(char* out, Milliseconds from) { return put_number(out, static_cast<uint64_t>(from.value)); }
};

template <typename T>
struct BytesWireOf {
  static constexpr uint16_t kSize = sizeof(T::bytes);
  static char* put(char* out, const T& from) { return put_bytes(out, from.bytes.data(), kSize); }
};
template <>
struct WireOf<Mac> : BytesWireOf<Mac> {};
template <>
struct WireOf<Ipv4> : BytesWireOf<Ipv4> {};
template <>
struct WireOf<Ipv6> : BytesWireOf<Ipv6> {};
template <size_t Size>
struct WireOf<Octets<Size>> : BytesWireOf<Octets<Size>> {};

template <typename T>
struct WireOf<std::optional<T>> {
  static constexpr uint16_t kSize = WireOf<T>::kSize;
  static char* put(char* out, const std::optional<T>& from) { return from ? WireOf<T>::put(out, *from) : out; }
};

}  // namespace microcloud
