#include "capture/pcap_file.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "capture/byte_order.h"

namespace microcloud {

namespace {

constexpr uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr uint32_t kNanoseconds = 0xa1b23c4d;
constexpr uint32_t kKuznetzov = 0xa1b2cd34;  // 8 bytes more in each record's header: interface, protocol, direction
constexpr uint32_t kHeader = 16;             // of a record, and in it:
constexpr uint32_t kCapturedAt = 8;
constexpr uint32_t kFcsPresent = 0x04000000;
// Snapshot lengths in file headers are often too small, or nonsense: this is libpcap's own floor.
constexpr uint32_t kUsualCaptured = 256U << 10;

bool is_magic_in_host_order(uint32_t magic) {
  return magic == kMicroseconds || magic == kNanoseconds || magic == kKuznetzov;
}

}  // namespace

bool PcapFile::is_magic(uint32_t magic) {
  return is_magic_in_host_order(magic) || is_magic_in_host_order(__builtin_bswap32(magic));
}

template <bool kPlain>
PcapFile::Walk PcapFile::walk_of(bool swapped, bool nanoseconds) {
  if (nanoseconds) return swapped ? &PcapFile::walk_as<true, true, kPlain> : &PcapFile::walk_as<false, true, kPlain>;
  return swapped ? &PcapFile::walk_as<true, false, kPlain> : &PcapFile::walk_as<false, false, kPlain>;
}

PcapFile::PcapFile(std::unique_ptr<FileInput> input, const std::string& bpf_filter, uint32_t snap_length)
    : RecordFile(std::move(input), snap_length) {
  uint8_t header[FileInput::kHead];
  take_head(header);
  uint32_t magic = load32(header, false);
  swapped_ = !is_magic_in_host_order(magic);
  magic = load32(header, swapped_);
  if (magic == kKuznetzov) record_header_ = 24;

  const unsigned major = load16(header + 4, swapped_);
  const unsigned minor = load16(header + 6, swapped_);
  if (major != 2) {
    throw std::runtime_error(name() + ": pcap version " + std::to_string(major) + "." + std::to_string(minor) +
                             " is not supported, only 2.x");
  }
  if (minor < 3) captured_at_ = 12;
  limit_body(std::clamp(load32(header + 16, swapped_), kUsualCaptured, kMaxRecord));
  const uint32_t network = load32(header + 20, swapped_);
  if ((network & kFcsPresent) != 0) fcs_bytes_ = (network >> 28) * 2;
  begin(static_cast<LinkType>(network & 0xffff), bpf_filter);

  const bool nanoseconds = magic == kNanoseconds;
  if (!filtering() && fcs_bytes_ == 0 && record_header_ == kHeader && captured_at_ == kCapturedAt) {
    walk_ = walk_of<true>(swapped_, nanoseconds);
  } else {
    walk_ = walk_of<false>(swapped_, nanoseconds);
  }
}

RecordFile::Extent PcapFile::next_record() const {
  const bool known = static_cast<size_t>(end_ - at_) >= record_header_;
  return {record_header_, known ? load32(at_ + captured_at_, swapped_) : 0};
}

template <bool kSwapped, bool kNanoseconds, bool kPlain>
size_t PcapFile::walk_as(std::span<Frame> burst) {
  // Locals, as stores to frames might change members for all the compiler knows.
  const uint8_t* const end = end_;
  const uint32_t header = kPlain ? kHeader : record_header_;
  const uint32_t captured_at = kPlain ? kCapturedAt : captured_at_;
  const uint32_t length_at = 8 + 12 - captured_at;
  const uint32_t snap = snap_length();
  const size_t most = most_body(SIZE_MAX);
  const uint8_t* at = at_;
  ReadAhead ahead = ahead_;
  Frame* frame = burst.data();
  Frame* const last = frame + burst.size();
  while (frame != last) {
    const auto left = static_cast<size_t>(end - at);
    if (left < header) break;
    ahead.need(at);  // all of it: where the next record begins is not known before this one was read
    const uint32_t captured = load32(at + captured_at, kSwapped);
    if (captured - 1 >= std::min(left - header, most)) [[unlikely]] {  // too many, or none
      if (captured != 0 || lost()) break;
    }

    frame->data = at + header;
    frame->captured = kPlain ? std::min(captured, snap) : captured;
    frame->length = load32(at + length_at, kSwapped);
    const uint32_t fraction = load32(at + 4, kSwapped);
    frame->time_us = int64_t{load32(at, kSwapped)} * 1'000'000 + (kNanoseconds ? fraction / 1000 : fraction);
    frame->interface = 0;
    frame->outgoing = frame->checksum_pending = false;
    __builtin_prefetch(frame->data + 48);  // where most headers end: another line than the record begins in
    at += header + captured;
    if (kPlain || admit(*frame, fcs_bytes_)) ++frame;
  }
  at_ = at;
  ahead_ = ahead;
  return static_cast<size_t>(frame - burst.data());
}

}  // namespace microcloud
