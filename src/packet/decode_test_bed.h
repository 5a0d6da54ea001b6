// For tests: a frame described with the packet builder, decoded, and told as text.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "packet/decode.h"
#include "tools/packet_builder.h"

namespace microcloud {

struct DecodeOptions {
  FirstHeader first = FirstHeader::Ethernet;
  bool verify = false;   // TCP and UDP checksums
  size_t wire_size = 0;  // 0: the frame is all here
};

/// One frame, in memory of just its size, and what decode() made of it.
class Decoded {
 public:
  explicit Decoded(const tools::Packet& frame, const DecodeOptions& options = {})
      : Decoded(frame.bytes(), {options.first, options.verify, frame.wire_size()}) {}
  explicit Decoded(const tools::Blob& bytes, const DecodeOptions& options = {}) : frame_(bytes.begin(), bytes.end()) {
    std::memset(static_cast<void*>(&packet), 0xa5, sizeof packet);  // decode() must set what it promises
    const size_t wire = options.wire_size == 0 ? bytes.size() : options.wire_size;
    reason = decode(options.first, {frame_, static_cast<uint32_t>(wire), options.verify}, packet, anomalies_);
    if (metered()) check();
  }
  Decoded(const Decoded&) = delete;
  Decoded& operator=(const Decoded&) = delete;

  bool metered() const { return reason == Ignored::kCount; }
  /// "udp 10.0.0.1:1 > 10.0.0.2:2", "1 10.0.0.1 > 10.0.0.2", or the reason why it is not metered.
  std::string flow() const {
    if (!metered()) return ignored_name(reason);
    const bool ports = has_ports(packet.key.protocol);
    const auto end = [&](bool low) {
      const std::string port = ":" + std::to_string(low ? packet.key.low_port : packet.key.high_port);
      const std::string address = to_text(packet.key.address(low));
      const bool brackets = ports && packet.key.version == 6;
      return (brackets ? "[" + address + "]" : address) + (ports ? port : "");
    };
    return protocol() + " " + end(packet.from_low) + " > " + end(!packet.from_low);
  }
  /// "vlan gre", outermost first.
  std::string tunnels() const {
    std::string names;
    for (unsigned at = 0; at < packet.around.count; ++at) {
      names += (at == 0 ? "" : " ") + std::string(tunnel_name(packet.around.tunnels[at]));
    }
    return names;
  }
  /// Ends of the outermost tunnel over IP, "" when there is none.
  std::string outer() const {
    const uint8_t* ends = frame_.data() + packet.around.outer_at;
    switch (packet.around.outer_version) {
      case 4:
        return to_text(IpAddress::v4(ends)) + " > " + to_text(IpAddress::v4(ends + 4));
      case 6:
        return to_text(IpAddress::v6(ends)) + " > " + to_text(IpAddress::v6(ends + 16));
      default:
        return "";
    }
  }
  /// "-" when no tunnel has one.
  std::string id() const { return packet.around.has_id ? std::to_string(packet.around.id) : "-"; }
  std::string payload() const {
    const auto at = frame_.begin() + packet.payload_at;
    return {at, at + packet.payload_captured};
  }
  uint64_t count(Anomaly anomaly) const { return anomalies_.get(anomaly); }
  uint64_t anomalies() const { return anomalies_.sum(); }

  Ignored reason;
  Packet packet;

 private:
  std::string protocol() const {
    switch (packet.key.protocol) {
      case ip_protocol::kTcp:
        return "tcp";
      case ip_protocol::kUdp:
        return "udp";
      case ip_protocol::kSctp:
        return "sctp";
      case ip_protocol::kUdpLite:
        return "udplite";
      default:
        return std::to_string(packet.key.protocol);
    }
  }

  /// What those who get the packet rely on, whatever the frame was.
  void check() const {
    const size_t captured = frame_.size();
    const FlowKey& key = packet.key;
    ASSERT_TRUE(key.version == 4 || key.version == 6);
    for (size_t at = key.version == 4 ? 4 : 16; at < 16; ++at) ASSERT_EQ(key.low[at] | key.high[at], 0);
    ASSERT_TRUE(key.low < key.high || (key.low == key.high && key.low_port <= key.high_port));
    ASSERT_TRUE(has_ports(key.protocol) || (key.low_port == 0 && key.high_port == 0));
    ASSERT_EQ(key.reserved, 0);
    const Encapsulation& around = packet.around;
    ASSERT_LE(around.count, kMaxTunnels);
    for (size_t at = 0; at < around.count; ++at) {
      ASSERT_GT(around.tunnels[at], Tunnel::None);
      ASSERT_LT(around.tunnels[at], Tunnel::kCount);
    }
    ASSERT_TRUE(around.outer_version == 0 || around.outer_at + (around.outer_version == 4 ? 8U : 32U) <= captured);
    ASSERT_TRUE(around.mac_at == 0xffff || around.mac_at + 12U <= captured);
    ASSERT_LE(size_t{packet.payload_at} + packet.payload_captured, captured);
    if (packet.fragment == FragmentPart::Whole) return;
    ASSERT_TRUE(packet.fragment_version == 4 || packet.fragment_version == 6);
    ASSERT_LE(packet.fragment_at + (packet.fragment_version == 4 ? 8U : 32U), captured);
  }

  tools::Blob frame_;
  Counters<Anomaly> anomalies_;
};

inline tools::Packet v4() {
  return tools::Packet().eth().ipv4("10.0.0.1", "10.0.0.2");
}
inline tools::Packet v6() {
  return tools::Packet().eth().ipv6("2001:db8::1", "2001:db8::2");
}

}  // namespace microcloud
