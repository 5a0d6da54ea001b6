// Updates that wait on disk, first in first out: in a file without a name, so that it goes with the process.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "cloud/spilled_update.h"

namespace microcloud {

/// One thread at a time. Written and read in blocks of about 32 KB; the last one is in memory, so that little never
/// gets to the disk. What was read is given back to the file system. Of each block its place, size and checksum are
/// kept in memory (1 GB: 1 MB): nothing of what is read back is believed before.
class SpillFile {
 public:
  /// Throws std::runtime_error: no file can be made there, and why.
  SpillFile(std::string directory, uint64_t most_bytes, HashSeed seed);
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  /// False: it was not taken, as so many bytes are there, with those that are `elsewhere`, or it cannot be written. A
  /// line in the log says so the first time since it was empty.
  [[nodiscard]] bool push(const KeyUpdate& update, uint64_t elsewhere = 0);
  /// Shows a block of the oldest ones, which are in the file no more. Those that cannot be read back are lost, with a
  /// line in the log for the first.
  void pop(const std::function<void(const SpilledUpdate&)>& take);

  bool empty() const { return updates_ == 0; }
  size_t updates() const { return updates_; }
  /// That it takes: of the disk, and the last block.
  uint64_t bytes() const { return end_ - given_back_ + last_.bytes; }
  uint64_t lost() const { return lost_; }          // increments that could not be read back
  uint64_t failures() const { return failures_; }  // of writing and reading

 private:
  struct Block {
    uint64_t bytes = 0;
    uint64_t checksum = 0;
    uint64_t increments = 0;
    size_t updates = 0;
  };
  using Clock = std::chrono::steady_clock;
  bool write_last(uint64_t elsewhere);
  void refuse(const std::string& why);
  std::string read(const Block& block);
  void give_back();
  void lose(const Block& block, uint64_t increments, const std::string& why);

  const std::string directory_;
  const uint64_t most_bytes_;
  const HashSeed seed_;
  FieldNames names_;
  int file_ = -1;
  std::deque<Block> blocks_;  // that are written and not read
  uint64_t begin_ = 0;        // of them
  uint64_t end_ = 0;
  uint64_t given_back_ = 0;  // up to here
  Block last_;
  std::string last_bytes_;
  std::string read_bytes_;
  SpilledUpdate update_;
  size_t updates_ = 0;
  uint64_t lost_ = 0;
  uint64_t failures_ = 0;
  bool refusal_told_ = false;  // since it was empty
  bool loss_told_ = false;
  Clock::time_point write_again_;
};

}  // namespace microcloud
