#include "capture/record_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "capture/link_type.h"

namespace microcloud {

namespace {

// Half of a usual second-level cache; twice and half as much measured slower.
constexpr size_t kBlock = 256U << 10;
// Of a mapped file: each costs a call or two.
constexpr size_t kShown = 1U << 20;

}  // namespace

RecordFile::RecordFile(std::unique_ptr<FileInput> input, uint32_t snap_length)
    : input_(std::move(input)), snap_length_(snap_length == 0 ? UINT32_MAX : snap_length), map_(input_->map()) {
  if (!map_) {
    capacity_ = kBlock;
    buffer_ = std::make_unique_for_overwrite<uint8_t[]>(kBlock);
  }
  at_ = end_ = front();
}

void RecordFile::take_head(uint8_t* to) {
  const size_t count = input_->read(to, FileInput::kHead).count;
  if (map_) {
    at_ = end_ = front() + count;
  } else {
    buffer_offset_ = count;
  }
}

void RecordFile::begin(LinkType type, const std::string& bpf_filter) {
  link_type_ = type;
  if (!supported(type)) {
    throw std::runtime_error(name() + ": link type " + link_type_text(type) + " is not supported");
  }
  if (!bpf_filter.empty()) filter_ = file_filter(dlt_of(type), bpf_filter);
}

ReadResult RecordFile::read(std::span<Frame> burst) {
  const ReadStatus status = complete_record();
  if (status != ReadStatus::More) return {0, status};
  const uint8_t* const from = at_;
  size_t count = walk(burst);
  if (map_) ahead_.plan(at_, static_cast<size_t>(at_ - from), count);
  if (map_ && map_->damaged()) {
    count = intact(burst.first(count));
    fail_damaged();
  }
  position_.set(offset());
  return {count, ReadStatus::More};
}

// How many frames are whole of those that were shown as the file lost bytes.
size_t RecordFile::intact(std::span<const Frame> frames) const {
  const uint8_t* const end = front() + std::min<uint64_t>(map_->size_now(), static_cast<uint64_t>(end_ - front()));
  const auto lost =
      std::find_if(frames.begin(), frames.end(), [&](const Frame& frame) { return frame.data + frame.captured > end; });
  return static_cast<size_t>(lost - frames.begin());
}

void RecordFile::fail_damaged() {
  const uint64_t left = map_->size_now();
  error_ = left < size()
               ? name() + " became shorter while it was read: it ends at byte " + std::to_string(left) + " now"
               : name() + " cannot be read any more, at byte " + std::to_string(offset()) + " or before";
  last_ = ReadStatus::Failed;
}

ReadStatus RecordFile::complete_record() {
  while (last_ == ReadStatus::More && !complete()) {
    if (refill() == ReadStatus::Idle) return ReadStatus::Idle;
  }
  return last_;
}

bool RecordFile::complete() const {
  const auto held = static_cast<size_t>(end_ - at_);
  const Extent record = next_record();
  return held >= record.header && record.body <= most_body(held - record.header);
}

ReadStatus RecordFile::refill() {
  if (const Extent record = next_record(); record.body > max_body_) {
    fail("is broken: its length " + std::to_string(record.body) + " is larger than the limit of " +
         std::to_string(max_body_));
    return last_;
  }
  return map_ ? show_more() : read_more();
}

ReadStatus RecordFile::show_more() {
  if (map_->damaged()) {
    fail_damaged();
    return last_;
  }
  if (end_ == map_->end()) {
    const ptrdiff_t at = at_ - front();
    const ptrdiff_t end = end_ - front();
    if (!map_->grow()) {
      if (map_->damaged()) {
        fail_damaged();
      } else {
        end_of_input();
      }
      return last_;
    }
    at_ = front() + at;
    end_ = front() + end;
  }
  const size_t count = std::min(kShown, static_cast<size_t>(map_->end() - end_));
  map_->advance(at_, end_, count + ReadAhead::kFar);  // what is asked for must be there by then
  end_ += count;
  return ReadStatus::More;
}

ReadStatus RecordFile::read_more() {
  make_room();
  const auto held = static_cast<size_t>(end_ - at_);
  const FileInput::Result got = input_->read(buffer_.get() + held, capacity_ - held);
  switch (got.state) {
    case FileInput::State::Data:
      end_ += got.count;
      return ReadStatus::More;
    case FileInput::State::Idle:
      return ReadStatus::Idle;
    case FileInput::State::End:
      end_of_input();
      return last_;
    case FileInput::State::Error:
      fail("cannot be read: " + std::string(std::strerror(errno)));
      return last_;
  }
  return last_;
}

// The bytes of the incomplete record go to the buffer's front; the buffer grows only when they fill it, so by what the
// file really holds and not by what a length in it claims.
void RecordFile::make_room() {
  const auto held = static_cast<size_t>(end_ - at_);
  buffer_offset_ = offset();
  if (held < capacity_) {
    std::memmove(buffer_.get(), at_, held);
  } else {
    capacity_ *= 2;
    auto larger = std::make_unique_for_overwrite<uint8_t[]>(capacity_);
    std::memcpy(larger.get(), at_, held);
    buffer_ = std::move(larger);
  }
  at_ = buffer_.get();
  end_ = at_ + held;
}

void RecordFile::end_of_input() {
  const auto held = static_cast<size_t>(end_ - at_);
  const Extent record = next_record();
  if (held == 0) {
    last_ = ReadStatus::End;
  } else if (held < record.header) {
    fail("is cut: the file ends after " + std::to_string(held) + " of the " + std::to_string(record.header) +
         " bytes of its header");
  } else {
    fail("is cut: the file ends after " + std::to_string(held - record.header) + " of the " +
         std::to_string(record.body) + " bytes behind its header");
  }
}

void RecordFile::fail(const std::string& what) {
  error_ = name() + ": the record at byte " + std::to_string(offset()) + " " + what;
  last_ = ReadStatus::Failed;
}

bool RecordFile::admit(Frame& frame, uint32_t fcs_bytes) {
  if (fcs_bytes > 0) {
    frame.length -= std::min(fcs_bytes, frame.length);
    frame.captured = std::min(frame.captured, frame.length);
  }
  if (filter_ && !filter_->matches(frame.data, frame.captured, frame.length)) {
    filtered_.add();
    return false;
  }
  frame.captured = std::min(frame.captured, snap_length_);
  return true;
}

}  // namespace microcloud
