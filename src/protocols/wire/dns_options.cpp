#include "protocols/wire/dns_options.h"

#include <algorithm>
#include <array>

#include "base/address.h"
#include "protocols/wire/text_words.h"

namespace microcloud {
namespace {

constexpr uint16_t kIdentifier = 3, kClientSubnet = 8, kCookie = 10, kExtendedError = 15;
constexpr size_t kClientCookieOctets = 8, kShortestServerCookie = 8, kLongestServerCookie = 32;

template <typename Address>
std::string subnet_text(Bytes data, uint8_t prefix) {
  Address address;
  std::copy(data.begin(), data.end(), address.bytes.begin());
  std::array<char, kAddressTextSize> room;
  return std::string(room.data(), write_text(room.data(), address)) + "/" + std::to_string(prefix);
}

/// Only the octets of the prefix stand there, with zeros behind its last bit.
void read_client_subnet(Cursor in, DnsOptions& told) {
  constexpr uint16_t kIpv4 = 1, kIpv6 = 2;
  const uint16_t family = in.u16();
  const uint8_t prefix = in.u8();
  const uint8_t scope = in.u8();
  const unsigned longest = family == kIpv4 ? 32 : family == kIpv6 ? 128 : 0;
  if (!in.ok() || longest == 0 || prefix > longest || scope > longest || in.left() != (prefix + 7U) / 8) return;
  told.client_subnet = family == kIpv4 ? subnet_text<Ipv4>(in.rest(), prefix) : subnet_text<Ipv6>(in.rest(), prefix);
  told.subnet_scope = scope;
}

void read_cookie(Bytes data, DnsOptions& told) {
  const size_t of_server = data.size() - std::min(data.size(), kClientCookieOctets);
  const bool is_right = of_server == 0 || (of_server >= kShortestServerCookie && of_server <= kLongestServerCookie);
  if (data.size() < kClientCookieOctets || !is_right) return;
  told.client_cookie = data.first(kClientCookieOctets);
  told.server_cookie = data.subspan(kClientCookieOctets);
}

void read_error(Cursor in, DnsOptions& told) {
  const uint16_t code = in.u16();
  if (!in.ok() || !told.errors.push(code)) return;
  if (told.error_text.empty()) told.error_text = text_of(in.rest());
}

}  // namespace

DnsOptions read_dns_options(Bytes options) {
  DnsOptions told;
  Cursor in(options);
  while (in.left() != 0) {
    const uint16_t code = in.u16();
    const Bytes data = in.bytes(in.u16());
    if (!in.ok()) break;
    if (code == kIdentifier) told.identifier = data;
    if (code == kClientSubnet) read_client_subnet(Cursor(data), told);
    if (code == kCookie) read_cookie(data, told);
    if (code == kExtendedError) read_error(Cursor(data), told);
  }
  return told;
}

}  // namespace microcloud
