// Where connections of a protocol are to be expected, as others of it say: Oracle's redirections.
#pragma once

#include <algorithm>
#include <atomic>
#include <mutex>
#include <vector>

#include "base/address.h"

namespace microcloud {

struct Protocol;

/// Of one run, for all workers: the connection may be another worker's. Any thread; while nothing was announced it
/// costs a look at one number.
class Announcements {
 public:
  static constexpr size_t kMost = 256;  // then the oldest is forgotten

  void add(const Protocol& protocol, const IpAddress& address, uint16_t port) {
    const std::lock_guard lock(mutex_);
    const Place place{&protocol, address, port};
    if (std::find(places_.begin(), places_.end(), place) != places_.end()) return;
    if (places_.size() == kMost) places_.erase(places_.begin());
    places_.push_back(place);
    any_.store(true, std::memory_order_relaxed);
  }
  bool any() const { return any_.load(std::memory_order_relaxed); }
  /// Calls `spoken(protocol)` for each that was announced at this address and port.
  template <typename Spoken>
  void at(const IpAddress& address, uint16_t port, const Spoken& spoken) const {
    const std::lock_guard lock(mutex_);
    for (const Place& place : places_) {
      if (place.port == port && place.address == address) spoken(*place.protocol);
    }
  }

 private:
  struct Place {
    const Protocol* protocol;
    IpAddress address;
    uint16_t port;
    bool operator==(const Place&) const = default;
  };

  mutable std::mutex mutex_;
  std::vector<Place> places_;  // the newest last
  std::atomic<bool> any_{false};
};

}  // namespace microcloud
