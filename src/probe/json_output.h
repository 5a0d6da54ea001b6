// Records as JSON lines into a file or to standard output.
#pragma once

#include <atomic>
#include <cstdio>
#include <string>

#include "base/counter.h"
#include "probe/output.h"
#include "record/json.h"

namespace microcloud {

class JsonOutput final : public Output {
 public:
  /// `-` is standard output. Throws std::runtime_error when the file cannot be created.
  explicit JsonOutput(std::string path);
  ~JsonOutput() override;
  JsonOutput(const JsonOutput&) = delete;
  JsonOutput& operator=(const JsonOutput&) = delete;

  void put(const RecordRef& record) override;
  void flush() override;
  std::string error() const override { return error_; }
  /// Any thread: opens the file anew at the next flush, behind what it holds (it was renamed, or is the same). One that
  /// cannot be opened leaves the old one in use, with a line in the log.
  void reopen() { reopen_.store(true, std::memory_order_relaxed); }

  /// Any thread: records put, written, lost because writing failed; files that could not be opened anew.
  struct Counts {
    Counter put;
    Counter written;
    Counter lost;
    Counter reopen_failures;
  };
  const Counts& counts() const { return counts_; }

 private:
  void open_again();

  std::string path_;
  int descriptor_;
  JsonWriter writer_;
  std::string buffer_;
  std::string error_;
  uint64_t waiting_ = 0;  // records in the buffer
  std::atomic<bool> reopen_{false};
  Counts counts_;
};

}  // namespace microcloud
