// One flow's state in the table: what every packet touches in two cache lines, what few packets touch in a third.
#pragma once

#include <array>
#include <cstdint>

#include "base/host_system.h"
#include "packet/packet.h"

namespace microcloud {

namespace flow_state {
inline constexpr uint16_t kInitiatorHigh = 1 << 0;  // key.high initiated the flow, else key.low
inline constexpr uint16_t kInitiatorSure = 1 << 1;  // a SYN told, not just the first packet
inline constexpr uint16_t kSequenceLow = 1 << 2;    // next_sequence[0] is known
inline constexpr uint16_t kSequenceHigh = 1 << 3;   // next_sequence[1] is known
inline constexpr uint16_t kWaitSynAck = 1 << 4;     // mark_us is the time of the last SYN
inline constexpr uint16_t kWaitAck = 1 << 5;        // mark_us is the time of the last SYN+ACK
inline constexpr uint16_t kWaitRequest = 1 << 6;    // the initiator's first payload is awaited
inline constexpr uint16_t kWaitResponse = 1 << 7;   // mark_us is the time of the request's last packet so far
inline constexpr uint16_t kFinLow = 1 << 8;
inline constexpr uint16_t kFinHigh = 1 << 9;
inline constexpr uint16_t kClosed = 1 << 10;         // FIN both ways, or RST: lingers from the tick in mark_us
inline constexpr uint16_t kHole = 1 << 11;           // bytes are missing in hole_low .. hole_high
inline constexpr uint16_t kHoleHigh = 1 << 12;       // sent by key.high, else by key.low
inline constexpr uint16_t kFirstFromHigh = 1 << 13;  // key.high sent the first packet
inline constexpr uint16_t kWatched = 1 << 14;        // the observer wants to see its packets
inline constexpr uint16_t kUsed = 1 << 15;
}  // namespace flow_state

/// Touched by every packet. Index 0 is what key.low sent, 1 what key.high sent; counters are those of the slice. Both
/// lines stand in one aligned pair: processors fetch lines in such pairs, and half of a pair that belongs to another
/// flow is wasted.
struct alignas(128) FlowHot {
  FlowKey key;
  std::array<uint32_t, 2> packets;
  std::array<uint64_t, 2> octets;
  // second cache line
  int64_t first_us;  // of the slice; last_us too
  int64_t last_us;
  int64_t mark_us;  // what it marks, the state says; of a closed flow: the tick at which it closed
  std::array<uint32_t, 2> next_sequence;
  uint32_t last_tick_ms;
  uint32_t slice_tick_ms;  // when the slice began
  uint32_t retransmitted;  // of the slice
  uint32_t hole_low;
  uint32_t hole_high;
  uint32_t hole_us;  // when the hole appeared, low bits of the packet's time
  std::array<uint16_t, 2> tcp_flags;
  uint16_t state;
  uint16_t known;  // see flow_knows
};
static_assert(sizeof(FlowHot) == 128);

inline constexpr uint32_t kUnknownLatency = 0xffffffff;
inline constexpr uint32_t kNoOuter = 0xffffffff;

/// In `known`: which parts of the cold state mean something, the initiator's system, and how many encapsulations the
/// cold state tells.
namespace flow_knows {
inline constexpr uint16_t kMacs = 1, kMpls = 2, kIcmp = 4, kOutgoing = 8, kAroundFromHigh = 16;
inline constexpr unsigned kSystemShift = 5, kSystemBits = 3;  // HostSystem of the initiator
inline constexpr unsigned kDepthShift = 8;
static_assert(static_cast<unsigned>(HostSystem::kCount) <= 1U << kSystemBits);
}  // namespace flow_knows

/// Touched when a flow begins, ends, shakes hands, answers first, or loses packets.
struct alignas(64) FlowCold {
  uint64_t flow_id;
  uint64_t tunnels_slice;  // tunnel types, 4 bits each from the lowest, outermost first; above them the slice (24 bits)
  std::array<uint8_t, 12> macs;  // of the first packet: destination, source
  uint32_t client_latency_us;
  uint32_t server_latency_us;
  uint32_t application_latency_us;
  uint32_t out_of_order;
  uint32_t watch;  // the observer's handle
  uint32_t outer;  // in the table's list of tunnel ends, or kNoOuter
  uint16_t vlan;
  uint16_t customer_vlan;
  uint16_t port;  // interface of the first packet
  uint8_t icmp_type;
  uint8_t icmp_code;
  std::array<uint8_t, 3> mpls;
  uint8_t tos;
};
static_assert(sizeof(FlowCold) == 64);

inline constexpr unsigned kTunnelBits = 4, kSliceShift = kTunnelBits * kMaxTunnels;
static_assert(static_cast<unsigned>(Tunnel::kCount) <= 1U << kTunnelBits);
static_assert(kSliceShift <= 40);

/// Ends and id of a flow's outermost tunnel over IP.
struct OuterEnds {
  IpAddress source;
  IpAddress destination;
  uint32_t id;
  bool has_id;
};

}  // namespace microcloud
