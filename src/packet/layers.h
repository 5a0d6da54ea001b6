// What the decoding steps share. A step reads its own header and names what follows; decode.cpp maps the names to
// steps.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/counter.h"
#include "base/cursor.h"
#include "packet/packet.h"

namespace microcloud {

/// Things worth counting in frames that are metered all the same.
enum class Anomaly : uint8_t {
  BadIpChecksum,
  BadTransportChecksum,
  ZeroIpLength,     // an IP length of 0 (segmentation offload): the frame's length is taken
  TooDeep,          // more encapsulations than are opened: the packet counts where decoding stopped
  MalformedInside,  // a broken header behind a good IP header: the packet counts as the outer one
  kCount
};

struct Next {
  enum class Kind : uint8_t {
    Done,       // nothing further to open
    NotIp,      // a protocol that carries no IP packet
    Malformed,  // contradicts itself
    Truncated,  // the capture ends within the header
    Ethernet,   // an Ethernet header
    EtherType,  // what `id` says as EtherType, or a length for LLC
    Llc,
    Ppp,          // a PPP frame, address and control bytes optional
    IpByVersion,  // IPv4 or IPv6 by the first nibble
    IpProtocol,   // what `id` says as IP protocol number
    UdpPayload,   // a tunnel, if one has a port of the packet
    ErspanI,
    ErspanII,
    ErspanIII,
  };
  Kind kind;
  uint16_t id = 0;

  static Next ether_type(uint16_t id) { return {Kind::EtherType, id}; }
  static Next ip_protocol(uint8_t id) { return {Kind::IpProtocol, id}; }
};

inline constexpr Next kDone{Next::Kind::Done}, kNotIp{Next::Kind::NotIp}, kMalformed{Next::Kind::Malformed},
    kTruncated{Next::Kind::Truncated}, kEthernet{Next::Kind::Ethernet}, kIpByVersion{Next::Kind::IpByVersion},
    kPpp{Next::Kind::Ppp};

namespace ether_type {
inline constexpr uint16_t kIpv4 = 0x0800, kIpv6 = 0x86dd, kArp = 0x0806, kVlan = 0x8100, kServiceVlan = 0x88a8,
                          kOldQinQ = 0x9100, kOlderQinQ = 0x9200, kMpls = 0x8847, kMplsMulticast = 0x8848,
                          kPppoeSession = 0x8864, kPpp = 0x880b, kBridging = 0x6558, kErspan = 0x88be,
                          kErspanIII = 0x22eb, kWccp = 0x883e;
}

/// A frame as a capture gave it.
struct FrameBytes {
  Bytes captured;
  uint32_t length = 0;            // on the wire
  bool verify_transport = false;  // check the TCP or UDP checksum of this frame
};

struct Layers {
  Layers(const FrameBytes& from, Packet& into, Counters<Anomaly>& count)
      : in(from.captured),
        frame(from.captured.data()),
        length(std::max(from.length, static_cast<uint32_t>(from.captured.size()))),
        captured(static_cast<uint32_t>(from.captured.size())),
        packet(into),
        anomalies(count),
        verify_transport(from.verify_transport) {}

  Cursor in;             // what is still to be read of the captured frame
  const uint8_t* frame;  // its first byte
  uint32_t length;       // on the wire
  uint32_t captured;
  Packet& packet;
  Counters<Anomaly>& anomalies;
  bool verify_transport;

  bool have_ip = false;         // packet describes a good IP packet,
  bool same_addresses = false;  // with one address at both ends,
  bool arp = false;
  bool too_deep = false;                   // more encapsulations than are opened
  uint16_t ip_source_at = 0;               // whose source address stands here in the frame
  std::optional<Encapsulation> around_ip;  // what was around it, once something is opened behind it

  uint16_t offset() const { return static_cast<uint16_t>(in.rest().data() - frame); }
  /// Bytes from here to the end of the frame as it was on the wire.
  uint32_t wire_left() const { return length - (captured - static_cast<uint32_t>(in.left())); }

  bool opened() const { return around_ip.has_value(); }

  /// Enters an encapsulation; what lies within counts only if an IP packet is found there. False: too many already.
  bool open(Tunnel tunnel, std::optional<uint32_t> id = {}) {
    if (have_ip && !opened()) around_ip = packet.around;
    Encapsulation& around = packet.around;
    if (have_ip && around.outer_version == 0) {  // the outermost tunnel over IP is told with its ends
      around.outer_version = packet.key.version;
      around.outer_at = ip_source_at;
    }
    if (id && !around.has_id) {
      around.has_id = true;
      around.id = *id;
    }
    too_deep = !around.push(tunnel);
    return !too_deep;
  }
};

}  // namespace microcloud
