// Bytes that came and are not read yet, in one piece.
#pragma once

#include <vector>

#include "base/cursor.h"

namespace microcloud::resp {

/// It grows with what comes, never with what a peer announces.
class Input {
 public:
  void append(Bytes more) {
    if (read_ > 0 && (read_ == bytes_.size() || read_ >= bytes_.size() / 2)) compact();
    bytes_.insert(bytes_.end(), more.begin(), more.end());
  }
  Bytes rest() const { return Bytes(bytes_).subspan(read_); }
  size_t size() const { return bytes_.size() - read_; }
  /// Bytes of memory.
  size_t capacity() const { return bytes_.capacity(); }
  /// The next `count` bytes are done with; no more than there are.
  void consume(size_t count) { read_ += count; }
  void clear() {
    bytes_.clear();
    read_ = 0;
  }

 private:
  static constexpr size_t kIdleCapacity = 1 << 16;
  void compact() {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(read_));
    read_ = 0;
    // A large value of long ago keeps no memory.
    if (bytes_.empty() && bytes_.capacity() > kIdleCapacity) std::vector<uint8_t>().swap(bytes_);
  }

  std::vector<uint8_t> bytes_;
  size_t read_ = 0;
};

/// The end of the line (offset of CR LF) in `bytes`, searched from `from` on; npos while it has not come.
inline constexpr size_t kNoLine = static_cast<size_t>(-1);
inline size_t find_line_end(Bytes bytes, size_t from) {
  while (from < bytes.size()) {
    const void* found = std::memchr(bytes.data() + from, '\r', bytes.size() - from);
    if (found == nullptr) return kNoLine;
    const auto at = static_cast<size_t>(static_cast<const uint8_t*>(found) - bytes.data());
    if (at + 1 == bytes.size()) return kNoLine;
    if (bytes[at + 1] == '\n') return at;
    from = at + 1;
  }
  return kNoLine;
}

inline std::string_view as_text(Bytes bytes) {
  return {static_cast<const char*>(static_cast<const void*>(bytes.data())), bytes.size()};
}

inline Bytes as_bytes(std::string_view text) {
  return {static_cast<const uint8_t*>(static_cast<const void*>(text.data())), text.size()};
}

}  // namespace microcloud::resp
