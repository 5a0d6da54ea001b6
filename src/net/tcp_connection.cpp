#include "net/tcp_connection.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace microcloud {
namespace {

void set_option(int descriptor, int level, int option, int value) {
  setsockopt(descriptor, level, option, &value, sizeof value);
}

uint64_t octets_of(int descriptor, unsigned long which) {
  int octets = 0;
  return ioctl(descriptor, which, &octets) == 0 && octets > 0 ? static_cast<uint64_t>(octets) : 0;
}

}  // namespace

TcpConnection::TcpConnection(const SocketAddress& peer)
    : descriptor_(socket(peer.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  if (descriptor_ < 0) throw std::runtime_error(std::string("cannot open a TCP socket: ") + std::strerror(errno));
  // A peer that is gone without a word is noticed within 40 s while nothing is sent; else by silent().
  constexpr int kIdleS = 10, kEveryS = 10, kProbes = 3;
  set_option(descriptor_, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(descriptor_, IPPROTO_TCP, TCP_KEEPIDLE, kIdleS);
  set_option(descriptor_, IPPROTO_TCP, TCP_KEEPINTVL, kEveryS);
  set_option(descriptor_, IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  set_option(descriptor_, IPPROTO_TCP, TCP_NODELAY, 1);
  if (connect(descriptor_, peer.get(), peer.size) == 0) {
    state_ = State::Open;
  } else if (errno != EINPROGRESS) {
    break_off(std::strerror(errno));
  }
}

TcpConnection::~TcpConnection() {
  close(descriptor_);
}

void TcpConnection::break_off(std::string why) {
  if (state_ == State::Broken) return;
  state_ = State::Broken;
  why_ = std::move(why);
}

/// What was sent has met with silence for half a minute. A peer that reads nothing is not silent: it answers the
/// system's questions whether it has room, and may take as long as it likes.
bool TcpConnection::silent() const {
  constexpr uint32_t kLongestMs = 30'000;
  constexpr uint8_t kUnanswered = 6;
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(descriptor_, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  if (info.tcpi_last_ack_recv < kLongestMs) return false;
  return (info.tcpi_unacked > 0 && info.tcpi_retransmits > 0) || info.tcpi_probes >= kUnanswered;
}

Connection::State TcpConnection::look() {
  if (state_ == State::Open && silent()) break_off("no answer for 30 s");
  if (state_ != State::Opening) return state_;
  pollfd waiting{descriptor_, POLLOUT, 0};
  if (::poll(&waiting, 1, 0) <= 0) return state_;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    break_off(std::strerror(error));
  } else {
    state_ = State::Open;
  }
  return state_;
}

Connection::State TcpConnection::poll() {
  if (look() != State::Open) return state_;
  std::array<char, 512> ignored;
  while (read(ignored.data(), ignored.size()) > 0) {
  }
  return state_;
}

size_t TcpConnection::read(char* bytes, size_t size) {
  if (state_ != State::Open) return 0;
  ssize_t count = 0;
  do {
    count = recv(descriptor_, bytes, size, 0);
  } while (count < 0 && errno == EINTR);
  if (count > 0) return static_cast<size_t>(count);
  if (count == 0) {
    in_order_ = true;
    break_off("the collector closed the connection");
  }
  if (count < 0 && errno != EAGAIN) break_off(std::strerror(errno));
  return 0;
}

size_t TcpConnection::write(const char* bytes, size_t size) {
  if (state_ != State::Open) return 0;
  const ssize_t count = send(descriptor_, bytes, size, MSG_NOSIGNAL);
  if (count > 0) {
    written_ += static_cast<uint64_t>(count);
    return static_cast<size_t>(count);
  }
  if (count < 0 && errno != EAGAIN && errno != EINTR) break_off(std::strerror(errno));
  return 0;
}

/// The system keeps both numbers when the connection is reset, too.
Connection::Way TcpConnection::way() const {
  const uint64_t unacknowledged = std::min(written_, octets_of(descriptor_, SIOCOUTQ));
  const uint64_t unsent = std::min(unacknowledged, octets_of(descriptor_, SIOCOUTQNSD));
  return {written_ - unsent, written_ - unacknowledged};
}

void TcpConnection::close_writing() {
  shutdown(descriptor_, SHUT_WR);
}

void TcpConnection::abort() {
  const linger at_once{1, 0};  // a reset, instead of the system sending on by itself
  setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  break_off("given up");
}

}  // namespace microcloud
