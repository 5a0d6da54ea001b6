// The classic pcap format, draft-ietf-opsawg-pcap.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "capture/record_file.h"

namespace microcloud {

/// Made by open_file().
class PcapFile final : public RecordFile {
 public:
  static bool is_magic(uint32_t magic);

  /// Throws std::runtime_error: a version or a link type that is not supported, or a bad filter.
  PcapFile(std::unique_ptr<FileInput> input, const std::string& bpf_filter, uint32_t snap_length);

 private:
  using Walk = size_t (PcapFile::*)(std::span<Frame>);

  Extent next_record() const override;
  size_t walk(std::span<Frame> burst) override { return (this->*walk_)(burst); }
  /// kPlain: no filter, no check sequences, the usual header.
  template <bool kSwapped, bool kNanoseconds, bool kPlain>
  size_t walk_as(std::span<Frame> burst);
  template <bool kPlain>
  static Walk walk_of(bool swapped, bool nanoseconds);

  bool swapped_ = false;         // written by a machine of the other byte order
  uint32_t record_header_ = 16;  // 24 in Alexey Kuznetzov's dialect
  uint32_t captured_at_ = 8;  // in that header; the length on the wire at 12, or the other way round before version 2.3
  uint32_t fcs_bytes_ = 0;    // frame check sequence at the end of each frame
  Walk walk_ = nullptr;
};

}  // namespace microcloud
