#include "capture/looped_source.h"

#include <algorithm>

namespace microcloud {

void LoopedSource::shift(std::span<Frame> frames) {
  const int64_t shift_us = shift_us_;  // a local, as stores to frames might change it for all the compiler knows
  if (shift_us != 0) {
#pragma GCC unroll 4
    for (Frame& frame : frames) frame.time_us += shift_us;
  }
  if (!any_) {
    any_ = true;
    first_us_ = last_us_ = frames.front().time_us;
  }
  last_us_ = std::max(last_us_, frames.back().time_us);
}

ReadResult LoopedSource::read(std::span<Frame> burst) {
  ReadResult result = source_->read(burst);
  if (result.count > 0) shift(burst.first(result.count));
  // The frames given must stay valid: the next pass begins with the next read, which gives none of this one.
  if (result.status == ReadStatus::End && result.count > 0) {
    result.status = ReadStatus::More;
    return result;
  }
  if (result.status == ReadStatus::End && passes_left_ > 0) {
    --passes_left_;
    filtered_before_ += source_->drops().filtered;
    position_before_ += source_->position();
    source_ = open_();
    if (any_) shift_us_ += last_us_ - first_us_ + 1;
    any_ = false;
    result.status = ReadStatus::More;
  }
  return result;
}

SourceDrops LoopedSource::drops() const {
  SourceDrops drops = source_->drops();
  drops.filtered += filtered_before_;
  return drops;
}

}  // namespace microcloud
