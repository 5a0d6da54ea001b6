#include "net/target.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <array>
#include <charconv>
#include <cstring>
#include <stdexcept>

namespace microcloud {
namespace {

[[noreturn]] void refuse(std::string_view text) {
  throw std::invalid_argument("'" + std::string(text) + "' is not SCHEME://HOST:PORT (an IPv6 address in brackets)");
}

uint16_t parse_port(std::string_view text, std::string_view whole) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0 || port > 65535)
    throw std::invalid_argument("'" + std::string(whole) + "': the port is a number from 1 to 65535");
  return static_cast<uint16_t>(port);
}

}  // namespace

uint16_t SocketAddress::port() const {
  const void* at = &bytes;
  return ntohs(family() == AF_INET6 ? static_cast<const sockaddr_in6*>(at)->sin6_port
                                    : static_cast<const sockaddr_in*>(at)->sin_port);
}

void SocketAddress::set_port(uint16_t port) {
  void* at = &bytes;
  if (family() == AF_INET6) {
    static_cast<sockaddr_in6*>(at)->sin6_port = htons(port);
  } else {
    static_cast<sockaddr_in*>(at)->sin_port = htons(port);
  }
}

Target parse_target(std::string_view text) {
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0) refuse(text);
  Target target{std::string(text.substr(0, colon)), {}, 0};
  std::string_view rest = text.substr(colon + 3);
  if (const size_t mark = rest.find('?'); mark != std::string_view::npos) {
    target.parameters = rest.substr(mark + 1);
    rest = rest.substr(0, mark);
  }
  std::string_view after;
  if (rest.starts_with('[')) {
    const size_t close = rest.find(']');
    if (close == std::string_view::npos) refuse(text);
    target.host = rest.substr(1, close - 1);
    after = rest.substr(close + 1);
  } else {
    const size_t end = std::min(rest.find(':'), rest.size());
    target.host = rest.substr(0, end);
    after = rest.substr(end);
  }
  if (target.host.empty() || target.host.find_first_of("/ @") != std::string::npos) refuse(text);
  if (!after.empty() && !after.starts_with(':')) refuse(text);
  if (!after.empty()) target.port = parse_port(after.substr(1), text);
  if (target.port == 0)
    throw std::invalid_argument("'" + std::string(text) + "': a port is missing, as in " + target.scheme +
                                "://HOST:2055");
  return target;
}

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes;
  return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

std::vector<SocketAddress> resolve(const Target& target, int socket_type) {
  addrinfo hints{};
  hints.ai_socktype = socket_type;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(target.port);
  if (const int status = getaddrinfo(target.host.c_str(), port.c_str(), &hints, &found); status != 0)
    throw std::runtime_error("cannot find " + target.host + ": " + gai_strerror(status));
  std::vector<SocketAddress> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    SocketAddress address;
    if (one->ai_addrlen > sizeof address.bytes) continue;
    std::memcpy(&address.bytes, one->ai_addr, one->ai_addrlen);
    address.size = one->ai_addrlen;
    addresses.push_back(address);
  }
  freeaddrinfo(found);
  if (addresses.empty()) throw std::runtime_error("cannot find " + target.host);
  return addresses;
}

}  // namespace microcloud
