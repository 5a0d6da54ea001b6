#include "capture/pcapng_file.h"

#include <algorithm>
#include <stdexcept>

#include "capture/byte_order.h"
#include "capture/link_type.h"

namespace microcloud {

namespace {

constexpr uint32_t kInterfaceBlock = 1;
constexpr uint32_t kOldPacketBlock = 2;
constexpr uint32_t kSimplePacketBlock = 3;
constexpr uint32_t kEnhancedPacketBlock = 6;

constexpr uint32_t kByteOrder = 0x1a2b3c4d;
constexpr uint32_t kSmallestBlock = 12;  // type, length, and the length again at its end
constexpr uint32_t kTrailer = 4;
constexpr size_t kMaxInterfaces = 65536;

constexpr uint16_t kResolution = 9;
constexpr uint16_t kOffset = 14;

bool is_packet(uint32_t type) {
  return type == kEnhancedPacketBlock || type == kSimplePacketBlock || type == kOldPacketBlock;
}

/// A power of 2 when the top bit is set, else of 10; 0 when 64 bits do not hold it.
uint64_t ticks_per_second(uint8_t resolution) {
  const unsigned exponent = resolution & 0x7f;
  if ((resolution & 0x80) != 0) return exponent < 64 ? uint64_t{1} << exponent : 0;
  if (exponent > 19) return 0;
  uint64_t ticks = 1;
  for (unsigned i = 0; i < exponent; ++i) ticks *= 10;
  return ticks;
}

// Unsigned throughout: a nonsense time may wrap.
int64_t to_microseconds(uint64_t ticks, uint64_t per_second, int64_t offset_seconds) {
  constexpr uint64_t kMillion = 1'000'000;
  __extension__ using Wide = unsigned __int128;
  uint64_t result = ticks;
  if (per_second != kMillion) {
    const auto fraction = static_cast<uint64_t>(Wide{ticks % per_second} * kMillion / per_second);
    result = ticks / per_second * kMillion + fraction;
  }
  // Far beyond any real time, and the difference of two such times still fits.
  constexpr int64_t kFarthest = int64_t{1} << 61;
  const auto time_us = static_cast<int64_t>(result + static_cast<uint64_t>(offset_seconds) * kMillion);
  return std::clamp(time_us, -kFarthest, kFarthest);
}

}  // namespace

PcapngFile::PcapngFile(std::unique_ptr<FileInput> input, const std::string& bpf_filter, uint32_t snap_length)
    : RecordFile(std::move(input), snap_length) {
  ReadStatus status = ReadStatus::More;
  Frame unused;
  while (interfaces_.empty()) {
    status = complete_record();
    if (status == ReadStatus::Idle) continue;
    if (status != ReadStatus::More || is_packet(u32(0))) break;
    if (take_block(unused) == Step::Broken) status = ReadStatus::Failed;
  }
  if (status == ReadStatus::Failed) throw std::runtime_error(error());
  begin(interfaces_.empty() ? LinkType::Ethernet : interfaces_.front().link_type, bpf_filter);
}

uint16_t PcapngFile::u16(size_t at) const {
  return load16(at_ + at, swapped_);
}
uint32_t PcapngFile::u32(size_t at) const {
  return load32(at_ + at, swapped_);
}

// A section's header says its byte order itself; what says neither is refused whatever its length.
uint32_t PcapngFile::block_length() const {
  if (load_host<uint32_t>(at_) != kMagic) return load32(at_ + 4, swapped_);
  const auto order = load_host<uint32_t>(at_ + 8);
  if (order != kByteOrder && order != __builtin_bswap32(kByteOrder)) return kSmallestBlock;
  return load32(at_ + 4, order != kByteOrder);
}

RecordFile::Extent PcapngFile::next_record() const {
  const bool known = static_cast<size_t>(end_ - at_) >= kSmallestBlock;
  return {kSmallestBlock, known ? std::max(block_length(), kSmallestBlock) - kSmallestBlock : 0};
}

size_t PcapngFile::walk(std::span<Frame> burst) {
  size_t count = 0;
  while (count < burst.size()) {
    const auto left = static_cast<size_t>(end_ - at_);
    if (left < kSmallestBlock || kSmallestBlock + most_body(left - kSmallestBlock) < block_length()) break;
    const Step step = take_block(burst[count]);
    if (step == Step::Broken) break;
    if (step == Step::Frame) ++count;
  }
  return count;
}

PcapngFile::Step PcapngFile::take_block(Frame& frame) {
  const uint32_t length = block_length();
  const uint32_t type = u32(0);
  if (length < kSmallestBlock || length % 4 != 0) return broken("has a length of " + std::to_string(length));
  Step step = Step::Nothing;
  if (type == kMagic) step = take_section();
  if (type == kInterfaceBlock) step = take_interface();
  if (is_packet(type)) step = take_packet(type, frame);
  if (step == Step::Broken) return step;
  if (u32(length - kTrailer) != length) return broken("does not repeat its length at its end");
  at_ += length;
  return step;
}

PcapngFile::Step PcapngFile::take_section() {
  constexpr uint32_t kShortest = 28;
  const auto order = load_host<uint32_t>(at_ + 8);
  if (order != kByteOrder && order != __builtin_bswap32(kByteOrder)) return broken("has no byte-order magic");
  swapped_ = order != kByteOrder;
  if (block_length() < kShortest) return broken("is too short for a section header");
  if (u16(12) != 1) return broken("is a section of version " + std::to_string(u16(12)) + ", only 1 is known");
  interfaces_.clear();
  return Step::Nothing;
}

PcapngFile::Step PcapngFile::take_interface() {
  constexpr uint32_t kFixed = 16;
  const uint32_t length = block_length();
  if (length < kFixed + kTrailer) return broken("is too short for an interface description");
  if (interfaces_.size() == kMaxInterfaces) {
    return broken("describes more than " + std::to_string(kMaxInterfaces) + " interfaces");
  }
  Interface interface;
  interface.link_type = static_cast<LinkType>(u16(8));
  interface.snap_length = u32(12);
  take_options(interface, at_ + kFixed, at_ + length - kTrailer);
  if (interface.ticks_per_second == 0) return broken("has a time resolution that is not supported");
  interfaces_.push_back(interface);
  return Step::Nothing;
}

void PcapngFile::take_options(Interface& interface, const uint8_t* at, const uint8_t* end) const {
  while (end - at >= 4) {
    const uint16_t code = load16(at, swapped_);
    const uint16_t length = load16(at + 2, swapped_);
    at += 4;
    if (code == 0 || length > end - at) return;
    if (code == kResolution && length == 1) interface.ticks_per_second = ticks_per_second(*at);
    if (code == kOffset && length == 8) interface.offset_seconds = static_cast<int64_t>(load64(at, swapped_));
    at += std::min<ptrdiff_t>((length + 3) & ~3, end - at);
  }
}

bool PcapngFile::parse(uint32_t type, Packet& packet) const {
  const uint32_t fixed = type == kSimplePacketBlock ? 12 : 28;
  const uint32_t length = block_length();
  if (length < fixed + kTrailer) return false;
  const uint32_t room = length - fixed - kTrailer;
  packet.data = at_ + fixed;
  if (type == kSimplePacketBlock) {
    packet.length = u32(8);
    packet.captured = std::min(packet.length, room);
    if (!interfaces_.empty() && interfaces_.front().snap_length > 0) {
      packet.captured = std::min(packet.captured, interfaces_.front().snap_length);
    }
    return true;
  }
  packet.interface = type == kOldPacketBlock ? u16(8) : u32(8);
  packet.ticks = uint64_t{u32(12)} << 32 | u32(16);
  packet.captured = u32(20);
  packet.length = u32(24);
  return packet.captured <= room;
}

PcapngFile::Step PcapngFile::take_packet(uint32_t type, Frame& frame) {
  Packet packet;
  if (!parse(type, packet)) return broken("is too short for its packet");
  if (packet.interface >= interfaces_.size()) {
    return broken("is of interface " + std::to_string(packet.interface) + ", which is not described");
  }
  const Interface& interface = interfaces_[packet.interface];
  if (interface.link_type != link_type()) {
    return broken("is of link type " + link_type_text(interface.link_type) + " in a file of " +
                  link_type_text(link_type()) + ": one link type a file is supported");
  }
  frame = Frame{};
  frame.data = packet.data;
  frame.captured = packet.captured;
  frame.length = packet.length;
  frame.time_us = to_microseconds(packet.ticks, interface.ticks_per_second, interface.offset_seconds);
  return admit(frame, 0) ? Step::Frame : Step::Nothing;
}

PcapngFile::Step PcapngFile::broken(const std::string& what) {
  fail(what);
  return Step::Broken;
}

}  // namespace microcloud
