#include "capture/file_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "base/wake_up.h"

namespace microcloud {

namespace {

ssize_t read_once(int fd, uint8_t* to, size_t room) {
  ssize_t got;
  do {
    got = ::read(fd, to, room);
  } while (got < 0 && errno == EINTR);
  return got;
}

int open_input(const std::string& path) {
  const bool standard = path == "-";
  const int fd = standard ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw std::runtime_error((standard ? "standard input" : path) + ": " + std::strerror(errno));
  return fd;
}

}  // namespace

FileInput::FileInput(const std::string& path)
    : standard_(path == "-"), name_(standard_ ? "standard input" : path), fd_(open_input(path)) {
  try {
    struct stat about {};
    if (::fstat(fd_, &about) != 0) throw std::runtime_error(name_ + ": " + std::strerror(errno));
    if (S_ISDIR(about.st_mode)) throw std::runtime_error(name_ + " is a directory, not a capture file");
    waits_ = !S_ISREG(about.st_mode) && !S_ISBLK(about.st_mode);
    if (S_ISREG(about.st_mode)) {
      size_ = static_cast<uint64_t>(about.st_size);
      ::posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    read_head();
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

FileInput::~FileInput() {
  ::close(fd_);
}

void FileInput::read_head() {
  while (head_size_ < kHead) {
    const ssize_t got = read_once(fd_, head_.data() + head_size_, kHead - head_size_);
    if (got < 0) throw std::runtime_error(name_ + ": " + std::strerror(errno));
    if (got == 0) break;
    head_size_ += static_cast<size_t>(got);
  }
  if (head_size_ == 0) throw std::runtime_error(name_ + " is empty");
}

// Standard input may be at any place of its file.
std::unique_ptr<MappedFile> FileInput::map() const {
  return size_ == 0 || standard_ ? nullptr : MappedFile::open(fd_);
}

bool FileInput::ready() const {
  if (!waits_) return true;
  return wait_for(fd_, wake_fd_, std::chrono::milliseconds(kPollMs));
}

FileInput::Result FileInput::read(uint8_t* to, size_t room) {
  if (head_given_ < head_size_) {
    const size_t count = std::min(room, head_size_ - head_given_);
    std::memcpy(to, head_.data() + head_given_, count);
    head_given_ += count;
    return {count, State::Data};
  }
  if (!ready()) return {0, State::Idle};
  const ssize_t got = read_once(fd_, to, room);
  if (got < 0) return {0, State::Error};
  if (got == 0) return {0, State::End};
  return {static_cast<size_t>(got), State::Data};
}

}  // namespace microcloud
