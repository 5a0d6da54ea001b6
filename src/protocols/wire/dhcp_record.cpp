#include "protocols/wire/dhcp_record.h"

#include "protocols/wire/dhcp_message.h"

namespace microcloud {
namespace {

constexpr Field kOwnFields[] = {
    field<&DhcpRecord::type>("dhcpMessageType", {"DHCP_MESSAGE_TYPE", pen::kNtop, 429},
                             "between IPv4 addresses 1 discover, 2 offer, 3 request, 4 decline, 5 ack, 6 nak, 7 "
                             "release, 8 inform (option 53, none of BOOTP); between IPv6 addresses 1 solicit, 2 "
                             "advertise, 3 request, 4 confirm, 5 renew, 6 rebind, 7 reply, 8 release, 9 decline, ...",
                             Role::Identifier),
    field<&DhcpRecord::transaction>("dhcpTransactionId", {"", pen::kOwn, 245}, "xid, the same in request and response",
                                    Role::Identifier),
    field<&DhcpRecord::mac>("dhcpClientMac", {"DHCP_CLIENT_MAC", pen::kNtop, 353},
                            "chaddr; of IPv6 what a relay says of it (option 79)"),
    field<&DhcpRecord::client_id>("dhcpClientId", {"", pen::kOwn, 244},
                                  "option 61, of IPv6 the client's DUID, in hexadecimal"),
    field<&DhcpRecord::host>("dhcpHostName", {"DHCP_CLIENT_NAME", pen::kNtop, 355},
                             "of the client: option 12, else its FQDN (81; of IPv6 39)"),
    field<&DhcpRecord::assigned>("dhcpAssignedIPv4Address", {"DHCP_CLIENT_IP", pen::kNtop, 354},
                                 "yiaddr: offered in an offer, given in an ack"),
    field<&DhcpRecord::wanted>("dhcpClientIPv4Address", {"", pen::kOwn, 241},
                               "the client has it or asks for it: ciaddr, else option 50"),
    field<&DhcpRecord::assigned6>("dhcpAssignedIPv6Prefixes", {"", pen::kOwn, 242},
                                  "addresses (/128) and prefixes with a valid lifetime, in an advertise offered, in a "
                                  "reply given",
                                  Role::List),
    field<&DhcpRecord::wanted6>("dhcpClientIPv6Prefixes", {"", pen::kOwn, 243},
                                "addresses (/128) and prefixes that the client has or asks for", Role::List),
    field<&DhcpRecord::lease_s>("dhcpLeaseSeconds", {"", pen::kOwn, 240},
                                "option 51, of IPv6 the first valid lifetime; of a client's message what it asks for",
                                Role::Quantity, Unit::Seconds),
    field<&DhcpRecord::circuit>("dhcpRelayCircuitId", {"", pen::kOwn, 246},
                                "where the client is, as a relay says: option 82.1, of IPv6 18; as text or 0x..."),
    field<&DhcpRecord::remote>("dhcpRelayRemoteId", {"DHCP_REMOTE_ID", pen::kNtop, 423},
                               "option 82.2, of IPv6 37 without the enterprise number; as text or 0x..."),
    field<&DhcpRecord::subscriber>("dhcpRelaySubscriberId", {"DHCP_SUBSCRIBER_ID", pen::kNtop, 424},
                                   "option 82.6, of IPv6 38; as text or 0x..."),
    field<&DhcpRecord::latency_us>("serverLatencyMicroseconds", {"", pen::kOwn, 100},
                                   "on the response: from the last transmission of its request, in whichever flow",
                                   Role::Quantity, Unit::Microseconds),
};

constexpr auto kFields = transaction_fields<DhcpRecord>(kOwnFields);

bool gives(const DhcpRecord& from) {
  return from.ipv6 ? from.type == dhcp6_type::kReply && from.assigned6.size() > 0
                   : from.type == dhcp4_type::kAck && from.assigned.has_value();
}

bool refuses(const DhcpRecord& from) {
  return !from.ipv6 && from.type == dhcp4_type::kNak;
}

constexpr CloudRule kCloud[] = {
    grow(Entity::Destination, "dhcp.leases", "ack and reply with which the server gave an address or prefix")
        .when<&gives>(1),
    grow(Entity::Destination, "dhcp.naks", "requests that the server refused").when<&refuses>(1),
};

/// By the answers: requests go to whoever serves.
std::optional<ServiceCall> service(const void* body) {
  const DhcpRecord& dhcp = *static_cast<const DhcpRecord*>(body);
  if (!dhcp.latency_us) return std::nullopt;
  return ServiceCall{.failed = refuses(dhcp), .latency_us = dhcp.latency_us};
}

}  // namespace

constexpr RecordType kDhcpRecordType{.name = "dhcp",
                                     .meaning = "DHCP message; source is the client, or a relay on its side",
                                     .fields = kFields,
                                     .body_size = sizeof(DhcpRecord),
                                     .cloud = kCloud,
                                     .service = service};

}  // namespace microcloud
