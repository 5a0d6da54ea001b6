// A circuit breaker: after several failures in a row nobody is asked for a while, then one trial decides.
#pragma once

#include <algorithm>
#include <chrono>

namespace microcloud {

class Breaker {
 public:
  struct Settings {
    unsigned failures = 3;  // in a row open it
    std::chrono::milliseconds first_pause{500};
    std::chrono::milliseconds longest_pause{8'000};  // it doubles with each trial that fails
  };

  Breaker() : Breaker(Settings()) {}
  explicit Breaker(Settings settings) : settings_(settings), pause_(settings.first_pause) {}

  bool open() const { return open_; }
  /// True: it opens now; a trial is due after pause().
  [[nodiscard]] bool failed() {
    if (open_ || ++failures_ < settings_.failures) return false;
    open_ = true;
    return true;
  }
  void succeeded() {
    if (!open_) failures_ = 0;
  }
  void trial_failed() { pause_ = std::min(2 * pause_, settings_.longest_pause); }
  /// A trial succeeded, or another connection is there.
  void close() {
    open_ = false;
    failures_ = 0;
    pause_ = settings_.first_pause;
  }
  std::chrono::milliseconds pause() const { return pause_; }

 private:
  Settings settings_;
  bool open_ = false;
  unsigned failures_ = 0;
  std::chrono::milliseconds pause_;
};

}  // namespace microcloud
