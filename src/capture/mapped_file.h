// A capture file in memory, read where the system keeps it: no copy of it is made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace microcloud {

/// Bytes of a regular file from its beginning to the size it had when it was mapped, shown front to back. A file that
/// becomes shorter meanwhile, or cannot be read, would end the process with SIGBUS: here its bytes become zeros, and
/// damaged() says so when one was read of a page that is not there, or look() was asked. Owned by its reader, on whose
/// thread its bytes are read.
class MappedFile {
 public:
  /// Null where it cannot be done: an empty file, a file system without, too many at once.
  static std::unique_ptr<MappedFile> open(int fd);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const uint8_t* begin() const { return begin_; }
  const uint8_t* end() const { return begin_ + size_; }

  /// Bytes from `from` on will be read now, about `count` of them; those before `done` not again.
  void advance(const uint8_t* done, const uint8_t* from, size_t count);
  /// Whether more of the file is there than when it was mapped: then all of it is, and begin() may be another.
  bool grow();

  /// Whether the file is shorter now than it was, which is then remembered.
  bool look();
  bool damaged() const;
  /// The file's size now.
  uint64_t size_now() const;

 private:
  MappedFile(int fd, const uint8_t* begin, size_t size, size_t watch);

  const int fd_;  // the reader's
  const uint8_t* begin_;
  size_t size_;
  const size_t watch_;                 // which of the watches
  const uint8_t* released_ = nullptr;  // pages before it were given back
};

}  // namespace microcloud
