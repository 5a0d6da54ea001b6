// Memory that will be read from front to back, asked for before it is.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace microcloud {

/// Asks for what will be read soon in small steps, while something else is computed: a processor waits for a dozen
/// lines of memory at a time, and what asks for more of them at once stands still until the first have come. Addresses
/// are numbers here, as they may be of what is behind the memory's end; asking for that does nothing.
class ReadAhead {
 public:
  static constexpr size_t kNear = 16U << 10;  // 8 and 28 KiB measured the same
  static constexpr size_t kFar = 64U << 10;   // step() asks for nothing behind it

  /// Reading goes on at `at`, after `count` pieces in `bytes` were read: as much is expected next, and step() called as
  /// often before.
  void plan(const uint8_t* at, size_t bytes, size_t count) {
    const auto from = reinterpret_cast<uintptr_t>(at);
    if (asked_ < from || asked_ - from > 2 * kFar) asked_ = from;
    end_ = from + std::min(kNear + bytes, kFar);
    more_ = bytes / std::max<size_t>(count, 1) / kBlock;
  }

  /// A piece's share of what is planned.
  void step() {
    if (asked_ >= end_) return;
    ask();
    for (size_t block = 0; block < more_; ++block) ask();
  }

  /// Asks for what is within kNear of `at`, which is read next, as far as steps did not.
  void need(const uint8_t* at) {
    for (const uintptr_t to = reinterpret_cast<uintptr_t>(at) + kNear; asked_ < to;) ask();
  }

 private:
  static constexpr size_t kLine = 64;
  static constexpr size_t kBlock = 8 * kLine;

  void ask() {
    for (size_t line = 0; line < kBlock; line += kLine)
      __builtin_prefetch(reinterpret_cast<const void*>(asked_ + line), 0, 2);
    asked_ += kBlock;
  }

  uintptr_t asked_ = UINTPTR_MAX;  // all before it was asked for; before plan() was called there is nothing to ask for
  uintptr_t end_ = 0;              // of what is planned
  size_t more_ = 0;                // blocks a step, but for one
};

}  // namespace microcloud
