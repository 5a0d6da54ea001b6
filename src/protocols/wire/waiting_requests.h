// The requests of one flow that nobody has answered yet, of a protocol whose messages name their request by a number.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace microcloud {

struct NothingKept {};

/// `Key`: what a request and its response have in common, and from which side the request came; compared by ==.
/// `Kept`: what is remembered of the request until then.
template <typename Key, typename Kept = NothingKept>
class WaitingRequests {
 public:
  static constexpr size_t kMost = 128;               // the oldest are forgotten
  static constexpr int64_t kLongestUs = 30'000'000;  // who waits longer has given up

  struct Request {
    Key key;
    int64_t sent_us = 0;  // its last transmission
    Kept kept;
  };

  /// True when it is a repetition.
  bool take(const Key& key, int64_t now_us, const Kept& kept = {}) {
    const auto known = find(key);
    const bool again = known != waiting_.end() && now_us - known->sent_us <= kLongestUs;
    if (known != waiting_.end()) waiting_.erase(known);
    if (waiting_.size() == kMost) waiting_.erase(waiting_.begin());
    waiting_.push_back({key, now_us, kept});
    return again;
  }

  /// The request that is answered now: it waits no more.
  std::optional<Request> answered(const Key& key, int64_t now_us) {
    const auto known = find(key);
    if (known == waiting_.end()) return std::nullopt;
    const Request request = *known;
    waiting_.erase(known);
    if (now_us - request.sent_us > kLongestUs) return std::nullopt;
    return request;
  }

 private:
  typename std::vector<Request>::iterator find(const Key& key) {
    return std::find_if(waiting_.begin(), waiting_.end(), [&](const Request& one) { return one.key == key; });
  }

  std::vector<Request> waiting_;
};

}  // namespace microcloud
