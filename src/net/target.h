// Where a peer is: SCHEME://HOST:PORT, and the addresses that HOST stands for.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace microcloud {

/// A socket's address of either family.
struct SocketAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;
  int family() const { return bytes.ss_family; }
  const sockaddr* get() const { return static_cast<const sockaddr*>(static_cast<const void*>(&bytes)); }
  uint16_t port() const;
  void set_port(uint16_t port);
};

/// As the user writes it; IPv6 addresses in brackets: tls://[2001:db8::1]:4740.
struct Target {
  std::string scheme;
  std::string host;
  uint16_t port = 0;
  std::string parameters = {};  // what stands behind a question mark
};

/// Throws std::invalid_argument: what is wrong and what is accepted.
Target parse_target(std::string_view text);

/// Whether it is an IP address rather than a name.
bool is_address(const std::string& host);

/// All addresses of the host, by the system's preference. Throws std::runtime_error.
std::vector<SocketAddress> resolve(const Target& target, int socket_type);

}  // namespace microcloud
