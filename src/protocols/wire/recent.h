// Results that cost much to compute and hang on little that varies: the most recent ones are kept, by all that they
// hang on. Most hellos of a network are those of a few programs.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/hash.h"

namespace microcloud {

/// All that a result hangs on, as 16-bit words. What does not fit makes it useless as a key, and nothing worse.
class RecentKey {
 public:
  static constexpr size_t kMost = 256;

  void add(uint16_t word) {
    if (count_ < kMost) words_[count_] = word;
    ++count_;
  }
  /// Calls `put(*this)` for the words of a list, and puts their number before them: lists that differ are keys that
  /// differ.
  template <typename Put>
  void add_list(const Put& put) {
    const size_t at = count_;
    add(0);
    put(*this);
    if (at < kMost) words_[at] = static_cast<uint16_t>(count_ - at - 1);
  }
  void add_text(std::string_view text) {
    add(static_cast<uint16_t>(text.size()));
    for (size_t at = 0; at < text.size(); at += 2) {
      const auto second = at + 1 < text.size() ? static_cast<uint8_t>(text[at + 1]) : uint8_t{0};
      add(static_cast<uint16_t>(static_cast<uint8_t>(text[at]) << 8 | second));
    }
  }

  bool fits() const { return count_ <= kMost; }
  uint64_t hash() const {
    static constexpr HashSeed kSeed;
    uint64_t hash = count_;
    size_t at = 0;
    for (; at + 4 <= count_; at += 4) {
      uint64_t word;
      std::memcpy(&word, &words_[at], sizeof word);
      hash = fold_multiply(hash ^ kSeed.a, word ^ kSeed.b);
    }
    for (; at < count_; ++at) hash = fold_multiply(hash ^ kSeed.a, words_[at] ^ kSeed.b);
    return hash;
  }
  bool operator==(const RecentKey& other) const {
    return count_ == other.count_ && std::memcmp(words_.data(), other.words_.data(), count_ * sizeof(uint16_t)) == 0;
  }
  RecentKey() = default;
  RecentKey(const RecentKey& other) { *this = other; }
  RecentKey& operator=(const RecentKey& other) {
    count_ = other.count_;
    std::copy_n(other.words_.begin(), std::min(count_, kMost), words_.begin());
    return *this;
  }
  ~RecentKey() = default;

 private:
  size_t count_ = 0;
  std::array<uint16_t, kMost> words_;  // only so many of them are set
};

/// Of one thread. Keys whose hash falls into one place displace each other; a key is compared whole.
template <typename Result>
class Recent {
 public:
  static constexpr size_t kPlaces = 256;

  /// The result for this key: one that is kept, else that of compute().
  template <typename Compute>
  Result get(const RecentKey& key, const Compute& compute) {
    if (!key.fits()) return compute();
    std::unique_ptr<Place>& place = places_[key.hash() % kPlaces];
    if (place == nullptr) {
      place = std::make_unique<Place>(Place{key, compute()});
    } else if (!(place->key == key)) {
      *place = {key, compute()};
    }
    return place->result;
  }

 private:
  struct Place {
    RecentKey key;
    Result result;
  };
  std::array<std::unique_ptr<Place>, kPlaces> places_;  // memory as it is needed
};

}  // namespace microcloud
