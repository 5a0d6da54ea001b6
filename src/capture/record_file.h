// What the readers of capture files share: records walked in place, of a file where the system keeps it, of a pipe in
// one reused buffer that stays in the cache.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/counter.h"
#include "capture/file_input.h"
#include "capture/mapped_file.h"
#include "capture/packet_filter.h"
#include "capture/source.h"

namespace microcloud {

/// A format says where a record ends and what it holds; this class brings large blocks, keeps a record that straddles
/// the end of one whole, and tells where a file is broken or cut.
class RecordFile : public Source {
 public:
  LinkType link_type() const final { return link_type_; }
  ReadResult read(std::span<Frame> burst) final;
  ReadAhead* ahead() final { return map_ ? &ahead_ : nullptr; }
  void wake_by(int fd) final { input_->wake_by(fd); }
  SourceDrops drops() const final { return {.filtered = filtered_.get()}; }
  std::string error() const final { return error_; }
  uint64_t position() const final { return position_.get(); }
  uint64_t size() const final { return input_->size(); }

  /// A record that claims more is broken.
  static constexpr uint32_t kMaxRecord = 64U << 20;

 protected:
  RecordFile(std::unique_ptr<FileInput> input, uint32_t snap_length);

  /// The file's header, whose size FileInput::kHead is: not a record.
  void take_head(uint8_t* to);
  /// The next record, as far as its own header tells.
  struct Extent {
    uint32_t header = 0;  // bytes that must be there before `body` is known
    uint64_t body = 0;    // bytes behind the header; 0 while they are not known
  };
  virtual Extent next_record() const = 0;
  /// Gives the frames of complete records, beginning at at_, and moves at_ behind them. May call fail().
  virtual size_t walk(std::span<Frame> burst) = 0;

  /// Reads until the record at at_ is complete. Only when no frame is in use: bytes may move.
  ReadStatus complete_record();
  /// The record at at_ is broken: what was given before it stands, nothing comes after it.
  void fail(const std::string& what);
  /// Once the link type is known, before the first read(). Throws std::runtime_error: not supported, or a bad filter.
  void begin(LinkType type, const std::string& bpf_filter);
  void limit_body(uint32_t bytes) { max_body_ = bytes; }
  /// The bytes behind a record's header, of `held`, that it may have: one that claims more is not complete.
  size_t most_body(size_t held) const { return std::min<size_t>(held, max_body_); }

  /// Off the plain path: takes the frame check sequence off, asks the filter, and then cuts to the snapshot length.
  bool admit(Frame& frame, uint32_t fcs_bytes);
  bool filtering() const { return filter_.has_value(); }
  uint32_t snap_length() const { return snap_length_; }
  const std::string& name() const { return input_->name(); }

  const uint8_t* at_;   // the next record
  const uint8_t* end_;  // of what has been read

  /// Zeros where a record was to be: they may be what a file lost that became shorter, in the last page that it has.
  bool lost() { return map_ && map_->look(); }

  ReadAhead ahead_;  // of a mapped file; else it asks for nothing

 private:
  bool complete() const;
  ReadStatus refill();
  ReadStatus read_more();
  ReadStatus show_more();
  size_t intact(std::span<const Frame> frames) const;
  void fail_damaged();
  void make_room();
  void end_of_input();
  const uint8_t* front() const { return map_ ? map_->begin() : buffer_.get(); }
  uint64_t offset() const { return buffer_offset_ + static_cast<uint64_t>(at_ - front()); }

  std::unique_ptr<FileInput> input_;
  LinkType link_type_ = LinkType::Ethernet;
  std::optional<PacketFilter> filter_;
  const uint32_t snap_length_;
  uint32_t max_body_ = kMaxRecord;
  std::unique_ptr<MappedFile> map_;  // or the buffer
  size_t capacity_ = 0;
  std::unique_ptr<uint8_t[]> buffer_;
  uint64_t buffer_offset_ = 0;  // in the file, of the buffer's first byte, or the map's
  ReadStatus last_ = ReadStatus::More;
  Counter filtered_;
  Counter position_;
  std::string error_;
};

}  // namespace microcloud
