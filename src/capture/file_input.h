// The bytes of a capture file, of a pipe or of standard input, front to back.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/cursor.h"
#include "capture/mapped_file.h"

namespace microcloud {

/// Owned by the source that reads it, on its thread.
class FileInput {
 public:
  enum class State : uint8_t {
    Data,
    Idle,  // a pipe had nothing for kPollMs
    End,
    Error,  // errno says why
  };
  struct Result {
    size_t count = 0;
    State state = State::Data;
  };

  /// `-` is standard input. Throws std::runtime_error: no such file, no permission, a directory, empty.
  explicit FileInput(const std::string& path);
  ~FileInput();
  FileInput(const FileInput&) = delete;
  FileInput& operator=(const FileInput&) = delete;

  /// The first bytes (fewer when the input is shorter), which read() still gives.
  Bytes head() const { return {head_.data(), head_size_}; }
  /// At most once `room`; a pipe gives what it has.
  Result read(uint8_t* to, size_t room);
  /// All of it in memory; null: it is to be read (a pipe, standard input). What was read so far is in it as well.
  std::unique_ptr<MappedFile> map() const;
  /// A file always; a pipe when it has something, or its end, within kPollMs.
  bool ready() const;

  /// A wait for a pipe ends when this descriptor is readable.
  void wake_by(int fd) { wake_fd_ = fd; }

  /// As messages name it.
  const std::string& name() const { return name_; }
  /// 0: not known (a pipe).
  uint64_t size() const { return size_; }

  static constexpr size_t kHead = 24;  // a pcap file's header
  static constexpr int kPollMs = 10;

 private:
  void read_head();

  bool standard_;
  std::string name_;
  int fd_;
  int wake_fd_ = -1;
  bool waits_ = false;  // a pipe, a socket or a terminal
  uint64_t size_ = 0;
  std::array<uint8_t, kHead> head_{};
  size_t head_size_ = 0;
  size_t head_given_ = 0;
};

}  // namespace microcloud
