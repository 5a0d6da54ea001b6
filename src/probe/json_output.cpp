#include "probe/json_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "base/log.h"

namespace microcloud {
namespace {

constexpr size_t kBufferBytes = size_t{256} << 10;

}  // namespace

JsonOutput::JsonOutput(std::string path) : path_(std::move(path)) {
  descriptor_ = path_ == "-" ? STDOUT_FILENO : open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw std::runtime_error("cannot create " + path_ + ": " + std::strerror(errno));
  buffer_.reserve(kBufferBytes + 4096);
}

JsonOutput::~JsonOutput() {
  if (descriptor_ != STDOUT_FILENO) close(descriptor_);
}

void JsonOutput::put(const RecordRef& record) {
  counts_.put.add();
  if (!error_.empty()) {
    counts_.lost.add();
    return;
  }
  writer_.append(record, buffer_);
  ++waiting_;
  if (buffer_.size() >= kBufferBytes) flush();
}

void JsonOutput::flush() {
  size_t written = 0;
  while (written < buffer_.size() && error_.empty()) {
    const ssize_t count = write(descriptor_, buffer_.data() + written, buffer_.size() - written);
    if (count >= 0) {
      written += static_cast<size_t>(count);
    } else if (errno != EINTR) {
      error_ =
          "cannot write " + (path_ == "-" ? std::string("to standard output") : path_) + ": " + std::strerror(errno);
    }
  }
  (error_.empty() ? counts_.written : counts_.lost).add(waiting_);
  waiting_ = 0;
  buffer_.clear();
  if (reopen_.exchange(false, std::memory_order_relaxed) && descriptor_ != STDOUT_FILENO) open_again();
}

/// Appends: SIGHUP may come without a rename before it.
void JsonOutput::open_again() {
  const int descriptor = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    counts_.reopen_failures.add();
    log_error("cannot open " + path_ + " again: " + std::strerror(errno) + "; records still go to the old file");
    return;
  }
  close(descriptor_);
  descriptor_ = descriptor;
}

}  // namespace microcloud
