// A mutex whose holder does not get it again while somebody else waits for it.
#pragma once

#include <mutex>

namespace microcloud {

/// For threads one of which takes it so often that the others would seldom find it free: whoever waits for it holds the
/// turn meanwhile.
class FairMutex {
 public:
  void lock() {
    const std::lock_guard turn(turn_);
    mutex_.lock();
  }
  void unlock() { mutex_.unlock(); }

 private:
  std::mutex turn_;
  std::mutex mutex_;
};

}  // namespace microcloud
