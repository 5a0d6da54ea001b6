// What SCANs give bit by bit: a cursor is a listing's number, and below it where it stands.
#pragma once

#include <chrono>
#include <map>
#include <memory>

#include "query/listing.h"
#include "resp/reply_writer.h"

namespace microcloud {

/// The options of SCAN. https://redis.io/docs/latest/commands/scan/
struct ScanOptions {
  uint64_t cursor = 0;
  uint64_t count = 10;
  std::string pattern = "*";
  std::string type;  // lower case

  /// False, and the reply is written: they are wrong.
  bool read(const std::vector<std::string>& words, resp::ReplyWriter reply);
};

/// Bounded in memory and time: what was used longest ago is forgotten first, and its cursor is invalid then. The last
/// one stays, whatever it takes.
class Scans {
 public:
  using Names = std::shared_ptr<const KeyNamesFound>;
  static constexpr size_t kMostBytes = size_t{256} << 20;
  static constexpr size_t kMost = 1024;
  static constexpr std::chrono::seconds kKept{120};

  explicit Scans(size_t most_bytes = kMostBytes) : most_bytes_(most_bytes) {}
  /// The first part.
  void begin(Names names, uint64_t count, resp::ReplyWriter reply);
  /// A later one, or an error.
  void go_on(uint64_t cursor, uint64_t count, resp::ReplyWriter reply);
  size_t size() const { return scans_.size(); }
  size_t bytes() const { return bytes_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Scan {
    Names names;
    Clock::time_point used;
  };
  using Place = std::map<uint64_t, Scan>::iterator;
  void give(Place scan, uint64_t from, uint64_t count, resp::ReplyWriter reply);
  void erase(Place scan);
  void forget();

  std::map<uint64_t, Scan> scans_;
  size_t most_bytes_;
  size_t bytes_ = 0;
  uint64_t next_ = 1;
};

}  // namespace microcloud
