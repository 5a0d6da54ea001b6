#include "flow/flow_record.h"

namespace microcloud {
namespace {

template <IpAddress FlowRecord::*Member>
std::optional<Ipv4> v4(const FlowRecord& flow) {
  return (flow.*Member).version == 4 ? std::optional((flow.*Member).as_v4()) : std::nullopt;
}

template <IpAddress FlowRecord::*Member>
std::optional<Ipv6> v6(const FlowRecord& flow) {
  return (flow.*Member).version == 6 ? std::optional((flow.*Member).as_v6()) : std::nullopt;
}

using Flow = FlowRecord;

std::optional<std::string_view> server_name(const Flow& flow) {
  return flow.server_name.length > 0 ? std::optional(flow.server_name.view()) : std::nullopt;
}

size_t used(const void* body) {
  const auto& name = static_cast<const Flow*>(body)->server_name;
  return static_cast<size_t>(name.bytes.data() - static_cast<const char*>(body)) + name.length;
}

// Exports copy rows that stand side by side in one piece (export/record_copier.h): what most flows have comes first,
// and among that what is there or not together. Of flags the lower octet is told, so a piece begins with it.
constexpr Field kFields[] = {
    field<&Flow::start>("flowStartMilliseconds", {"FLOW_START_MILLISECONDS", pen::kIana, 152},
                        "first packet of the slice, since 1970", Role::Default, Unit::Milliseconds),
    field<&Flow::end>("flowEndMilliseconds", {"FLOW_END_MILLISECONDS", pen::kIana, 153},
                      "last packet of the slice, since 1970", Role::Default, Unit::Milliseconds),
    field<&Flow::octets>("octetDeltaCount", {"IN_BYTES", pen::kIana, 1},
                         "from the initiator: sum of the innermost IP total lengths", Role::DeltaCounter, Unit::Octets),
    field<&Flow::packets>("packetDeltaCount", {"IN_PKTS", pen::kIana, 2}, "from the initiator", Role::DeltaCounter,
                          Unit::Packets),
    field<&Flow::reverse_octets>("reverseOctetDeltaCount", {"OUT_BYTES", pen::kReverse, 1, 23},
                                 "from the responder: sum of the innermost IP total lengths", Role::DeltaCounter,
                                 Unit::Octets),
    field<&Flow::reverse_packets>("reversePacketDeltaCount", {"OUT_PKTS", pen::kReverse, 2, 24}, "from the responder",
                                  Role::DeltaCounter, Unit::Packets),
    field<&Flow::tcp_flags>("tcpControlBits", {"TCP_FLAGS", pen::kIana, 6}, "all TCP flags of the initiator",
                            Role::Flags),
    field<&Flow::reverse_tcp_flags>("reverseTcpControlBits", {"SERVER_TCP_FLAGS", pen::kReverse, 6, 57472 + 79},
                                    "all TCP flags of the responder", Role::Flags),
    field<&Flow::end_reason>("flowEndReason", {"FLOW_END_REASON", pen::kIana, 136},
                             "1 idle, 2 active timeout, 3 end seen (FIN, RST), 4 forced, 5 lack of resources",
                             Role::Identifier),
    field<&Flow::tos>("ipClassOfService", {"SRC_TOS", pen::kIana, 5}, "TOS or traffic class of the first packet",
                      Role::Identifier),
    field<&Flow::source_mac>("sourceMacAddress", {"IN_SRC_MAC", pen::kIana, 56},
                             "of the innermost Ethernet header, initiator's side"),
    field<&Flow::destination_mac>("destinationMacAddress", {"IN_DST_MAC", pen::kIana, 80},
                                  "of the innermost Ethernet header, responder's side"),
    field<&Flow::slice>("flowSlice", {"", pen::kOwn, 3}, "1, 2, ...: one slice each active timeout"),
    field<&Flow::ingress>("ingressInterface", {"INPUT_SNMP", pen::kIana, 10},
                          "interface that received the first packet", Role::Identifier),
    field<&Flow::egress>("egressInterface", {"OUTPUT_SNMP", pen::kIana, 14}, "interface that sent the first packet",
                         Role::Identifier),
    field<&Flow::vlan>("dot1qVlanId", {"DOT1Q_SRC_VLAN", pen::kIana, 243}, "VLAN of the outer tag", Role::Identifier),
    field<&Flow::customer_vlan>("dot1qCustomerVlanId", {"DOT1Q_CUST_VLAN", pen::kIana, 245}, "VLAN of the second tag",
                                Role::Identifier),
    field<&Flow::mpls>("mplsTopLabelStackSection", {"MPLS_LABEL_1", pen::kIana, 70},
                       "label, traffic class and bottom bit: 24 bits"),
    field<&Flow::icmp_v4>("icmpTypeCodeIPv4", {"ICMP_TYPE", pen::kIana, 32}, "type * 256 + code of the first packet",
                          Role::Identifier),
    field<&Flow::icmp_v6>("icmpTypeCodeIPv6", {"ICMP_IPV6_TYPE", pen::kIana, 139},
                          "type * 256 + code of the first packet", Role::Identifier),
    field<&Flow::tunnels>("tunnelTypes", {"", pen::kOwn, 4},
                          "encapsulations, outermost first, of the first packet that had the most of them", Role::List),
    field<&v4<&Flow::tunnel_source>>("tunnelSourceIPv4Address", {"", pen::kOwn, 5},
                                     "outermost tunnel's end, initiator's side"),
    field<&v4<&Flow::tunnel_destination>>("tunnelDestinationIPv4Address", {"", pen::kOwn, 6},
                                          "outermost tunnel's end, responder's side"),
    field<&v6<&Flow::tunnel_source>>("tunnelSourceIPv6Address", {"", pen::kOwn, 7},
                                     "outermost tunnel's end, initiator's side"),
    field<&v6<&Flow::tunnel_destination>>("tunnelDestinationIPv6Address", {"", pen::kOwn, 8},
                                          "outermost tunnel's end, responder's side"),
    field<&Flow::tunnel_id>(
        "tunnelId", {"", pen::kOwn, 9},
        "outermost GRE key, PPTP call, ERSPAN session, TEID, VNI, L2TP tunnel and session, PPPoE session",
        Role::Identifier),
    field<&Flow::client_latency_us>("clientNetworkLatencyMicroseconds", {"", pen::kOwn, 10},
                                    "half of the time from SYN+ACK to the initiator's ACK", Role::Quantity,
                                    Unit::Microseconds),
    field<&Flow::server_latency_us>("serverNetworkLatencyMicroseconds", {"", pen::kOwn, 11},
                                    "half of the time from the last SYN to SYN+ACK", Role::Quantity,
                                    Unit::Microseconds),
    field<&Flow::application_latency_us>(
        "applicationLatencyMicroseconds", {"", pen::kOwn, 12},
        "from the end of the first request to its answer, less the network's round trip to the responder",
        Role::Quantity, Unit::Microseconds),
    field<&Flow::retransmitted>("tcpRetransmittedPackets", {"", pen::kOwn, 13}, "both directions", Role::DeltaCounter,
                                Unit::Packets),
    field<&Flow::out_of_order>("tcpOutOfOrderPackets", {"", pen::kOwn, 14}, "both directions", Role::DeltaCounter,
                               Unit::Packets),
    field<&Flow::application>("applicationName", {"APPLICATION_NAME", pen::kIana, 96},
                              "nDPI's name: protocol, or protocol and service (TLS.YouTube)", Role::Identifier),
    field<&Flow::application_category>("applicationCategoryName", {"APPLICATION_CATEGORY_NAME", pen::kIana, 372},
                                       "nDPI's category of the application", Role::Identifier),
    field<&Flow::application_confidence>("applicationConfidence", {"", pen::kOwn, 19},
                                         "how nDPI came to the name: by content, by port, by address"),
    field<&Flow::risks>("flowRisks", {"", pen::kOwn, 20}, "nDPI's names of what is risky about the flow", Role::List),
    field<&Flow::risk_score>("flowRiskScore", {"", pen::kOwn, 21}, "nDPI's sum over the risks", Role::Quantity),
    field<&Flow::transactions>("transactionCount", {"", pen::kOwn, 22},
                               "transactions told of the flow, in this slice of it", Role::DeltaCounter),
    field<&server_name>("serverName", {"", pen::kOwn, 23},
                        "what the client called the server: TLS server name, host of the first HTTP request"),
};

Traffic traffic(const void* body) {
  const Flow& flow = *static_cast<const Flow*>(body);
  return {.start_ms = flow.start.value,
          .end_ms = flow.end.value,
          .octets = flow.octets,
          .packets = flow.packets,
          .reverse_octets = flow.reverse_octets,
          .reverse_packets = flow.reverse_packets,
          .begins_flow = flow.slice == 1,
          .source_mac = flow.source_mac,
          .destination_mac = flow.destination_mac,
          .application = flow.application};
}

void teach(const RecordRef& record, HostLessons& lessons) {
  const Flow& flow = *static_cast<const Flow*>(record.body);
  if (flow.initiator_system != HostSystem::Unknown && flow.slice == 1)
    lessons.system(record.common->source, flow.initiator_system);
}

}  // namespace

const RecordType kFlowRecordType{.name = "flow",
                                 .meaning = "flow that ended, or slice of one at the active timeout",
                                 .fields = kFields,
                                 .body_size = sizeof(FlowRecord),
                                 .traffic = traffic,
                                 .put_fixed = fixed_writer<kFields>(),
                                 .teach = teach,
                                 .used = used};

}  // namespace microcloud
