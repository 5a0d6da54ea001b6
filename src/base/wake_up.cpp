#include "base/wake_up.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

namespace microcloud {

WakeUp::WakeUp() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (fd_ < 0) throw std::runtime_error(std::string("making an event descriptor: ") + std::strerror(errno));
}

WakeUp::~WakeUp() {
  ::close(fd_);
}

void WakeUp::signal() {
  const uint64_t one = 1;
  while (::write(fd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void WakeUp::clear() {
  uint64_t count = 0;
  while (::read(fd_, &count, sizeof count) < 0 && errno == EINTR) {
  }
}

void WakeUp::wait(std::chrono::nanoseconds longest) const {
  (void)wait_for(fd_, -1, longest);
}

bool wait_for(int fd, int other, std::chrono::nanoseconds longest) {
  std::array<pollfd, 2> waits{{{fd, POLLIN, 0}, {other, POLLIN, 0}}};
  constexpr int64_t kSecond = 1'000'000'000;
  const timespec time{static_cast<time_t>(longest.count() / kSecond), static_cast<long>(longest.count() % kSecond)};
  return ::ppoll(waits.data(), other < 0 ? 1 : 2, &time, nullptr) > 0 && waits[0].revents != 0;
}

}  // namespace microcloud
