// A capture file read several times over, its time going on from pass to pass.
#pragma once

#include <functional>
#include <memory>

#include "capture/source.h"

namespace microcloud {

class LoopedSource final : public Source {
 public:
  using Open = std::function<std::unique_ptr<Source>()>;

  /// `open` makes the source anew for each of `passes` (at least 1); it is called at once for the first.
  LoopedSource(Open open, uint32_t passes)
      : open_(std::move(open)), passes_(passes), passes_left_(passes - 1), source_(open_()) {}

  LinkType link_type() const override { return source_->link_type(); }
  ReadResult read(std::span<Frame> burst) override;
  ReadAhead* ahead() override { return source_->ahead(); }
  void wake_by(int fd) override { source_->wake_by(fd); }  // a file that can be read again does not wait
  SourceDrops drops() const override;
  std::string error() const override { return source_->error(); }
  /// Of all passes.
  uint64_t position() const override { return position_before_ + source_->position(); }
  uint64_t size() const override { return source_->size() * passes_; }

 private:
  /// Moves the times of these frames, one at least, to where this pass stands.
  void shift(std::span<Frame> frames);

  Open open_;
  uint32_t passes_;
  uint32_t passes_left_;
  std::unique_ptr<Source> source_;
  uint64_t filtered_before_ = 0;  // in the passes before this one
  uint64_t position_before_ = 0;
  int64_t shift_us_ = 0;  // added to the times of this pass
  int64_t first_us_ = 0;  // of this pass, shifted
  int64_t last_us_ = 0;   // of the bursts' last ones the latest so far, shifted
  bool any_ = false;
};

}  // namespace microcloud
