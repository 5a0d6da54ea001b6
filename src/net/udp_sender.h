// Datagrams to one peer, many by one call of the system where it can (UDP_SEGMENT, sendmmsg).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "net/target.h"

namespace microcloud {

/// A connected socket. Used by one thread.
class UdpSender {
 public:
  /// Throws std::runtime_error.
  explicit UdpSender(const SocketAddress& peer);
  ~UdpSender();
  UdpSender(const UdpSender&) = delete;
  UdpSender& operator=(const UdpSender&) = delete;

  /// The largest datagram's payload that needs no fragments on the way, as far as the system knows it by now.
  size_t largest_payload() const;

  /// The datagrams stand one behind the other; `failed(at)` is called for each that could not be sent. It waits while
  /// the system takes no more.
  template <typename Failed>
  void send(const char* bytes, std::span<const uint32_t> sizes, const Failed& failed) {
    for (size_t at = 0; at < sizes.size();) {
      const Sent sent = send_some(bytes, sizes.subspan(at));
      if (!sent.ok) {
        for (size_t lost = 0; lost < sent.count; ++lost) failed(at + lost);
      }
      for (size_t done = 0; done < sent.count; ++done) bytes += sizes[at + done];
      at += sent.count;
    }
  }

  /// Times that the peer answered that nobody listens there (ICMP), taken since the last call.
  uint64_t take_refusals();
  /// The system's number of the last error.
  int last_error() const { return last_error_; }

 private:
  struct Sent {
    size_t count;  // datagrams that were dealt with
    bool ok;
  };
  Sent send_some(const char* bytes, std::span<const uint32_t> sizes);
  Sent send_segments(const char* bytes, uint32_t size, size_t count, size_t octets);
  Sent send_many(const char* bytes, std::span<const uint32_t> sizes);
  bool again(int error);

  int descriptor_;
  bool v6_;
  bool segments_ = true;
  uint64_t refusals_ = 0;
  int last_error_ = 0;
};

}  // namespace microcloud
