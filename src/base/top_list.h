// The largest of many keys by a sum, in bounded memory.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

namespace microcloud {

/// Exact while there are at most `most` keys; beyond, the smaller half is forgotten each time, so that a key that
/// always was among the large ones stays exact, and others may be too low. exact() tells which it is.
template <typename Key, typename Sums, typename Hash = std::hash<Key>>
class TopList {
 public:
  explicit TopList(size_t most) : most_(most) {}

  Sums& operator[](const Key& key) {
    if (sums_.size() >= most_ && !sums_.contains(key)) forget_smaller_half();
    return sums_[key];
  }
  bool exact() const { return forgotten_ == 0; }
  size_t size() const { return sums_.size(); }

  /// The `count` largest by `Sums::weight()`, largest first; ties by key.
  std::vector<std::pair<Key, Sums>> largest(size_t count) const {
    std::vector<std::pair<Key, Sums>> all(sums_.begin(), sums_.end());
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(std::min(count, all.size()));
    std::partial_sort(all.begin(), middle, all.end(), [](const auto& a, const auto& b) {
      return a.second.weight() != b.second.weight() ? a.second.weight() > b.second.weight() : a.first < b.first;
    });
    all.erase(middle, all.end());
    return all;
  }

 private:
  void forget_smaller_half() {
    std::vector<uint64_t> weights;
    weights.reserve(sums_.size());
    for (const auto& [key, sums] : sums_) weights.push_back(sums.weight());
    const auto middle = weights.begin() + static_cast<std::ptrdiff_t>(weights.size() / 2);
    std::nth_element(weights.begin(), middle, weights.end());
    const uint64_t limit = *middle;
    size_t to_forget = sums_.size() / 2;
    for (auto at = sums_.begin(); at != sums_.end() && to_forget > 0;) {
      if (at->second.weight() > limit) {
        ++at;
        continue;
      }
      at = sums_.erase(at);
      --to_forget;
      ++forgotten_;
    }
  }

  size_t most_;
  uint64_t forgotten_ = 0;
  std::unordered_map<Key, Sums, Hash> sums_;
};

}  // namespace microcloud
