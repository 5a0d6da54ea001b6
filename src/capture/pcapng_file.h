// The pcapng format, draft-ietf-opsawg-pcapng.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "capture/record_file.h"

namespace microcloud {

/// Several sections and interfaces are read; all interfaces that have packets must be of one link type.
/// Made by open_file().
class PcapngFile final : public RecordFile {
 public:
  static constexpr uint32_t kMagic = 0x0a0d0d0a;  // the same in both byte orders

  /// Reads up to the first interface. Throws std::runtime_error: broken before that, a link type that is not supported,
  /// or a bad filter.
  PcapngFile(std::unique_ptr<FileInput> input, const std::string& bpf_filter, uint32_t snap_length);

 private:
  struct Interface {
    LinkType link_type = LinkType::Ethernet;
    uint32_t snap_length = 0;             // 0: none
    uint64_t ticks_per_second = 1000000;  // 0: more than 64 bits hold
    int64_t offset_seconds = 0;
  };
  struct Packet {
    uint32_t interface = 0;
    uint64_t ticks = 0;
    uint32_t captured = 0;
    uint32_t length = 0;
    const uint8_t* data = nullptr;
  };
  enum class Step : uint8_t { Frame, Nothing, Broken };

  Extent next_record() const override;
  size_t walk(std::span<Frame> burst) override;

  Step take_block(Frame& frame);
  Step take_section();
  Step take_interface();
  Step take_packet(uint32_t type, Frame& frame);
  void take_options(Interface& interface, const uint8_t* at, const uint8_t* end) const;
  bool parse(uint32_t type, Packet& packet) const;
  Step broken(const std::string& what);
  uint32_t block_length() const;
  uint16_t u16(size_t at) const;
  uint32_t u32(size_t at) const;

  bool swapped_ = false;  // this section was written by a machine of the other byte order
  std::vector<Interface> interfaces_;
};

}  // namespace microcloud
