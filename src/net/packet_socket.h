// Packets of a protocol in UDP or in IP itself, to and from one peer.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/cursor.h"

namespace microcloud {

/// Around a socket that is connected to the peer and does not block.
class PacketSocket {
 public:
  /// `owned`: it is closed in the end. `ip_header`: received packets begin with one of IPv4.
  PacketSocket(int descriptor, bool owned, bool ip_header) : descriptor_(descriptor), owned_(owned), ip_(ip_header) {}
  ~PacketSocket() {
    if (owned_) close(descriptor_);
  }
  PacketSocket(const PacketSocket&) = delete;
  PacketSocket& operator=(const PacketSocket&) = delete;

  /// What cannot be sent is lost, as on any way.
  void send_packet(const void* bytes, size_t size) const { (void)send(descriptor_, bytes, size, MSG_NOSIGNAL); }

  /// Empty: none now; `error` says where the peer's system refused.
  Bytes receive_packet(int& error) {
    const ssize_t count = recv(descriptor_, packet_.data(), packet_.size(), 0);
    error = count < 0 ? errno : 0;
    if (count <= 0) return {};
    Bytes packet(packet_.data(), static_cast<size_t>(count));
    const size_t header = ip_ ? size_t{4} * (packet[0] & 15U) : 0;
    return packet.subspan(std::min(header, packet.size()));
  }

 private:
  int descriptor_;
  bool owned_;
  bool ip_;
  std::array<uint8_t, 65536> packet_;
};

}  // namespace microcloud
