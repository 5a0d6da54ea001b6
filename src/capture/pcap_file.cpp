#include "capture/pcap_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace microcloud {

namespace {

constexpr uint32_t kMagicMicroseconds = 0xa1b2c3d4;
constexpr uint32_t kMagicNanoseconds = 0xa1b23c4d;
constexpr size_t kFileHeader = 24;
constexpr size_t kRecordHeader = 16;
constexpr size_t kBlock = 256U << 10;
// Snapshot lengths in file headers cannot be trusted to be large enough; this is libpcap's own floor.
constexpr uint32_t kUsualCaptured = 256U << 10;
constexpr uint32_t kFcsPresent = 0x04000000;

template <bool kSwapped>
uint32_t load(const uint8_t* from) {
  uint32_t value;
  std::memcpy(&value, from, sizeof value);
  return kSwapped ? __builtin_bswap32(value) : value;
}

uint32_t load(const uint8_t* from, bool swapped) {
  return swapped ? load<true>(from) : load<false>(from);
}

}  // namespace

std::optional<PcapFormat> PcapFormat::of(Bytes head) {
  if (head.size() < kFileHeader) return std::nullopt;
  PcapFormat format;
  const uint32_t magic = load<false>(head.data());
  format.swapped = magic == __builtin_bswap32(kMagicMicroseconds) || magic == __builtin_bswap32(kMagicNanoseconds);
  const uint32_t ours = format.swapped ? __builtin_bswap32(magic) : magic;
  if (ours != kMagicMicroseconds && ours != kMagicNanoseconds) return std::nullopt;
  format.nanoseconds = ours == kMagicNanoseconds;

  uint16_t version[2];
  std::memcpy(version, head.data() + 4, sizeof version);
  const bool wanted =
      format.swapped ? version[0] == 0x0200 && version[1] == 0x0400 : version[0] == 2 && version[1] == 4;
  if (!wanted) return std::nullopt;

  format.snap_length = load(head.data() + 16, format.swapped);
  const uint32_t network = load(head.data() + 20, format.swapped);
  format.link_type = static_cast<LinkType>(network & 0xffff);
  if ((network & kFcsPresent) != 0) format.fcs_bytes = (network >> 28) * 2;
  return format;
}

PcapFile::PcapFile(std::unique_ptr<FileInput> input, const PcapFormat& format, std::optional<PacketFilter> filter,
                   uint32_t snap_length)
    : input_(std::move(input)),
      format_(format),
      filter_(std::move(filter)),
      snap_length_(snap_length == 0 ? UINT32_MAX : snap_length),
      max_captured_(std::clamp(format.snap_length, kUsualCaptured, kMaxCaptured)),
      plain_(!filter_ && format.fcs_bytes == 0),
      walk_(choose_walk()),
      capacity_(kBlock),
      buffer_(std::make_unique_for_overwrite<uint8_t[]>(kBlock)),
      at_(buffer_.get()),
      end_(buffer_.get()) {
  uint8_t header[kFileHeader];
  input_->read(header, sizeof header);
  buffer_offset_ = kFileHeader;
}

PcapFile::Walk PcapFile::choose_walk() const {
  if (format_.swapped) return format_.nanoseconds ? &PcapFile::walk<true, true> : &PcapFile::walk<true, false>;
  return format_.nanoseconds ? &PcapFile::walk<false, true> : &PcapFile::walk<false, false>;
}

ReadResult PcapFile::read(std::span<Frame> burst) {
  // Only here, when no frame of the last burst is in use any more, may the buffer's bytes move.
  while (!complete()) {
    const ReadStatus status = last_ == ReadStatus::More ? refill() : last_;
    if (status != ReadStatus::More) return {0, status};
  }
  const size_t count = (this->*walk_)(burst);
  position_.set(offset());
  return {count, ReadStatus::More};
}

