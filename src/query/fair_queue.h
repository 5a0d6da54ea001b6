// What clients wait for: one client after the other has its turn, however much one of them asks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <utility>

namespace microcloud {

template <class T>
class FairQueue {
 public:
  bool empty() const { return waiting_.empty(); }
  void push(uint64_t client, T one) { waiting_[client].push_back(std::move(one)); }

  /// What is next; there is something.
  T& front() { return turn()->second.front(); }
  T pop() {
    const auto at = turn();
    T one = std::move(at->second.front());
    at->second.pop_front();
    last_ = at->first;
    if (at->second.empty()) waiting_.erase(at);
    return one;
  }

  /// Calls take(one) for what is first of each client as long as fits(one), at most so many times each.
  template <class Fits, class Take>
  void take(size_t most_each, const Fits& fits, const Take& take) {
    for (auto at = waiting_.begin(); at != waiting_.end();) {
      std::deque<T>& of_client = at->second;
      for (size_t count = 0; count < most_each && !of_client.empty() && fits(of_client.front()); ++count) {
        take(std::move(of_client.front()));
        of_client.pop_front();
      }
      at = of_client.empty() ? waiting_.erase(at) : std::next(at);
    }
  }
  void clear() { waiting_.clear(); }

 private:
  using Waiting = std::map<uint64_t, std::deque<T>>;
  typename Waiting::iterator turn() {
    const auto next = waiting_.upper_bound(last_);
    return next == waiting_.end() ? waiting_.begin() : next;
  }

  Waiting waiting_;  // by client; none without anything
  uint64_t last_ = 0;
};

}  // namespace microcloud
