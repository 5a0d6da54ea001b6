// How one thread wakes another that naps or waits for a file descriptor.
#pragma once

#include <chrono>

namespace microcloud {

/// signal() by any thread; the rest by the one that is woken. A signal stays until clear().
class WakeUp {
 public:
  /// Throws std::runtime_error: no descriptor left.
  WakeUp();
  ~WakeUp();
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;

  void signal();
  void clear();
  /// Until a signal, but no longer than that.
  void wait(std::chrono::nanoseconds longest) const;
  /// Readable while there is a signal.
  int fd() const { return fd_; }

 private:
  int fd_;
};

/// Waits until `fd` or `other` (-1: none) has something to read, at most so long. True: `fd` has, or an error.
bool wait_for(int fd, int other, std::chrono::nanoseconds longest);

}  // namespace microcloud
