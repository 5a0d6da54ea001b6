// What is known of one frame after decoding: the innermost IP packet, its flow key, and what it was wrapped in.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "base/address.h"
#include "base/hash.h"

namespace microcloud {

namespace ip_protocol {
inline constexpr uint8_t kHopByHop = 0, kIcmp = 1, kIpv4 = 4, kTcp = 6, kUdp = 17, kIpv6 = 41, kRouting = 43,
                         kFragment = 44, kGre = 47, kMobileIp = 55, kIcmpv6 = 58, kDestinationOptions = 60, kSctp = 132,
                         kUdpLite = 136;
}

inline bool has_ports(uint8_t protocol) {
  using namespace ip_protocol;
  return protocol == kTcp || protocol == kUdp || protocol == kSctp || protocol == kUdpLite;
}

namespace tcp_flag {
inline constexpr uint16_t kFin = 1, kSyn = 2, kRst = 4, kAck = 16;
}

/// The bidirectional 5-tuple of the innermost packet. The smaller (address, port) stands first, so that both directions
/// have one key; an IPv4 address takes the first four bytes of its field.
struct FlowKey {
  std::array<uint8_t, 16> low{};
  std::array<uint8_t, 16> high{};
  uint16_t low_port = 0;
  uint16_t high_port = 0;
  uint8_t protocol = 0;
  uint8_t version = 0;  // 4 or 6
  uint16_t reserved = 0;

  uint64_t word(size_t at) const {
    uint64_t value;
    std::memcpy(&value, static_cast<const char*>(static_cast<const void*>(this)) + at * 8, sizeof value);
    return value;
  }
  void set_word(size_t at, uint64_t value) {
    std::memcpy(static_cast<char*>(static_cast<void*>(this)) + at * 8, &value, sizeof value);
  }
  void set_tail(uint16_t port_of_low, uint16_t port_of_high, uint8_t of_protocol, uint8_t of_version) {
    set_word(4, port_of_low | uint64_t{port_of_high} << 16 | uint64_t{of_protocol} << 32 | uint64_t{of_version} << 40);
  }
  bool operator==(const FlowKey& other) const {
    uint64_t differing = 0;
    for (size_t at = 0; at < 5; ++at) differing |= word(at) ^ other.word(at);
    return differing == 0;
  }
  uint64_t hash(const HashSeed& seed) const { return hash_words(seed, word(0), word(1), word(2), word(3), word(4)); }
  IpAddress address(bool of_low) const {
    const uint8_t* from = (of_low ? low : high).data();
    return version == 4 ? IpAddress::v4(from) : IpAddress::v6(from);
  }
};
static_assert(sizeof(FlowKey) == 40);

enum class Tunnel : uint8_t {
  None,
  Vlan,
  Mpls,
  Pppoe,
  Gre,
  Erspan,
  Ipip,
  SixInFour,
  FourInSix,
  SixInSix,
  MobileIp,
  Gtpu,
  Vxlan,
  Geneve,
  L2tp,
  Teredo,
  kCount
};

/// The name in `tunnelTypes`.
const char* tunnel_name(Tunnel tunnel);

inline constexpr size_t kMaxTunnels = 10;
inline constexpr uint16_t kNoVlan = 0xffff;
inline constexpr uint16_t kNoIp = 0xffff;

/// Everything around the innermost IP packet.
struct Encapsulation {
  uint8_t count = 0;  // of `tunnels`
  bool has_id = false;
  bool has_mpls = false;
  uint8_t outer_version = 0;                // IP version of the outermost tunnel's own header; 0: no tunnel over IP
  uint16_t outer_at = 0;                    // offset in the frame of its source address (the destination follows)
  uint16_t mac_at = 0xffff;                 // offset in the frame of the innermost Ethernet header; 0xffff: none
  uint16_t vlan = kNoVlan;                  // VLAN id of the outermost tag
  uint16_t customer_vlan = kNoVlan;         // of the second one
  uint32_t id = 0;                          // outermost key, TEID, VNI, session: whichever tunnel first had one
  uint32_t mpls = 0;                        // top label stack entry: label, traffic class, bottom bit (24 bits)
  std::array<Tunnel, kMaxTunnels> tunnels;  // outermost first; only `count` of them are set

  /// Only an Ethernet header, at the frame's start: sets what has a meaning then.
  void set_plain() {
    count = outer_version = 0;
    has_id = has_mpls = false;
    outer_at = mac_at = 0;
    vlan = customer_vlan = kNoVlan;
  }
  /// False when no more fit.
  bool push(Tunnel tunnel) {
    if (count == kMaxTunnels) return false;
    tunnels[count++] = tunnel;
    return true;
  }
};

enum class FragmentPart : uint8_t { Whole, First, Later };

/// One decoded frame. Offsets are into the frame, so that the two can be handed to another worker together.
struct Packet {
  FlowKey key;
  uint64_t hash;
  const uint8_t* frame;
  int64_t time_us;   // its own time, since 1970
  uint32_t tick_ms;  // the worker's clock at this packet: it never goes back
  uint32_t octets;   // IP total length of the innermost packet
  bool from_low;     // sent by key.low
  uint8_t tos;
  uint32_t fragment_id;  // identification of the fragmented header
  uint32_t tcp_sequence;
  uint32_t payload_octets;  // transport payload on the wire
  uint16_t tcp_flags;
  uint16_t payload_at;  // offset in the frame
  uint16_t payload_captured;
  uint8_t icmp_type;
  uint8_t icmp_code;
  uint16_t port;             // which of the probe's interfaces: 1, 2, ...; 0: a file
  bool outgoing;             // sent, not received, on it
  uint16_t fragment_at;      // of a fragment: offset of the source address in the fragmented header,
  uint8_t fragment_version;  // its IP version
  uint8_t
      fragment_protocol;  // and protocol; where it is not the innermost header, a tunnel's first fragment was opened
  uint16_t ip_at;         // offset in the frame of the innermost IP header; kNoIp: not there in one piece
  uint16_t ip_captured;   // of that IP packet
  // What is the same in most packets stands together, so that it is set by few stores.
  FragmentPart fragment;
  bool fragment_opened;
  bool has_tcp;  // seq, flags and payload length are known
  bool has_icmp;
  Encapsulation around;
};

}  // namespace microcloud
