// Which keys this probe may bring into the world: a scan or a flood of forged addresses must not fill the MicroCloud.
#pragma once

#include <algorithm>
#include <cstdint>

namespace microcloud {

struct BirthLimits {
  uint32_t per_second = 2'000;     // --max-new-keys
  uint64_t most_keys = 2'000'000;  // --max-keys: volatile keys in the node
  uint32_t ttl_s = 3'600;          // --volatile-ttl
};

/// When this probe last began a key's time to live anew, in seconds of any clock that starts at 1 or later; 0: never.
using Refreshed = uint32_t;

class Births {
 public:
  explicit Births(const BirthLimits& limits) : limits_(limits), tokens_(burst()) {}

  /// The packets' time: limits are per second of it, so that a file gives the same keys however fast it is read.
  void at_time(int64_t time_ms);
  /// How many of the keys that were born until now the node has, if updates of no more than so many keys are not there.
  uint64_t arrived(uint64_t waiting) const { return born_ - std::min(waiting, born_ - arrived_); }
  /// How many volatile keys the node says it has; `arrived`: as of when it was asked.
  void set_keys_of_node(uint64_t count, uint64_t arrived) {
    keys_of_node_ = count;
    arrived_ = arrived;
  }

  /// Whether a key may be written. Refresh: yes, and its time to live must begin anew, as a quarter of it is over.
  /// Born: the same, of a key that this probe does not know or that has expired.
  enum class Verdict : uint8_t { Known, Refresh, Born, Refused };
  /// A key that this probe refreshed within the time to live is never refused.
  Verdict ask(Refreshed& refreshed, uint32_t now_s);
  /// The same for keys that clients can choose at will (URLs): they leave half of the births to all others.
  Verdict ask_modestly(Refreshed& refreshed, uint32_t now_s);
  /// The same for keys that are few by nature: never refused.
  Verdict always(Refreshed& refreshed, uint32_t now_s) const;
  /// Whether so many keys may be born that belong to one that is there, all or none: a host's sorted sets.
  bool bear(uint32_t keys);
  /// The key has expired by now, as far as this probe knows.
  bool forgotten(Refreshed refreshed, uint32_t now_s) const {
    return refreshed == 0 || now_s - refreshed >= limits_.ttl_s;
  }

  uint64_t refused() const { return refused_; }

 private:
  /// In thousandths of a key.
  uint64_t burst() const { return uint64_t{limits_.per_second} * kBurstSeconds * 1000; }
  static constexpr uint64_t kBurstSeconds = 5;

  BirthLimits limits_;
  uint64_t tokens_;
  int64_t time_ms_ = 0;
  uint64_t keys_of_node_ = 0;
  uint64_t born_ = 0;
  uint64_t arrived_ = 0;  // of them, those that keys_of_node_ counts
  uint64_t refused_ = 0;
};

}  // namespace microcloud
