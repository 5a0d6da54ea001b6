// Counters that one thread writes and any thread may read.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace microcloud {

/// Single writer: an increment is a plain load and store, never a locked instruction.
class Counter {
 public:
  void add(uint64_t count = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  /// Whoever sees it by get_before() sees in other counters all that was added before.
  void add_after(uint64_t count) {
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_release);
  }
  void set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  uint64_t get() const { return value_.load(std::memory_order_relaxed); }
  uint64_t get_before() const { return value_.load(std::memory_order_acquire); }

 private:
  std::atomic<uint64_t> value_{0};
};

/// One counter for each value of an enumeration that ends with kCount.
template <typename Reason>
class Counters {
 public:
  static constexpr size_t kSize = static_cast<size_t>(Reason::kCount);
  void add(Reason reason, uint64_t count = 1) { counters_[static_cast<size_t>(reason)].add(count); }
  uint64_t get(Reason reason) const { return counters_[static_cast<size_t>(reason)].get(); }
  uint64_t sum() const {
    uint64_t total = 0;
    for (const Counter& counter : counters_) total += counter.get();
    return total;
  }

 private:
  std::array<Counter, kSize> counters_{};
};

}  // namespace microcloud
