// The record of a flow that ended, or of a slice of one at the active timeout.
#pragma once

#include <cstdint>
#include <optional>

#include "packet/packet.h"
#include "record/record.h"

namespace microcloud {

/// flowEndReason (IANA IPFIX element 136).
enum class EndReason : uint8_t { Idle = 1, Active = 2, Ended = 3, Forced = 4, LackOfResources = 5 };

template <>
struct ValueOf<Tunnel> {
  static constexpr DataType kType = DataType::String;
  static Value read(const Tunnel& from, Scratch& scratch) {
    return ValueOf<std::string_view>::read(tunnel_name(from), scratch);
  }
};

struct FlowRecord {
  Milliseconds start;
  Milliseconds end;
  uint8_t end_reason = 0;
  uint32_t slice = 1;
  uint64_t octets = 0;
  uint64_t packets = 0;
  uint64_t reverse_octets = 0;
  uint64_t reverse_packets = 0;
  std::optional<uint16_t> tcp_flags;
  std::optional<uint16_t> reverse_tcp_flags;
  uint8_t tos = 0;
  std::optional<Mac> source_mac;
  std::optional<Mac> destination_mac;
  std::optional<uint32_t> ingress;
  std::optional<uint32_t> egress;
  std::optional<uint16_t> vlan;
  std::optional<uint16_t> customer_vlan;
  std::optional<Octets<3>> mpls;
  std::optional<uint16_t> icmp_v4;
  std::optional<uint16_t> icmp_v6;
  List<Tunnel, kMaxTunnels> tunnels;
  IpAddress tunnel_source;
  IpAddress tunnel_destination;
  std::optional<uint32_t> tunnel_id;
  std::optional<uint32_t> client_latency_us;
  std::optional<uint32_t> server_latency_us;
  std::optional<uint32_t> application_latency_us;
  std::optional<uint32_t> retransmitted;
  std::optional<uint32_t> out_of_order;
};

extern const RecordType kFlowRecordType;

}  // namespace microcloud
