#include "probe/cut.h"

#include <algorithm>
#include <utility>

namespace microcloud {

void Cuts::open(uint64_t number, Then then) {
  {
    const std::lock_guard lock(mutex_);
    if (!ended_) {
      number_ = number;
      then_ = std::move(then);
      opened_ = Clock::now();
      wanted_.store(true, std::memory_order_release);
      return;
    }
  }
  counters_.made.add();
  then(true);
}

bool Cuts::meet(size_t worker, uint64_t number) {
  {
    const std::lock_guard lock(mutex_);
    if (!wanted() || number != number_) return false;  // of a cut that was given up
  }
  if (count_ == 0) held_since_ = Clock::now();
  if (!met_[worker]) ++count_;
  met_[worker] = true;
  if (count_ == met_.size()) finish(true);
  return met_[worker];
}

void Cuts::pass(size_t worker) {
  if (!wanted() || met_[worker]) return;
  if (count_ == 0) held_since_ = Clock::now();
  met_[worker] = true;
  if (++count_ == met_.size()) finish(true);
}

void Cuts::look() {
  if (!wanted()) return;
  constexpr std::chrono::seconds kLongestWithoutHolding{2};
  const auto now = Clock::now();
  if (count_ > 0 ? now - held_since_ > kLongest : now - opened_ > kLongestWithoutHolding) finish(false);
}

void Cuts::finish(bool made) {
  if (count_ > 0) {
    const auto held = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - held_since_).count();
    counters_.longest_us.set(std::max(counters_.longest_us.get(), static_cast<uint64_t>(held)));
  }
  (made ? counters_.made : counters_.given_up).add();
  std::fill(met_.begin(), met_.end(), false);
  count_ = 0;
  Then then;
  {
    const std::lock_guard lock(mutex_);
    then = std::exchange(then_, nullptr);
    wanted_.store(false, std::memory_order_release);
  }
  if (then) then(made);
}

void Cuts::end() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  if (wanted()) finish(true);
}

}  // namespace microcloud
