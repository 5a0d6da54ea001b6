// IP and MAC addresses as values, and their text (IPv6 as in RFC 5952).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace microcloud {

struct Ipv4 {
  std::array<uint8_t, 4> bytes{};
  auto operator<=>(const Ipv4&) const = default;
};

struct Ipv6 {
  std::array<uint8_t, 16> bytes{};
  auto operator<=>(const Ipv6&) const = default;
};

struct Mac {
  std::array<uint8_t, 6> bytes{};
  auto operator<=>(const Mac&) const = default;
};

/// Either family in one value; an IPv4 address stands in the first four bytes, the others are zero.
struct IpAddress {
  std::array<uint8_t, 16> bytes{};
  uint8_t version = 0;  // 4, 6, or 0: none

  static IpAddress v4(const uint8_t* from) {
    IpAddress address;
    std::memcpy(address.bytes.data(), from, 4);
    address.version = 4;
    return address;
  }
  static IpAddress v6(const uint8_t* from) {
    IpAddress address;
    std::memcpy(address.bytes.data(), from, 16);
    address.version = 6;
    return address;
  }
  Ipv4 as_v4() const {
    Ipv4 address;
    std::memcpy(address.bytes.data(), bytes.data(), 4);
    return address;
  }
  Ipv6 as_v6() const { return Ipv6{bytes}; }
  auto operator<=>(const IpAddress&) const = default;
};

inline constexpr size_t kAddressTextSize = 46;  // the longest text form and one more

/// Writes the text at `out` (room for kAddressTextSize) and returns its end; no terminating zero.
char* write_text(char* out, const Ipv4& address);
char* write_text(char* out, const Ipv6& address);
char* write_text(char* out, const Mac& address);

std::string to_text(const IpAddress& address);
/// Either family's text form; nothing: it is none.
std::optional<IpAddress> parse_address(std::string_view text);
std::string to_text(const Mac& address);

}  // namespace microcloud