// A complete record never has more than max_captured_: the buffer does not grow beyond that.
template <bool kSwapped, bool kNanoseconds>
size_t PcapFile::walk(std::span<Frame> burst) {
  // Locals, as stores to frames might change members for all the compiler knows.
  const uint8_t* const end = end_;
  const uint32_t snap_length = snap_length_;
  const bool plain = plain_;
  const uint8_t* at = at_;
  size_t count = 0;
  while (count < burst.size()) {
    const auto left = static_cast<size_t>(end - at);
    if (left < kRecordHeader) break;
    const uint32_t captured = load<kSwapped>(at + 8);
    if (captured > left - kRecordHeader) break;

    Frame& frame = burst[count];
    frame.data = at + kRecordHeader;
    frame.captured = std::min(captured, snap_length);
    frame.length = load<kSwapped>(at + 12);
    const uint32_t fraction = load<kSwapped>(at + 4);
    frame.time_us = int64_t{load<kSwapped>(at)} * 1'000'000 + (kNanoseconds ? fraction / 1000 : fraction);
    frame.interface = 0;
    frame.flag = FrameFlag::None;
    at += kRecordHeader + captured;
    count += plain || admit(frame, captured) ? 1 : 0;
  }
  at_ = at;
  return count;
}

bool PcapFile::complete() const {
  const auto left = static_cast<size_t>(end_ - at_);
  return left >= kRecordHeader && load(at_ + 8, format_.swapped) <= left - kRecordHeader;
}

// Off the plain path: takes the frame check sequence off, asks the filter, and only then cuts to the snapshot length.
bool PcapFile::admit(Frame& frame, uint32_t captured) {
  frame.length -= std::min(format_.fcs_bytes, frame.length);
  if (format_.fcs_bytes > 0) captured = std::min(captured, frame.length);
  frame.captured = std::min(captured, snap_length_);
  if (!filter_ || filter_->matches(frame.data, captured, frame.length)) return true;
  filtered_.add();
  return false;
}

ReadStatus PcapFile::refill() {
  if (static_cast<size_t>(end_ - at_) >= kRecordHeader) {
    const uint32_t captured = load(at_ + 8, format_.swapped);
    if (captured > max_captured_) {
      return fail("is broken: captured length " + std::to_string(captured) + " is larger than the limit of " +
                  std::to_string(max_captured_));
    }
  }
  make_room();
  const auto held = static_cast<size_t>(end_ - at_);
  const FileInput::Result got = input_->read(buffer_.get() + held, capacity_ - held);
  switch (got.state) {
    case FileInput::State::Data:
      end_ += got.count;
      return ReadStatus::More;
    case FileInput::State::Idle:
      return ReadStatus::Idle;
    case FileInput::State::End:
      return end_of_input();
    case FileInput::State::Error:
      break;
  }
  return fail("cannot be read: " + std::string(std::strerror(errno)));
}

// The bytes of the incomplete record go to the buffer's front; the buffer grows only when they fill it, so by what the
// file really holds and not by what a length in it claims.
void PcapFile::make_room() {
  const auto held = static_cast<size_t>(end_ - at_);
  buffer_offset_ = offset();
  if (held < capacity_) {
    std::memmove(buffer_.get(), at_, held);
  } else {
    capacity_ = std::min(capacity_ * 2, kRecordHeader + max_captured_);
    auto larger = std::make_unique_for_overwrite<uint8_t[]>(capacity_);
    std::memcpy(larger.get(), at_, held);
    buffer_ = std::move(larger);
  }
  at_ = buffer_.get();
  end_ = at_ + held;
}

ReadStatus PcapFile::end_of_input() {
  const auto held = static_cast<size_t>(end_ - at_);
  if (held == 0) return last_ = ReadStatus::End;
  if (held < kRecordHeader) {
    return fail("is cut: the file ends after " + std::to_string(held) + " of the " + std::to_string(kRecordHeader) +
                " bytes of its header");
  }
  return fail("is cut: the file ends after " + std::to_string(held - kRecordHeader) + " of its " +
              std::to_string(load(at_ + 8, format_.swapped)) + " captured bytes");
}

ReadStatus PcapFile::fail(const std::string& what) {
  error_ = input_->name() + ": the record at byte " + std::to_string(offset()) + " " + what;
  return last_ = ReadStatus::Failed;
}

}  // namespace microcloud
