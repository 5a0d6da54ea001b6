// Records as JSON lines into a file or to standard output.
#pragma once

#include <cstdio>
#include <string>

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

 private:
  std::string path_;
  int descriptor_;
  JsonWriter writer_;
  std::string buffer_;
  std::string error_;
};

}  // namespace microcloud
