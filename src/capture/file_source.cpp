#include "capture/file_source.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "capture/byte_order.h"
#include "capture/file_input.h"
#include "capture/pcap_file.h"
#include "capture/pcapng_file.h"

namespace microcloud {

namespace {

struct Packed {
  uint8_t magic[2];
  const char* name;
};
constexpr Packed kPacked[] = {
    {{0x1f, 0x8b}, "gzip"}, {{0x28, 0xb5}, "zstd"}, {{0xfd, '7'}, "xz"}, {{'B', 'Z'}, "bzip2"}};

std::string unknown_format(Bytes head) {
  std::string text = " is not a capture file: it begins with";
  for (const uint8_t byte : head.first(std::min<size_t>(head.size(), 4))) {
    char hex[4];
    std::snprintf(hex, sizeof hex, " %02x", static_cast<unsigned>(byte));
    text += hex;
  }
  for (const Packed& packed : kPacked) {
    if (head.size() > sizeof packed.magic && std::memcmp(head.data(), packed.magic, sizeof packed.magic) == 0) {
      text += std::string(" (") + packed.name + ": unpack it, perhaps into standard input)";
    }
  }
  return text + "; pcap and pcapng are read";
}

}  // namespace

std::unique_ptr<Source> open_file(const std::string& path, const std::string& bpf_filter, uint32_t snap_length) {
  auto input = std::make_unique<FileInput>(path);
  const Bytes head = input->head();
  const uint32_t magic = head.size() >= sizeof(uint32_t) ? load_host<uint32_t>(head.data()) : 0;
  const bool pcapng = magic == PcapngFile::kMagic;
  if (!pcapng && !PcapFile::is_magic(magic)) throw std::runtime_error(input->name() + unknown_format(head));
  if (head.size() < FileInput::kHead) {
    throw std::runtime_error(input->name() + " is cut in its first " + std::to_string(FileInput::kHead) + " bytes");
  }
  if (pcapng) return std::make_unique<PcapngFile>(std::move(input), bpf_filter, snap_length);
  return std::make_unique<PcapFile>(std::move(input), bpf_filter, snap_length);
}

}  // namespace microcloud
