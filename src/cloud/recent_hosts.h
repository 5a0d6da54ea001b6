// Something about hosts, bounded: of those that were told of first the oldest go.
#pragma once

#include <deque>
#include <unordered_map>

#include "cloud/address_hash.h"

namespace microcloud {

/// One thread. One value a host; of the `most` hosts that came first among those kept the oldest goes.
template <typename Value>
class RecentHosts {
 public:
  RecentHosts(size_t most, HashSeed seed) : most_(most), values_(0, IpAddressHash{seed}) {}

  /// The host's value, an empty one where there was none. Valid until the next call.
  Value& at(const IpAddress& host) {
    const auto [at, is_new] = values_.try_emplace(host);
    if (!is_new) return at->second;
    order_.push_back(host);
    if (order_.size() > most_) {
      values_.erase(order_.front());
      order_.pop_front();
    }
    return at->second;
  }
  /// nullptr: nothing is known. Valid until the next call of at().
  const Value* find(const IpAddress& host) const {
    const auto found = values_.find(host);
    return found == values_.end() ? nullptr : &found->second;
  }
  size_t size() const { return values_.size(); }

 private:
  size_t most_;  // 1 or more
  std::unordered_map<IpAddress, Value, IpAddressHash> values_;
  std::deque<IpAddress> order_;  // as they came
};

}  // namespace microcloud
