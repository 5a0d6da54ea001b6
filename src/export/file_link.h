// Messages into a file (RFC 5655): one behind the other, templates first.
#pragma once

#include "export/link.h"

namespace microcloud {

class FileLink final : public Link {
 public:
  /// Throws std::runtime_error when the file cannot be created.
  FileLink(std::string name, std::string path);
  ~FileLink() override;
  void start(Opening& opening) override;
  size_t largest_message() const override;
  void send(MessageBatch& batch) override;
  void finish() override;
  std::string error() const override { return error_; }

 private:
  std::string path_;
  int descriptor_;
  std::string error_;
};

}  // namespace microcloud
