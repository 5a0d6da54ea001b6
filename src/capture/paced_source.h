// A capture file at its own pace: a frame is given when as much time has passed as between it and the first one.
#pragma once

#include <array>
#include <chrono>
#include <memory>

#include "capture/source.h"

namespace microcloud {

class PacedSource final : public Source {
 public:
  explicit PacedSource(std::unique_ptr<Source> source) : source_(std::move(source)) {}

  LinkType link_type() const override { return source_->link_type(); }
  /// Idle after at most 10 ms without a frame that is due.
  ReadResult read(std::span<Frame> burst) override;
  void wake_by(int fd) override {
    wake_fd_ = fd;
    source_->wake_by(fd);
  }
  SourceDrops drops() const override { return source_->drops(); }
  std::string error() const override { return source_->error(); }
  /// Of the frames that were given; within one read as if they all had one size.
  uint64_t position() const override;
  uint64_t size() const override { return source_->size(); }

 private:
  using Clock = std::chrono::steady_clock;

  std::unique_ptr<Source> source_;
  std::array<Frame, 32> waiting_;
  size_t next_ = 0;
  uint64_t position_before_ = 0;  // the read that filled `waiting_`
  ReadResult behind_;             // of the read that filled `waiting_`
  Clock::time_point started_;
  int64_t first_us_ = 0;
  int wake_fd_ = -1;
  bool running_ = false;
};

}  // namespace microcloud
