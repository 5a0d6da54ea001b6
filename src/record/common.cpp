// The rows that every record has.
#include "record/community_id.h"
#include "record/record.h"

namespace microcloud {
namespace {

template <IpAddress Common::*Member>
std::optional<Ipv4> v4(const Common& common) {
  return (common.*Member).version == 4 ? std::optional((common.*Member).as_v4()) : std::nullopt;
}

template <IpAddress Common::*Member>
std::optional<Ipv6> v6(const Common& common) {
  return (common.*Member).version == 6 ? std::optional((common.*Member).as_v6()) : std::nullopt;
}

template <uint16_t Common::*Member>
std::optional<uint16_t> port(const Common& common) {
  return common.has_ports ? std::optional(common.*Member) : std::nullopt;
}

std::string_view community_id(const Common& common, Scratch& scratch) {
  write_community_id(common, scratch.room.data());
  return {scratch.room.data(), kCommunityIdSize};
}

std::optional<std::string_view> probe_id(const Common& common) {
  return common.probe_id.empty() ? std::nullopt : std::optional(common.probe_id);
}

std::optional<std::string_view> user(const Common& common) {
  const std::string_view name = common.source_user.empty() ? common.destination_user : common.source_user;
  return name.empty() ? std::nullopt : std::optional(name);
}

constexpr Field kFields[] = {
    field<&v4<&Common::source>>("sourceIPv4Address", {"IPV4_SRC_ADDR", pen::kIana, 8}, "address of the initiator"),
    field<&v4<&Common::destination>>("destinationIPv4Address", {"IPV4_DST_ADDR", pen::kIana, 12},
                                     "address of the responder"),
    field<&v6<&Common::source>>("sourceIPv6Address", {"IPV6_SRC_ADDR", pen::kIana, 27}, "address of the initiator"),
    field<&v6<&Common::destination>>("destinationIPv6Address", {"IPV6_DST_ADDR", pen::kIana, 28},
                                     "address of the responder"),
    field<&port<&Common::source_port>>("sourceTransportPort", {"L4_SRC_PORT", pen::kIana, 7},
                                       "port of the initiator (TCP, UDP, UDP-Lite, SCTP)", Role::Identifier),
    field<&port<&Common::destination_port>>("destinationTransportPort", {"L4_DST_PORT", pen::kIana, 11},
                                            "port of the responder (TCP, UDP, UDP-Lite, SCTP)", Role::Identifier),
    field<&Common::protocol>("protocolIdentifier", {"PROTOCOL", pen::kIana, 4}, "IP protocol number", Role::Identifier),
    field<&Common::flow_id>("flowId", {"FLOW_ID", pen::kIana, 148},
                            "the same in all slices of a flow; unique in a probe, below 2^53", Role::Identifier),
    field<&Common::vlan>("vlanId", {"SRC_VLAN", pen::kIana, 58}, "VLAN of the outermost tag of the first packet",
                         Role::Identifier),
    field<&community_id>("communityId", {"", pen::kOwn, 1},
                         "Community ID version 1; of ICMP: that of the first packet"),
    field<&probe_id>("probeId", {"", pen::kOwn, 2}, "name of the probe (--probe-id)"),
    field<&user>("userName", {"USER_NAME", pen::kIana, 371},
                 "who owns the initiator's address, or else the responder's, as the MicroCloud says (--cloud)"),
    // Not samplingPacketInterval (305), which IANA prefers: that is how many packets are taken in a row. Collectors
    // know 34, and it says just this.
    field<&Common::sampling>("samplingInterval", {"SAMPLING_INTERVAL", pen::kIana, 34},
                             "one packet in so many was metered, and counters are of those; absent: every packet was",
                             Role::Quantity),
};

}  // namespace

void write_community_id(const Common& common, char* out) {
  write_community_id({.source = common.source,
                      .destination = common.destination,
                      .protocol = common.protocol,
                      .has_ports = common.has_ports,
                      .source_port = common.source_port,
                      .destination_port = common.destination_port,
                      .icmp_type_code = common.icmp_type_code,
                      .seed = common.community_seed},
                     out);
}

std::span<const Field> common_fields() {
  return kFields;
}

uint64_t put_common_fixed(const Common& common, char* out) {
  return fixed_writer<kFields>()(&common, out);
}

}  // namespace microcloud
