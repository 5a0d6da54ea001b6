// From the state of a flow to its record.
#include <algorithm>

#include "flow/flow_table.h"

namespace microcloud {
namespace {

using namespace flow_state;

std::optional<uint32_t> known_latency(uint32_t latency_us) {
  return latency_us == kUnknownLatency ? std::nullopt : std::optional(latency_us);
}

std::optional<uint16_t> known_vlan(uint16_t vlan) {
  return vlan == kNoVlan ? std::nullopt : std::optional(vlan);
}

int64_t to_ms(int64_t time_us) {
  return time_us >= 0 ? time_us / 1000 : (time_us - 999) / 1000;
}

void tell_common(Common& common, const FlowHot& hot, const FlowCold& cold) {
  const bool from_high = (hot.state & kInitiatorHigh) != 0;
  const FlowKey& key = hot.key;
  common.source = key.address(!from_high);
  common.destination = key.address(from_high);
  common.source_port = from_high ? key.high_port : key.low_port;
  common.destination_port = from_high ? key.low_port : key.high_port;
  common.protocol = key.protocol;
  common.has_ports = has_ports(key.protocol);
  common.vlan = known_vlan(cold.vlan);
  common.flow_id = cold.flow_id;
  if ((hot.known & flow_knows::kIcmp) != 0) {
    common.icmp_type_code = static_cast<uint16_t>(cold.icmp_type << 8 | cold.icmp_code);
  }
}

/// What is wrong as soon as packets between were not seen.
void tell_of_all_packets(FlowRecord& flow, const FlowHot& hot, const FlowCold& cold) {
  flow.application_latency_us = known_latency(cold.application_latency_us);
  if (hot.key.protocol != ip_protocol::kTcp) return;
  flow.client_latency_us = known_latency(cold.client_latency_us);
  flow.server_latency_us = known_latency(cold.server_latency_us);
  flow.retransmitted = hot.retransmitted;
  flow.out_of_order = cold.out_of_order;
}

/// What is told of the first packet, and of the encapsulations, the initiator's side first.
void tell_around(FlowRecord& flow, const FlowHot& hot, const FlowCold& cold, const OuterEnds* outer) {
  const bool initiator_high = (hot.state & kInitiatorHigh) != 0;
  const bool swapped = ((hot.state & kFirstFromHigh) != 0) != initiator_high;
  const bool ends_swapped = ((hot.known & flow_knows::kAroundFromHigh) != 0) != initiator_high;
  flow.vlan = known_vlan(cold.vlan);
  flow.customer_vlan = known_vlan(cold.customer_vlan);
  if ((hot.known & flow_knows::kMpls) != 0) flow.mpls = Octets<3>{cold.mpls};
  if ((hot.known & flow_knows::kMacs) != 0) {
    Mac destination, source;
    std::copy_n(cold.macs.begin(), 6, destination.bytes.begin());
    std::copy_n(cold.macs.begin() + 6, 6, source.bytes.begin());
    flow.source_mac = swapped ? destination : source;
    flow.destination_mac = swapped ? source : destination;
  }
  for (uint64_t types = cold.tunnels_slice & ((uint64_t{1} << kSliceShift) - 1); types != 0; types >>= kTunnelBits) {
    flow.tunnels.push(static_cast<Tunnel>(types & ((1U << kTunnelBits) - 1)));
  }
  if (outer == nullptr) return;
  flow.tunnel_source = ends_swapped ? outer->destination : outer->source;
  flow.tunnel_destination = ends_swapped ? outer->source : outer->destination;
  if (outer->has_id) flow.tunnel_id = outer->id;
}

}  // namespace

Common FlowView::common() const {
  Common common;
  tell(common);
  return common;
}

void FlowView::tell(Common& common) const {
  tell_common(common, hot_, cold_);
  if (cold_.client_latency_us != kUnknownLatency) common.client_network_us = cold_.client_latency_us;
  if (cold_.server_latency_us != kUnknownLatency) common.server_network_us = cold_.server_latency_us;
}

/// All that the table itself knows.
void FlowTable::fill(uint32_t slot, Common& common, FlowRecord& flow) const {
  const FlowHot& hot = hot_[slot];
  const FlowCold& cold = cold_[slot];
  tell_common(common, hot, cold);
  const unsigned initiator = (hot.state & kInitiatorHigh) != 0 ? 1 : 0;
  flow.start.value = to_ms(hot.first_us);
  flow.end.value = to_ms(hot.last_us);
  flow.slice = static_cast<uint32_t>(cold.tunnels_slice >> kSliceShift);
  flow.octets = hot.octets[initiator];
  flow.packets = hot.packets[initiator];
  flow.reverse_octets = hot.octets[1 - initiator];
  flow.reverse_packets = hot.packets[1 - initiator];
  flow.tos = cold.tos;
  if (!settings_.sampled) tell_of_all_packets(flow, hot, cold);
  if (hot.key.protocol == ip_protocol::kTcp) {
    flow.tcp_flags = hot.tcp_flags[initiator];
    flow.reverse_tcp_flags = hot.tcp_flags[1 - initiator];
  }
  if (common.protocol == ip_protocol::kIcmp) flow.icmp_v4 = common.icmp_type_code;
  if (common.protocol == ip_protocol::kIcmpv6) flow.icmp_v6 = common.icmp_type_code;
  if (cold.port != 0) {
    const uint32_t interface = settings_.interfaces[cold.port - 1U];
    ((hot.known & flow_knows::kOutgoing) != 0 ? flow.egress : flow.ingress) = interface;
  }
  flow.initiator_system =
      static_cast<HostSystem>(hot.known >> flow_knows::kSystemShift & ((1U << flow_knows::kSystemBits) - 1));
  tell_around(flow, hot, cold, cold.outer == kNoOuter ? nullptr : &outer_[cold.outer]);
}

void FlowTable::tell(uint32_t slot, EndReason reason) {
  const FlowHot& hot = hot_[slot];
  const FlowCold& cold = cold_[slot];
  if (follower_ != nullptr) follower_->telling(slot);
  if (cold.watch != 0 && reason != EndReason::Active) observer_->over(cold.watch, reason, FlowView(hot, cold));
  if ((hot.packets[0] | hot.packets[1]) == 0) return;  // all of it was told in earlier slices

  Common common;
  FlowRecord flow;
  fill(slot, common, flow);
  flow.end_reason = static_cast<uint8_t>(reason);
  if (cold.watch != 0) observer_->describe(cold.watch, reason, flow);

  counters_.records.add();
  sink_.put({&kFlowRecordType, &common, &flow});
}

bool FlowTable::peek(uint32_t slot, Common& common, FlowRecord& flow) const {
  const FlowHot& hot = hot_[slot];
  if ((hot.state & kUsed) == 0 || (hot.packets[0] | hot.packets[1]) == 0) return false;
  fill(slot, common, flow);
  common.community_seed = settings_.community_seed;
  if (const uint32_t watch = cold_[slot].watch; watch != 0) observer_->peek(watch, flow);
  return true;
}

}  // namespace microcloud
