#include "net/udp_sender.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace microcloud {
namespace {

constexpr size_t kMostSegments = 64;
constexpr size_t kMostOctets = 65'000;  // of a datagram before the system cuts it into segments
constexpr size_t kAtOnce = 64;
constexpr int kSendBuffer = 4 << 20;

[[noreturn]] void fail(const char* what) {
  throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

UdpSender::UdpSender(const SocketAddress& peer)
    : descriptor_(socket(peer.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0)), v6_(peer.family() == AF_INET6) {
  if (descriptor_ < 0) fail("cannot open a UDP socket");
  const int discover = v6_ ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO;  // never fragments
  setsockopt(descriptor_, v6_ ? IPPROTO_IPV6 : IPPROTO_IP, v6_ ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &discover,
             sizeof discover);
  setsockopt(descriptor_, SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);
  if (connect(descriptor_, peer.get(), peer.size) != 0) {
    const int error = errno;
    close(descriptor_);
    errno = error;
    fail("cannot reach it by UDP");
  }
}

UdpSender::~UdpSender() {
  close(descriptor_);
}

size_t UdpSender::largest_payload() const {
  constexpr size_t kHeadersV4 = 20 + 8;
  constexpr size_t kHeadersV6 = 40 + 8;
  constexpr int kLeastMtu = 576;
  int mtu = 1500;
  socklen_t size = sizeof mtu;
  if (getsockopt(descriptor_, v6_ ? IPPROTO_IPV6 : IPPROTO_IP, v6_ ? IPV6_MTU : IP_MTU, &mtu, &size) != 0) mtu = 1500;
  return static_cast<size_t>(std::max(mtu, kLeastMtu)) - (v6_ ? kHeadersV6 : kHeadersV4);
}

/// Whether to try once more: the error told of an earlier datagram, or of a full buffer that has room again.
bool UdpSender::again(int error) {
  last_error_ = error;
  if (error == EINTR) return true;
  if (error == ECONNREFUSED) {
    ++refusals_;
    return true;
  }
  if (error != EAGAIN && error != ENOBUFS) return false;
  pollfd waiting{descriptor_, POLLOUT, 0};
  constexpr int kLongestMs = 100;
  return poll(&waiting, 1, kLongestMs) > 0 && error == EAGAIN;
}

UdpSender::Sent UdpSender::send_some(const char* bytes, std::span<const uint32_t> sizes) {
  const uint32_t size = sizes.front();
  size_t count = 0;
  size_t octets = 0;
  while (count < sizes.size() && count < kMostSegments && octets + sizes[count] <= kMostOctets) {
    if (sizes[count] > size) break;
    octets += sizes[count++];
    if (sizes[count - 1] < size) break;  // a shorter one may be the last
  }
  if (segments_ && count > 1) return send_segments(bytes, size, count, octets);
  return send_many(bytes, sizes.first(std::min(sizes.size(), kAtOnce)));
}

UdpSender::Sent UdpSender::send_segments(const char* bytes, uint32_t size, size_t count, size_t octets) {
  iovec part{const_cast<char*>(bytes), octets};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(uint16_t))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_UDP;
  header->cmsg_type = UDP_SEGMENT;
  header->cmsg_len = CMSG_LEN(sizeof(uint16_t));
  const auto segment = static_cast<uint16_t>(size);
  std::memcpy(CMSG_DATA(header), &segment, sizeof segment);
  constexpr int kTries = 3;
  for (int tries = 0; tries < kTries; ++tries) {
    if (sendmsg(descriptor_, &message, 0) >= 0) return {count, true};
    const int error = errno;
    if (error == EINVAL || error == EIO || error == EOPNOTSUPP || error == ENOPROTOOPT) {
      segments_ = false;  // this system or device cannot
      std::array<uint32_t, kMostSegments> sizes;
      sizes.fill(size);
      sizes[count - 1] = static_cast<uint32_t>(octets - size * (count - 1));
      return send_many(bytes, std::span(sizes).first(count));
    }
    if (!again(error)) break;
  }
  return {count, false};
}

UdpSender::Sent UdpSender::send_many(const char* bytes, std::span<const uint32_t> sizes) {
  std::array<iovec, kAtOnce> parts;
  std::array<mmsghdr, kAtOnce> messages{};
  for (size_t at = 0; at < sizes.size(); ++at) {
    parts[at] = {const_cast<char*>(bytes), sizes[at]};
    bytes += sizes[at];
    messages[at].msg_hdr.msg_iov = &parts[at];
    messages[at].msg_hdr.msg_iovlen = 1;
  }
  constexpr int kTries = 3;
  for (int tries = 0; tries < kTries; ++tries) {
    const int sent = sendmmsg(descriptor_, messages.data(), static_cast<unsigned>(sizes.size()), 0);
    if (sent > 0) return {static_cast<size_t>(sent), true};
    if (!again(errno)) break;
  }
  return {1, false};
}

uint64_t UdpSender::take_refusals() {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == ECONNREFUSED) ++refusals_;
  const uint64_t taken = refusals_;
  refusals_ = 0;
  return taken;
}

}  // namespace microcloud
