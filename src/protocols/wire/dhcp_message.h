// DHCP messages as bytes: for IPv4 (RFC 2131, options: RFC 2132) and for IPv6 (RFC 8415).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/address.h"
#include "base/cursor.h"
#include "protocols/wire/text_words.h"

namespace microcloud {

namespace dhcp4_type {  // option 53
inline constexpr uint8_t kDiscover = 1, kOffer = 2, kRequest = 3, kDecline = 4, kAck = 5, kNak = 6, kRelease = 7,
                         kInform = 8, kLast = 18;
}

namespace dhcp4_option {
inline constexpr uint8_t kPad = 0, kHostName = 12, kRequestedAddress = 50, kLeaseTime = 51, kMessageType = 53,
                         kClientId = 61, kClientFqdn = 81, kRelayAgent = 82, kEnd = 255;
}

namespace dhcp4_relay {  // RFC 3046, RFC 3993: within option 82
inline constexpr uint8_t kCircuit = 1, kRemote = 2, kSubscriber = 6;
}

namespace dhcp6_type {
inline constexpr uint8_t kSolicit = 1, kAdvertise = 2, kReply = 7, kReconfigure = 10, kInformationRequest = 11,
                         kRelayForward = 12, kRelayReply = 13;
}

namespace dhcp6_option {
inline constexpr uint16_t kClientId = 1, kIaNa = 3, kIaTa = 4, kIaAddress = 5, kRelayMessage = 9, kStatus = 13,
                          kInterfaceId = 18, kIaPd = 25, kIaPrefix = 26, kRemoteId = 37, kSubscriberId = 38,
                          kClientFqdn = 39, kClientLinkLayer = 79;
}

/// All Bytes point into the datagram.
struct Dhcp4Message {
  bool from_client = false;  // BOOTREQUEST
  uint8_t hardware_type = 0;
  uint32_t transaction = 0;
  Ipv4 client_address;    // ciaddr
  Ipv4 assigned_address;  // yiaddr
  Ipv4 relay_address;     // giaddr
  Bytes hardware_address;
  Bytes options;
};

/// False when it cannot be one: its fixed part is cut or odd, or the magic cookie is missing.
inline bool read_dhcp4_message(Bytes datagram, Dhcp4Message& message) {
  constexpr uint32_t kCookie = 0x63825363;  // RFC 2131, section 3
  constexpr size_t kAddressOctets = 16, kNamesOctets = 64 + 128;
  Cursor in(datagram);
  const uint8_t operation = in.u8();
  message.hardware_type = in.u8();
  const size_t hardware_octets = in.u8();
  in.skip(1);  // hops
  message.transaction = in.u32();
  in.skip(4);  // seconds, flags
  const Bytes client = in.bytes(4), assigned = in.bytes(4);
  in.skip(4);  // siaddr
  const Bytes relay = in.bytes(4);
  const Bytes hardware = in.bytes(kAddressOctets);
  in.skip(kNamesOctets);
  const uint32_t cookie = in.u32();
  if (!in.ok() || cookie != kCookie || (operation != 1 && operation != 2) || hardware_octets > kAddressOctets)
    return false;
  message.from_client = operation == 1;
  std::copy(client.begin(), client.end(), message.client_address.bytes.begin());
  std::copy(assigned.begin(), assigned.end(), message.assigned_address.bytes.begin());
  std::copy(relay.begin(), relay.end(), message.relay_address.bytes.begin());
  message.hardware_address = hardware.first(hardware_octets);
  message.options = in.rest();
  return true;
}

/// Calls take(code, value) for each option. False when one does not fit: those before it were given.
template <typename Take>
bool for_each_dhcp4_option(Bytes options, const Take& take) {
  Cursor in(options);
  while (in.left() > 0) {
    const uint8_t code = in.u8();
    if (code == dhcp4_option::kPad) continue;
    if (code == dhcp4_option::kEnd) return true;
    const Bytes value = in.bytes(in.u8());
    if (!in.ok()) return false;
    take(code, value);
  }
  return true;
}

/// The same of a message for IPv6, and of an option that has options.
template <typename Take>
bool for_each_dhcp6_option(Bytes options, const Take& take) {
  Cursor in(options);
  while (in.left() > 0) {
    const uint16_t code = in.u16();
    const Bytes value = in.bytes(in.u16());
    if (!in.ok()) return false;
    take(code, value);
  }
  return true;
}

struct Dhcp6Message {
  bool from_client = false;
  uint8_t type = 0;  // of the innermost message, what relays put around it is opened
  bool relayed = false;
  uint32_t transaction = 0;
  Bytes options;
};

/// Calls take_relayed(code, value) for each option that relays added, the outermost first. False when it cannot be one.
template <typename Take>
bool read_dhcp6_message(Bytes datagram, Dhcp6Message& message, const Take& take_relayed) {
  constexpr int kMostRelays = 8;           // RFC 8415, 7.6: HOP_COUNT_LIMIT
  constexpr size_t kRelayOctets = 1 + 32;  // hop count, link address, peer address
  Bytes inner = datagram;
  for (int relays = 0; relays <= kMostRelays; ++relays) {
    Cursor in(inner);
    message.type = in.u8();
    const bool relayed = message.type == dhcp6_type::kRelayForward || message.type == dhcp6_type::kRelayReply;
    if (message.type == 0 || message.type > dhcp6_type::kRelayReply) return false;
    if (!relayed) {
      message.from_client = message.type != dhcp6_type::kAdvertise && message.type != dhcp6_type::kReply &&
                            message.type != dhcp6_type::kReconfigure;
      message.transaction = in.u24();
      message.options = in.rest();
      message.relayed = relays != 0;
      return in.ok();
    }
    in.skip(kRelayOctets);
    Bytes carried;
    for_each_dhcp6_option(in.rest(), [&](uint16_t code, Bytes value) {
      if (code == dhcp6_option::kRelayMessage) carried = value;
      if (code != dhcp6_option::kRelayMessage) take_relayed(code, value);
    });
    inner = carried;
  }
  return false;
}

}  // namespace microcloud
