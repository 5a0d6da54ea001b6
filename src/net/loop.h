// An event loop: one thread that waits for sockets and timers, and does what others post to it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace microcloud {

/// Streams, timers and what is built on them belong to one loop and are used on the thread that runs it, or before it
/// runs.
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Until stop().
  void run();
  /// Until stop(), but no longer than that.
  void run_for(std::chrono::milliseconds time);
  /// Any thread. What was posted and not done yet is done by the next run().
  void stop();
  /// Any thread: `task` is called by the loop's thread, after what was posted before.
  void post(std::function<void()> task);

  struct Native;
  Native& native() { return *native_; }

 private:
  std::unique_ptr<Native> native_;
};

/// One alarm at a time.
class Timer {
 public:
  explicit Timer(Loop& loop);
  /// The alarm is off then, and will not be called.
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// Replaces an alarm that was set.
  void start(std::chrono::milliseconds after, std::function<void()> alarm);
  void cancel();
  bool set() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace microcloud
