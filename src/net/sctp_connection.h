// An SCTP association (RFC 9260) that never blocks, by libusrsctp: in UDP (RFC 6951), or in IP itself where the program
// may open a raw socket. It needs nothing of the kernel's own SCTP.
#pragma once

#include <memory>

#include "net/connection.h"
#include "net/target.h"

namespace microcloud {

/// The sockets of associations with one peer, one association after the other. Used by one thread, which all of them
/// share: libusrsctp has one state for the whole program.
class SctpWay {
 public:
  /// `udp_port`: the peer's port for SCTP in UDP; 0: in IP itself. Throws std::runtime_error: raw sockets are refused.
  explicit SctpWay(uint16_t udp_port);
  ~SctpWay();
  SctpWay(const SctpWay&) = delete;
  SctpWay& operator=(const SctpWay&) = delete;

  /// Begins an association with the peer's SCTP port; the way outlives it, and there is one at a time. Throws
  /// std::runtime_error.
  std::unique_ptr<Connection> connect(const SocketAddress& peer);

  /// The largest message that takes one packet of an Ethernet frame's MTU, with room for further headers.
  static constexpr size_t kLargestMessage = 1352;

 private:
  uint16_t udp_port_;
  int raw_v4_ = -1;  // opened while the program may
  int raw_v6_ = -1;
};

}  // namespace microcloud
