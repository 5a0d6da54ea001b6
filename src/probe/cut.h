// One moment in the way of records from several workers: what lies before the marks of all of them has been given to
// the outputs, what lies behind has not.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <vector>

#include "base/counter.h"

namespace microcloud {

/// Read by any thread.
struct CutCounters {
  Counter made;
  Counter given_up;    // as the workers' marks were too far apart
  Counter longest_us;  // that a ring was held
};

/// One cut at a time. A ring whose mark was met is held until the other marks are met, but no longer than kLongest:
/// then the cut is given up and all go on.
class Cuts {
 public:
  static constexpr std::chrono::milliseconds kLongest{20};
  /// `made`: false when it was given up. On the output thread, or on the asking one when no records come any more.
  using Then = std::function<void(bool made)>;

  explicit Cuts(size_t workers) : met_(workers) {}

  // Who asks.
  void open(uint64_t number, Then then);

  // The output thread.
  bool wanted() const { return wanted_.load(std::memory_order_acquire); }
  /// A mark was met in this worker's ring. True: the ring is held from now on.
  bool meet(size_t worker, uint64_t number);
  bool holds(size_t worker) const { return met_[worker]; }
  /// This worker has ended, and its ring is empty.
  void pass(size_t worker);
  /// Once in a while: gives up what takes too long.
  void look();
  /// No records come any more.
  void end();

  const CutCounters& counters() const { return counters_; }

 private:
  using Clock = std::chrono::steady_clock;
  void finish(bool made);

  std::mutex mutex_;
  std::atomic<bool> wanted_{false};
  bool ended_ = false;
  uint64_t number_ = 0;
  Then then_;
  std::vector<bool> met_;  // the output thread's own, as the rest
  size_t count_ = 0;
  Clock::time_point opened_;
  Clock::time_point held_since_;
  CutCounters counters_;
};

}  // namespace microcloud
