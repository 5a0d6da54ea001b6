#include "capture/paced_source.h"

#include <algorithm>
#include <thread>

#include "base/wake_up.h"

namespace microcloud {
namespace {

void pause(std::chrono::nanoseconds time, int wake_fd) {
  if (wake_fd < 0) {
    std::this_thread::sleep_for(time);
  } else {
    (void)wait_for(wake_fd, -1, time);
  }
}

}  // namespace

ReadResult PacedSource::read(std::span<Frame> burst) {
  if (next_ == behind_.count) {
    if (behind_.status == ReadStatus::End || behind_.status == ReadStatus::Failed) return {0, behind_.status};
    position_before_ = source_->position();
    behind_ = source_->read(waiting_);
    next_ = 0;
    if (behind_.count == 0) return behind_;
  }
  if (!running_) {
    running_ = true;
    started_ = Clock::now();
    first_us_ = waiting_[0].time_us;
  }
  constexpr std::chrono::microseconds kLongestWait{10'000};
  const auto due_in = std::chrono::microseconds(waiting_[next_].time_us - first_us_) - (Clock::now() - started_);
  if (due_in.count() > 0) pause(std::min<std::chrono::nanoseconds>(due_in, kLongestWait), wake_fd_);

  const int64_t now_us =
      first_us_ + std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started_).count();
  size_t count = 0;
  while (next_ < behind_.count && count < burst.size() && waiting_[next_].time_us <= now_us)
    burst[count++] = waiting_[next_++];
  return {count, count > 0 ? ReadStatus::More : ReadStatus::Idle};
}

uint64_t PacedSource::position() const {
  const uint64_t behind = source_->position();
  return behind_.count == 0 ? behind : position_before_ + (behind - position_before_) * next_ / behind_.count;
}

}  // namespace microcloud
