// The only way to bytes that came from outside: reads in network byte order that latch on the first overrun.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace microcloud {

static_assert(std::endian::native == std::endian::little,
              "loads in network byte order swap, key words are laid out so");

using Bytes = std::span<const uint8_t>;

/// In the machine's byte order, from any address.
template <typename Word>
Word load_raw(const uint8_t* p) {
  Word value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

inline uint16_t load_be16(const uint8_t* p) {
  return static_cast<uint16_t>(p[0] << 8 | p[1]);
}

inline uint32_t load_be32(const uint8_t* p) {
  uint32_t value;
  std::memcpy(&value, p, sizeof value);
  return __builtin_bswap32(value);
}

inline uint64_t load_be64(const uint8_t* p) {
  uint64_t value;
  std::memcpy(&value, p, sizeof value);
  return __builtin_bswap64(value);
}

/// A read past the end yields zero, empties the cursor for good and makes ok() false: read straight through, ask once.
class Cursor {
 public:
  Cursor() = default;
  explicit Cursor(Bytes bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool ok() const { return !failed_; }
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  bool has(size_t count) const { return left() >= count; }
  /// What has not been read yet; empty once latched.
  Bytes rest() const { return {at_, end_}; }

  uint8_t u8() { return take(1) ? at_[-1] : uint8_t{0}; }
  uint16_t u16() { return take(2) ? load_be16(at_ - 2) : uint16_t{0}; }
  uint32_t u24() { return take(3) ? static_cast<uint32_t>(at_[-3]) << 16 | load_be16(at_ - 2) : 0U; }
  uint32_t u32() { return take(4) ? load_be32(at_ - 4) : 0U; }
  uint64_t u64() { return take(8) ? load_be64(at_ - 8) : 0U; }

  /// The next `count` bytes, or an empty span (and a latched cursor).
  Bytes bytes(size_t count) { return take(count) ? Bytes{at_ - count, count} : Bytes{}; }
  bool skip(size_t count) { return take(count); }

  /// A look ahead, without moving: the byte `offset` from here, or zero (does not latch).
  uint8_t peek(size_t offset = 0) const { return offset < left() ? at_[offset] : uint8_t{0}; }

  /// Forgets all but the next `count` bytes (padding behind a packet); no effect when there are fewer.
  void keep(size_t count) {
    if (count < left()) end_ = at_ + count;
  }

 private:
  bool take(size_t count) {
    if (left() < count) [[unlikely]] {
      failed_ = true;
      at_ = end_;
      return false;
    }
    at_ += count;
    return true;
  }

  const uint8_t* at_ = nullptr;
  const uint8_t* end_ = nullptr;
  bool failed_ = false;
};

}  // namespace microcloud
