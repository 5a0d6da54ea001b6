// The record of a flow that ended, or of a slice of one at the active timeout.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/host_system.h"
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

/// A set of up to 64 named things, as a list of their names.
struct NameSet {
  using Name = std::string_view (*)(unsigned bit);
  uint64_t bits = 0;
  Name name = nullptr;  // of a bit; set when bits is not 0
};

template <>
struct ValueOf<NameSet> {
  static constexpr DataType kType = DataType::BasicList;
  static constexpr DataType kItemType = DataType::String;
  static Value read(const NameSet& from, Scratch&) {
    if (from.bits == 0) return {};
    Value value = Value::of(Value::Kind::List, &from, static_cast<size_t>(std::popcount(from.bits)));
    value.item = [](const void* set, size_t at, Scratch& scratch) {
      const NameSet& names = *static_cast<const NameSet*>(set);
      uint64_t rest = names.bits;
      for (; at > 0; --at) rest &= rest - 1;
      return ValueOf<std::string_view>::read(names.name(static_cast<unsigned>(std::countr_zero(rest))), scratch);
    };
    return value;
  }
};

inline constexpr size_t kMostOfServerName = 255;

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
  std::optional<std::string_view> application;
  std::optional<std::string_view> application_category;
  std::optional<std::string_view> application_confidence;
  NameSet risks;
  std::optional<uint16_t> risk_score;
  std::optional<uint32_t> transactions;
  HostSystem initiator_system = HostSystem::Unknown;  // no element: hosts learn it
  Text<kMostOfServerName> server_name;                // empty: none. Last, as most records need not hand on its room
};

extern const RecordType kFlowRecordType;

}  // namespace microcloud
