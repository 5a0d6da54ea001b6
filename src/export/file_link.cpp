#include "export/file_link.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace microcloud {

FileLink::FileLink(std::string name, std::string path)
    : Link(std::move(name)),
      path_(std::move(path)),
      descriptor_(open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
  if (descriptor_ < 0) throw std::runtime_error("cannot create " + path_ + ": " + std::strerror(errno));
}

FileLink::~FileLink() {
  close(descriptor_);
}

void FileLink::start(Opening& opening) {
  counters_.up.set(1);
  counters_.sessions.add();
  opening.begin_session();
}

size_t FileLink::largest_message() const {
  return size_t{16} << 10;
}

void FileLink::send(MessageBatch& batch) {
  char* at = batch.bytes.data();
  for (const MessageInfo& info : batch.messages) {
    session_.stamp(at, info);
    at += info.size;
  }
  size_t written = 0;
  while (written < batch.bytes.size() && error_.empty()) {
    const ssize_t count = write(descriptor_, batch.bytes.data() + written, batch.bytes.size() - written);
    if (count >= 0) {
      written += static_cast<size_t>(count);
    } else if (errno != EINTR) {
      error_ = "cannot write " + path_ + ": " + std::strerror(errno);
    }
  }
  for (const MessageInfo& info : batch.messages) {
    if (written < info.size) {
      counters_.lose(ExportLoss::SendFailed, info.told);
      continue;
    }
    written -= info.size;
    counters_.count_sent(info);
  }
  batch.clear();
}

void FileLink::finish() {
  counters_.up.set(0);
}

}  // namespace microcloud
