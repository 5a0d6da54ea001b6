#include "base/address.h"

#include <arpa/inet.h>

namespace microcloud {
namespace {

constexpr char kHex[] = "0123456789abcdef";

char* write_octet(char* out, uint8_t value) {
  if (value >= 100) *out++ = static_cast<char>('0' + value / 100);
  if (value >= 10) *out++ = static_cast<char>('0' + value / 10 % 10);
  *out++ = static_cast<char>('0' + value % 10);
  return out;
}

char* write_group(char* out, unsigned value) {
  int shift = 12;
  while (shift > 0 && (value >> shift) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) *out++ = kHex[value >> shift & 15U];
  return out;
}

/// The longest run of two or more zero groups, the first of equals (RFC 5952, 4.2).
struct ZeroRun {
  int start = 8;
  int length = 0;
};

ZeroRun longest_zero_run(const std::array<unsigned, 8>& groups) {
  ZeroRun best;
  for (int at = 0; at < 8; ++at) {
    int end = at;
    while (end < 8 && groups[static_cast<size_t>(end)] == 0) ++end;
    if (end - at > best.length && end - at > 1) best = {at, end - at};
    at = end;
  }
  return best;
}

}  // namespace

char* write_text(char* out, const Ipv4& address) {
  for (size_t i = 0; i < 4; ++i) {
    if (i > 0) *out++ = '.';
    out = write_octet(out, address.bytes[i]);
  }
  return out;
}

char* write_text(char* out, const Ipv6& address) {
  std::array<unsigned, 8> groups{};
  for (size_t i = 0; i < 8; ++i)
    groups[i] = static_cast<unsigned>(address.bytes[2 * i] << 8 | address.bytes[2 * i + 1]);

  // IPv4-mapped addresses keep the dotted form that their prefix announces (RFC 5952, 5).
  if (groups[5] == 0xffff && (groups[0] | groups[1] | groups[2] | groups[3] | groups[4]) == 0) {
    std::memcpy(out, "::ffff:", 7);
    Ipv4 mapped;
    std::memcpy(mapped.bytes.data(), address.bytes.data() + 12, 4);
    return write_text(out + 7, mapped);
  }
  const ZeroRun run = longest_zero_run(groups);
  for (int i = 0; i < 8; ++i) {
    if (i == run.start) {
      *out++ = ':';
      *out++ = ':';
      i += run.length - 1;
      continue;
    }
    if (i > 0 && i != run.start + run.length) *out++ = ':';
    out = write_group(out, groups[static_cast<size_t>(i)]);
  }
  return out;
}

char* write_text(char* out, const Mac& address) {
  for (size_t i = 0; i < 6; ++i) {
    if (i > 0) *out++ = ':';
    *out++ = kHex[address.bytes[i] >> 4];
    *out++ = kHex[address.bytes[i] & 15U];
  }
  return out;
}

std::string to_text(const IpAddress& address) {
  char text[kAddressTextSize];
  char* end = text;
  if (address.version == 4) end = write_text(text, address.as_v4());
  if (address.version == 6) end = write_text(text, address.as_v6());
  return {text, end};
}

std::string to_text(const Mac& address) {
  char text[kAddressTextSize];
  return {text, write_text(text, address)};
}

std::optional<IpAddress> parse_address(std::string_view text) {
  std::array<char, kAddressTextSize> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != text.npos) return std::nullopt;
  text.copy(terminated.data(), text.size());
  std::array<uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, terminated.data(), bytes.data()) == 1) return IpAddress::v4(bytes.data());
  if (inet_pton(AF_INET6, terminated.data(), bytes.data()) == 1) return IpAddress::v6(bytes.data());
  return std::nullopt;
}

}  // namespace microcloud
