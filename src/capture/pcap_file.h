// The classic pcap format (draft-ietf-opsawg-pcap), read in large blocks and walked in place.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/counter.h"
#include "capture/file_input.h"
#include "capture/packet_filter.h"
#include "capture/source.h"

namespace microcloud {

/// What the file's header says.
struct PcapFormat {
  bool swapped = false;  // written by a machine of the other byte order
  bool nanoseconds = false;
  LinkType link_type = LinkType::Ethernet;
  uint32_t fcs_bytes = 0;    // frame check sequence at the end of each frame
  uint32_t snap_length = 0;  // as written; many writers put nonsense

  /// Nothing when `head` is not the header of a pcap file of version 2.4.
  static std::optional<PcapFormat> of(Bytes head);
};

/// Frames point into one reused buffer that stays in the cache. Made by open_file().
class PcapFile final : public Source {
 public:
  PcapFile(std::unique_ptr<FileInput> input, const PcapFormat& format, std::optional<PacketFilter> filter,
           uint32_t snap_length);

  LinkType link_type() const override { return format_.link_type; }
  ReadResult read(std::span<Frame> burst) override;
  SourceDrops drops() const override { return {.filtered = filtered_.get()}; }
  std::string error() const override { return error_; }
  uint64_t position() const override { return position_.get(); }
  uint64_t size() const override { return input_->size(); }

  /// A record that claims more is broken.
  static constexpr uint32_t kMaxCaptured = 64U << 20;

 private:
  using Walk = size_t (PcapFile::*)(std::span<Frame>);
  template <bool kSwapped, bool kNanoseconds>
  size_t walk(std::span<Frame> burst);
  bool admit(Frame& frame, uint32_t captured);
  Walk choose_walk() const;

  bool complete() const;
  ReadStatus refill();
  ReadStatus end_of_input();
  ReadStatus fail(const std::string& what);
  void make_room();
  uint64_t offset() const { return buffer_offset_ + static_cast<uint64_t>(at_ - buffer_.get()); }

  std::unique_ptr<FileInput> input_;
  const PcapFormat format_;
  const std::optional<PacketFilter> filter_;
  const uint32_t snap_length_;
  const uint32_t max_captured_;
  const bool plain_;  // neither filter nor FCS: admit() has nothing to do
  const Walk walk_;

  size_t capacity_;
  std::unique_ptr<uint8_t[]> buffer_;
  uint64_t buffer_offset_ = 0;  // in the file, of the buffer's first byte
  const uint8_t* at_;           // the next record
  const uint8_t* end_;          // of what has been read
  ReadStatus last_ = ReadStatus::More;
  Counter filtered_;
  Counter position_;
  std::string error_;
};

}  // namespace microcloud
