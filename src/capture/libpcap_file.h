// pcapng (draft-ietf-opsawg-pcapng) and the rare dialects of pcap, through libpcap.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/counter.h"
#include "capture/file_input.h"
#include "capture/packet_filter.h"
#include "capture/source.h"

namespace microcloud {

/// libpcap reuses its buffer for each frame, so those of a burst are copied. Made by open_file().
class LibpcapFile final : public Source {
 public:
  /// Throws std::runtime_error when libpcap does not take the file; its sentence is passed on.
  LibpcapFile(std::unique_ptr<FileInput> input, const std::string& bpf_filter, uint32_t snap_length);
  ~LibpcapFile() override;

  LinkType link_type() const override { return link_type_; }
  ReadResult read(std::span<Frame> burst) override;
  SourceDrops drops() const override { return {.filtered = filtered_.get()}; }
  std::string error() const override { return error_; }
  uint64_t position() const override { return position_.get(); }
  uint64_t size() const override;

 private:
  class Stream;
  bool next(Frame& frame);
  ReadStatus fail(uint64_t record, const char* reason);

  std::unique_ptr<Stream> stream_;  // before handle_, which reads from it
  std::unique_ptr<pcap, void (*)(pcap*)> handle_;
  LinkType link_type_ = LinkType::Ethernet;
  std::optional<PacketFilter> filter_;
  uint32_t snap_length_;
  std::vector<uint8_t> arena_;  // the frames of the last burst, one behind the other
  ReadStatus last_ = ReadStatus::More;
  Counter filtered_;
  Counter position_;
  std::string error_;
};

}  // namespace microcloud
