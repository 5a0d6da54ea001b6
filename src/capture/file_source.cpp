#include "capture/file_source.h"

#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "capture/libpcap_file.h"
#include "capture/link_type.h"
#include "capture/pcap_file.h"

namespace microcloud {

namespace {

constexpr uint32_t kPcapng = 0x0a0d0d0a;  // the same in both byte orders

// What libpcap reads beside: other versions of the two magics, and Alexey Kuznetzov's longer record header.
constexpr uint32_t kPcapMagics[] = {0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34};

bool is_pcap(uint32_t magic) {
  for (const uint32_t known : kPcapMagics) {
    if (magic == known || magic == __builtin_bswap32(known)) return true;
  }
  return false;
}

std::string unknown_format(Bytes head) {
  struct Packed {
    uint8_t magic[2];
    const char* name;
  };
  static constexpr Packed kPacked[] = {
      {{0x1f, 0x8b}, "gzip"}, {{0x28, 0xb5}, "zstd"}, {{0xfd, 0x37}, "xz"}, {{'B', 'Z'}, "bzip2"}};
  std::string text = "is not a capture file: it begins with";
  for (const uint8_t byte : head.first(std::min<size_t>(head.size(), 4))) {
    char hex[4];
    std::snprintf(hex, sizeof hex, " %02x", byte);
    text += hex;
  }
  for (const Packed& packed : kPacked) {
    if (head.size() > 2 && std::memcmp(head.data(), packed.magic, sizeof packed.magic) == 0) {
      text += std::string(" (") + packed.name + ": unpack it, for example into standard input)";
    }
  }
  return text + "; pcap and pcapng are accepted";
}

}  // namespace

std::unique_ptr<Source> open_file(const std::string& path, const std::string& bpf_filter, uint32_t snap_length) {
  auto input = std::make_unique<FileInput>(path);
  const std::string name = input->name();
  const Bytes head = input->head();
  uint32_t magic = 0;
  if (head.size() >= sizeof magic) std::memcpy(&magic, head.data(), sizeof magic);
  if (magic != kPcapng && !is_pcap(magic)) throw std::runtime_error(name + " " + unknown_format(head));
  if (head.size() < FileInput::kHead) throw std::runtime_error(name + " is cut in its file header");

  std::unique_ptr<Source> source;
  if (const std::optional<PcapFormat> format = PcapFormat::of(head)) {
    std::optional<PacketFilter> filter;
    if (supported(format->link_type) && !bpf_filter.empty())
      filter = file_filter(dlt_of(format->link_type), bpf_filter);
    source = std::make_unique<PcapFile>(std::move(input), *format, std::move(filter), snap_length);
  } else {
    source = std::make_unique<LibpcapFile>(std::move(input), bpf_filter, snap_length);
  }
  if (!supported(source->link_type())) {
    throw std::runtime_error(name + ": " + unsupported_link_type(source->link_type()));
  }
  return source;
}

}  // namespace microcloud
