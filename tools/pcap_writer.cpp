// Classic pcap and pcapng, written as their blocks stand in the file.
#include "tools/pcap_writer.h"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace microcloud::tools {

namespace {

constexpr std::array<uint8_t, 4> kZeros{};
constexpr uint64_t kNanosPerSecond = 1'000'000'000;
// What is written in large pieces the system keeps in large pieces, as it does files that were read from a disk.
constexpr size_t kPiece = 2U << 20;

}  // namespace

OrderedFile::OrderedFile(const std::string& path, bool big_endian)
    : path_(path), out_(path, std::ios::binary | std::ios::trunc), big_endian_(big_endian) {
  if (!out_) throw std::runtime_error("cannot write " + path);
}

void OrderedFile::u16(unsigned value) {
  const std::array<char, 2> bytes{static_cast<char>(value), static_cast<char>(value >> 8)};
  piece_.push_back(bytes[big_endian_ ? 1 : 0]);
  piece_.push_back(bytes[big_endian_ ? 0 : 1]);
}

void OrderedFile::u32(uint32_t value) {
  u16(big_endian_ ? value >> 16 : value & 0xffff);
  u16(big_endian_ ? value & 0xffff : value >> 16);
}

void OrderedFile::bytes(Bytes value) {
  if (piece_.size() + value.size() > kPiece) flush();
  piece_.append(value.begin(), value.end());
}

void OrderedFile::flush() {
  out_.write(piece_.data(), static_cast<std::streamsize>(piece_.size()));
  piece_.clear();
}

void OrderedFile::close() {
  flush();
  out_.close();
  if (!out_) throw std::runtime_error("cannot write " + path_);
}

PcapWriter::PcapWriter(const std::string& path, const PcapOptions& options)
    : options_(options), file_(path, options.big_endian) {
  file_.u32(options.nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4);
  file_.u16(2);
  file_.u16(4);
  file_.u32(0);
  file_.u32(0);
  file_.u32(options.snaplen);
  file_.u32(options.link_type);
}

void PcapWriter::write(uint64_t time_ns, Bytes frame, size_t wire_size) {
  const uint64_t fraction = time_ns % kNanosPerSecond;
  const Bytes captured = frame.first(std::min<size_t>(frame.size(), options_.snaplen));
  file_.u32(static_cast<uint32_t>(time_ns / kNanosPerSecond));
  file_.u32(static_cast<uint32_t>(options_.nanoseconds ? fraction : fraction / 1000));
  file_.u32(static_cast<uint32_t>(captured.size()));
  file_.u32(static_cast<uint32_t>(std::max(frame.size(), wire_size)));
  file_.bytes(captured);
}

PcapngWriter::PcapngWriter(const std::string& path, bool big_endian) : file_(path, big_endian) {
  constexpr uint32_t kSectionHeader = 0x0a0d0d0a, kByteOrder = 0x1a2b3c4d, kSize = 28;
  file_.u32(kSectionHeader);
  file_.u32(kSize);
  file_.u32(kByteOrder);
  file_.u16(1);
  file_.u16(0);
  file_.u32(~0U);  // section length: not given
  file_.u32(~0U);
  file_.u32(kSize);
}

uint32_t PcapngWriter::add_interface(uint32_t link_type, uint8_t resolution, uint32_t snaplen) {
  constexpr uint32_t kInterface = 1, kResolution = 9, kSize = 32;
  file_.u32(kInterface);
  file_.u32(kSize);
  file_.u16(link_type);
  file_.u16(0);
  file_.u32(snaplen);
  file_.u16(kResolution);
  file_.u16(1);
  file_.bytes(Bytes(&resolution, 1));
  file_.bytes(Bytes(kZeros).first(3));
  file_.u32(0);  // end of options
  file_.u32(kSize);
  return interfaces_++;
}

void PcapngWriter::write(uint32_t interface, uint64_t ticks, Bytes frame, size_t wire_size) {
  constexpr uint32_t kEnhancedPacket = 6;
  const size_t padding = (4 - frame.size() % 4) % 4;
  const auto size = static_cast<uint32_t>(32 + frame.size() + padding);
  file_.u32(kEnhancedPacket);
  file_.u32(size);
  file_.u32(interface);
  file_.u32(static_cast<uint32_t>(ticks >> 32));
  file_.u32(static_cast<uint32_t>(ticks));
  file_.u32(static_cast<uint32_t>(frame.size()));
  file_.u32(static_cast<uint32_t>(std::max(frame.size(), wire_size)));
  file_.bytes(frame);
  file_.bytes(Bytes(kZeros).first(padding));
  file_.u32(size);
}

}  // namespace microcloud::tools
