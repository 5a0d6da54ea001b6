// Memory for small things that come and go with flows, by the thousand at once: more than malloc keeps ready.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>

#if defined(__SANITIZE_ADDRESS__)
#define MICROCLOUD_POOL_IS_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MICROCLOUD_POOL_IS_MALLOC 1
#endif
#endif

namespace microcloud {

/// Of each thread: blocks that were given back wait, by size, for the next that asks, for as long as the process lives:
/// it keeps as much as was ever needed at once. Blocks may be given back on another thread than the one that took them.
/// Under AddressSanitizer all of it is malloc's, so that it sees who uses what is gone.
class Pool {
 public:
  static constexpr size_t kLargest = 4096;  // bytes; more is malloc's

  /// Throws std::bad_alloc.
  static void* take(size_t size) {
    if (is_malloc(size)) return ::operator new(size);
    Block*& first = free_[place(size)];
    if (first == nullptr) [[unlikely]] {
      first = more(place(size) * kStep);
    }
    Block* const block = first;
    first = block->next;
    return block;
  }
  /// `size`: as it was taken.
  static void give(void* at, size_t size) noexcept {
    if (is_malloc(size)) {
      ::operator delete(at);
      return;
    }
    Block*& first = free_[place(size)];
    first = ::new (at) Block{first};
  }

 private:
  struct Block {
    Block* next;
  };
  static constexpr size_t kStep = 64;
  static constexpr size_t kPiece = 32U << 10;  // what is taken from malloc at once

  static bool is_malloc(size_t size) {
#ifdef MICROCLOUD_POOL_IS_MALLOC
    return true;
#endif
    return size - 1 >= kLargest;  // or nothing
  }
  static size_t place(size_t size) { return (size + kStep - 1) / kStep; }
  static Block* more(size_t size) {
    auto* const piece = static_cast<uint8_t*>(::operator new(kPiece));
    Block* first = nullptr;
    for (size_t at = kPiece / size; at-- > 0;) first = ::new (piece + at * size) Block{first};
    return first;
  }

  static inline thread_local std::array<Block*, kLargest / kStep + 1> free_{};
};

/// A base of classes whose objects come from the pool.
class Pooled {
 public:
  static void* operator new(size_t size) { return Pool::take(size); }
  static void* operator new(size_t, void* at) noexcept { return at; }
  static void operator delete(void* at, size_t size) noexcept { Pool::give(at, size); }
};

/// For containers.
template <typename Value>
struct PoolAllocator {
  using value_type = Value;
  PoolAllocator() = default;
  template <typename Other>
  PoolAllocator(const PoolAllocator<Other>&) noexcept {}  // NOLINT(google-explicit-constructor): as containers need it
  static_assert(alignof(Value) <= alignof(std::max_align_t));
  Value* allocate(size_t count) { return static_cast<Value*>(Pool::take(count * sizeof(Value))); }
  void deallocate(Value* at, size_t count) noexcept { Pool::give(at, count * sizeof(Value)); }
  friend bool operator==(const PoolAllocator&, const PoolAllocator&) { return true; }
};

using PoolString = std::basic_string<char, std::char_traits<char>, PoolAllocator<char>>;

}  // namespace microcloud
