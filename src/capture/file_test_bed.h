// For tests: capture files written byte by byte, and what their reader gave.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "capture/file_source.h"

namespace microcloud {

/// Integers in either byte order, one behind the other.
class Writer {
 public:
  explicit Writer(bool swapped = false) : swapped_(swapped) {}

  Writer& u16(unsigned value) { return number(value, 2); }
  Writer& u32(uint64_t value) { return number(value, 4); }
  Writer& raw(const std::string& bytes) {
    bytes_ += bytes;
    return *this;
  }
  Writer& pad() { return raw(std::string((4 - bytes_.size() % 4) % 4, '\0')); }
  const std::string& bytes() const { return bytes_; }

  /// A pcap file's header.
  Writer& file(uint32_t magic = 0xa1b2c3d4, uint32_t network = 1, uint32_t snap = 65535, unsigned minor = 4) {
    return u32(magic).u16(2).u16(minor).u32(0).u32(0).u32(snap).u32(network);
  }
  Writer& record(uint32_t seconds, uint32_t fraction, const std::string& data, size_t length = 0) {
    return u32(seconds).u32(fraction).u32(data.size()).u32(length == 0 ? data.size() : length).raw(data);
  }
  /// A pcapng block around `body`.
  Writer& block(uint32_t type, const std::string& body) {
    const size_t length = 12 + (body.size() + 3) / 4 * 4;
    return u32(type).u32(length).raw(body).pad().u32(length);
  }
  Writer& section() { return block(0x0a0d0d0a, like().u32(0x1a2b3c4d).u16(1).u16(0).u32(~0U).u32(~0U).bytes()); }
  Writer& interface(unsigned link_type, uint32_t snap = 0, const std::string& options = {}) {
    return block(1, like().u16(link_type).u16(0).u32(snap).raw(options).bytes());
  }
  Writer& packet(uint32_t interface, uint64_t ticks, const std::string& data, size_t length = 0) {
    return block(6, like()
                        .u32(interface)
                        .u32(ticks >> 32)
                        .u32(ticks & 0xffffffff)
                        .u32(data.size())
                        .u32(length == 0 ? data.size() : length)
                        .raw(data)
                        .bytes());
  }
  Writer like() const { return Writer(swapped_); }

 private:
  Writer& number(uint64_t value, int size) {
    for (int i = 0; i < size; ++i) {
      const int byte = swapped_ ? size - 1 - i : i;
      bytes_.push_back(static_cast<char>(value >> (8 * byte) & 0xff));
    }
    return *this;
  }

  bool swapped_;
  std::string bytes_;
};

/// A frame whose bytes tell which one it is.
inline std::string numbered(size_t number, size_t size) {
  std::string data(size, '\0');
  for (size_t i = 0; i < size; ++i) data[i] = static_cast<char>(number * 31 + i);
  return data;
}

struct Seen {
  std::string data;
  uint32_t length;
  int64_t time_us;
};

struct Outcome {
  std::vector<Seen> frames;
  ReadStatus status = ReadStatus::More;
  std::string error;
};

inline Outcome read_all(Source& source, size_t burst_size = 32) {
  Outcome outcome;
  std::vector<Frame> burst(burst_size);
  while (outcome.status == ReadStatus::More || outcome.status == ReadStatus::Idle) {
    const ReadResult result = source.read(burst);
    for (size_t i = 0; i < result.count; ++i) {
      const Frame& frame = burst[i];
      outcome.frames.push_back({{frame.data, frame.data + frame.captured}, frame.length, frame.time_us});
    }
    outcome.status = result.status;
  }
  outcome.error = source.error();
  return outcome;
}

class FileSource : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(folder_.data()), nullptr); }
  void TearDown() override {
    ::unlink(path().c_str());
    ::rmdir(folder_.c_str());
  }

  std::string path() const { return folder_ + "/x.pcap"; }
  void write(const std::string& bytes) const {
    std::FILE* file = std::fopen(path().c_str(), "wb");
    ASSERT_NE(file, nullptr);
    ASSERT_EQ(std::fwrite(bytes.data(), 1, bytes.size(), file), bytes.size());
    std::fclose(file);
  }
  Outcome read(const Writer& file, const std::string& filter = {}, uint32_t snap_length = 0) const {
    write(file.bytes());
    return read_all(*open_file(path(), filter, snap_length));
  }
  /// The sentence with which open_file() refuses, without the file's name.
  std::string refusal(const std::string& bytes, const std::string& filter = {}) const {
    write(bytes);
    return refusal_of(path(), filter);
  }
  static std::string refusal_of(const std::string& path, const std::string& filter = {}) {
    try {
      open_file(path, filter);
    } catch (const std::runtime_error& error) {
      const std::string text = error.what();
      return text.substr(0, path.size()) == path ? text.substr(path.size()) : text;
    }
    return "accepted";
  }
  std::string at(size_t offset, const std::string& what) const {
    return path() + ": the record at byte " + std::to_string(offset) + " " + what;
  }

  std::string folder_ = testing::TempDir() + "file_source_XXXXXX";
};

/// IPv4 with UDP, enough for filters.

inline std::string udp_frame(unsigned destination_port) {
  std::string frame(12, '\x02');
  frame += std::string("\x08\x00\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02", 22);
  frame += std::string("\x30\x39", 2);
  frame += static_cast<char>(destination_port >> 8);
  frame += static_cast<char>(destination_port & 0xff);
  return frame + std::string("\x00\x08\x00\x00", 4);
}

}  // namespace microcloud
