#include "capture/libpcap_file.h"

#include <pcap/pcap.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "capture/link_type.h"

namespace microcloud {

/// A FILE for libpcap on top of a FileInput: the head is given back, and the position in the file is always known.
class LibpcapFile::Stream {
 public:
  explicit Stream(std::unique_ptr<FileInput> input) : input_(std::move(input)), buffer_(kBlock) {}

  /// Not buffered again by stdio, or the position would run ahead. Closed by whoever takes it.
  FILE* open() {
    cookie_io_functions_t calls{};
    calls.read = [](void* self, char* to, size_t room) { return static_cast<Stream*>(self)->give(to, room); };
    FILE* const file = ::fopencookie(this, "r", calls);
    if (file != nullptr) ::setvbuf(file, nullptr, _IONBF, 0);
    return file;
  }
  bool ready() const { return at_ < end_ || input_->ready(); }
  uint64_t position() const { return position_; }
  const FileInput& input() const { return *input_; }

 private:
  static constexpr size_t kBlock = 256U << 10;

  ssize_t give(char* to, size_t room) {
    while (at_ == end_) {
      const FileInput::Result got = input_->read(buffer_.data(), buffer_.size());
      if (got.state == FileInput::State::End) return 0;
      if (got.state == FileInput::State::Error) return -1;
      at_ = 0;
      end_ = got.count;
    }
    const size_t count = std::min(room, end_ - at_);
    std::memcpy(to, buffer_.data() + at_, count);
    at_ += count;
    position_ += count;
    return static_cast<ssize_t>(count);
  }

  std::unique_ptr<FileInput> input_;
  std::vector<uint8_t> buffer_;
  size_t at_ = 0;
  size_t end_ = 0;
  uint64_t position_ = 0;
};

LibpcapFile::LibpcapFile(std::unique_ptr<FileInput> input, const std::string& bpf_filter, uint32_t snap_length)
    : stream_(std::make_unique<Stream>(std::move(input))),
      handle_(nullptr, pcap_close),
      snap_length_(snap_length == 0 ? UINT32_MAX : snap_length) {
  const std::string& name = stream_->input().name();
  FILE* const file = stream_->open();
  if (file == nullptr) throw std::runtime_error(name + ": " + std::strerror(errno));
  char reason[PCAP_ERRBUF_SIZE] = {};
  handle_.reset(pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_MICRO, reason));
  if (!handle_) {
    ::fclose(file);
    throw std::runtime_error(name + ": " + reason);
  }
  link_type_ = link_type_of(pcap_datalink(handle_.get()));
  if (!bpf_filter.empty()) filter_.emplace(handle_.get(), bpf_filter);
}

LibpcapFile::~LibpcapFile() = default;

uint64_t LibpcapFile::size() const {
  return stream_->input().size();
}

ReadResult LibpcapFile::read(std::span<Frame> burst) {
  arena_.clear();
  size_t count = 0;
  // A frame that does not match takes its turn too, so that a call stays short.
  for (size_t turn = 0; turn < burst.size() && last_ == ReadStatus::More; ++turn) {
    if (!stream_->ready()) {
      if (count == 0) return {0, ReadStatus::Idle};
      break;
    }
    if (next(burst[count])) ++count;
  }
  const uint8_t* at = arena_.data();  // only now, as it may have moved while it grew
  for (Frame& frame : burst.first(count)) {
    frame.data = at;
    at += frame.captured;
  }
  position_.set(stream_->position());
  return {count, last_};
}

bool LibpcapFile::next(Frame& frame) {
  pcap_pkthdr* header = nullptr;
  const uint8_t* data = nullptr;
  const uint64_t record = stream_->position();
  const int got = pcap_next_ex(handle_.get(), &header, &data);
  if (got == PCAP_ERROR_BREAK) {
    last_ = ReadStatus::End;
    return false;
  }
  if (got != 1) {
    last_ = fail(record, pcap_geterr(handle_.get()));
    return false;
  }
  if (filter_ && !filter_->matches(data, header->caplen, header->len)) {
    filtered_.add();
    return false;
  }
  frame = Frame{};
  frame.captured = std::min(header->caplen, snap_length_);
  frame.length = header->len;
  frame.time_us = int64_t{header->ts.tv_sec} * 1'000'000 + header->ts.tv_usec;
  arena_.insert(arena_.end(), data, data + frame.captured);
  return true;
}

ReadStatus LibpcapFile::fail(uint64_t record, const char* reason) {
  error_ = stream_->input().name() + ": the record at byte " + std::to_string(record) + ": " + reason;
  return ReadStatus::Failed;
}

}  // namespace microcloud
