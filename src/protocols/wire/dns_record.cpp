#include "protocols/wire/dns_record.h"

#include <string_view>

#include "base/address.h"
#include "protocols/wire/dns_message.h"

namespace microcloud {
namespace {

constexpr uint16_t kFormErr = 1, kServFail = 2, kNxDomain = 3, kNotImp = 4, kRefused = 5;  // RFC 1035, 4.1.1

constexpr size_t kMostOfName = 253;  // characters of a host's name (RFC 1035, section 2.3.4)

std::string_view state_name(const DnsTransaction& from, Scratch&) {
  constexpr std::string_view kNames[] = {"answered", "timeout", "orphan", "pending"};
  return kNames[static_cast<size_t>(from.state)];
}

bool truncated(const DnsTransaction& from) {
  return (from.flags & dns_flag::kTruncated) != 0;
}

constexpr Field kOwnFields[] = {
    field<&DnsTransaction::id>("dnsTransactionId", {"DNS_QUERY_ID", pen::kNtop, 206}, "id of query and response",
                               Role::Identifier),
    field<&DnsTransaction::name>("dnsQueryName", {"DNS_QUERY", pen::kNtop, 205},
                                 "name asked for: lower case, no final dot, \\ddd for what is not printable"),
    field<&DnsTransaction::type>("dnsQueryType", {"DNS_QUERY_TYPE", pen::kNtop, 207},
                                 "type asked for: 1 A, 28 AAAA, ...", Role::Identifier),
    field<&DnsTransaction::klass>("dnsQueryClass", {"", pen::kOwn, 101}, "class asked for: 1 IN, 3 CH, ...",
                                  Role::Identifier),
    field<&DnsTransaction::flags>("dnsFlags", {"", pen::kOwn, 102},
                                  "second word of the header, of the first response, else of the query", Role::Flags),
    field<&DnsTransaction::code>(
        "dnsResponseCode", {"DNS_RET_CODE", pen::kNtop, 208},
        "of the first response, extended by EDNS: 0 none, 2 server failure, 3 no such name, ...", Role::Identifier),
    field<&DnsTransaction::answer_count>("dnsAnswerCount", {"DNS_NUM_ANSWERS", pen::kNtop, 209},
                                         "records in the answer section of the first response", Role::Quantity),
    field<&DnsTransaction::answers>(
        "dnsAnswers", {"", pen::kOwn, 103},
        "of the first response: addresses, names of CNAME, NS, PTR and MX, strings of TXT; sorted, each once",
        Role::List),
    field<&truncated>("dnsTruncated", {"", pen::kOwn, 104}, "the message of dnsFlags was cut to fit a datagram"),
    field<&DnsTransaction::queries>("dnsQueries", {"", pen::kOwn, 105}, "queries seen, repetitions included",
                                    Role::DeltaCounter, Unit::Packets),
    field<&DnsTransaction::responses>("dnsResponses", {"", pen::kOwn, 106}, "responses seen", Role::DeltaCounter,
                                      Unit::Packets),
    field<&DnsTransaction::udp_size>("dnsUdpSize", {"", pen::kOwn, 107},
                                     "largest datagram the client takes, by EDNS (of an orphan: the server)",
                                     Role::Quantity, Unit::Octets),
    field<&DnsTransaction::dnssec_ok>("dnsDo", {"", pen::kOwn, 108},
                                      "EDNS with the DO bit: the client takes DNSSEC records"),
    field<&DnsTransaction::case_mismatches>(
        "dnsCaseMismatches", {"", pen::kOwn, 315},
        "responses that repeat the name with other capitals than the query (0x20): forged, or of a server that does "
        "not keep them; where either has capitals",
        Role::DeltaCounter, Unit::Packets),
    field<&DnsTransaction::client_subnet>("dnsClientSubnet", {"", pen::kOwn, 316},
                                          "EDNS: network for which a resolver asks, of the query, else the response"),
    field<&DnsTransaction::subnet_scope>("dnsClientSubnetScope", {"", pen::kOwn, 317},
                                         "EDNS, of the first response: length of the prefix that it holds for",
                                         Role::Quantity),
    field<&DnsTransaction::client_cookie>("dnsClientCookie", {"", pen::kOwn, 318},
                                          "EDNS, of the first response: the client's, in hexadecimal"),
    field<&DnsTransaction::server_cookie>("dnsServerCookie", {"", pen::kOwn, 319},
                                          "EDNS, of the first response: the server's, in hexadecimal"),
    field<&DnsTransaction::identifier>("dnsServerIdentifier", {"", pen::kOwn, 320},
                                       "EDNS, of the first response: which server answered (NSID); as text or 0x..."),
    field<&DnsTransaction::errors>("dnsExtendedErrors", {"", pen::kOwn, 321},
                                   "EDNS, of the first response: why it fails, 6 DNSSEC bogus, 15 blocked, 22 no "
                                   "reachable authority, ... (RFC 8914)",
                                   Role::List),
    field<&DnsTransaction::error_text>("dnsExtendedErrorText", {"", pen::kOwn, 322},
                                       "EDNS: what the server says of the first of these errors that it explains"),
    field<&state_name>("dnsState", {"", pen::kOwn, 109},
                       "answered, timeout (no response within 5 s), orphan (response without query), pending (the run "
                       "ended before)"),
    field<&DnsTransaction::latency_us>("serverLatencyMicroseconds", {"", pen::kOwn, 100},
                                       "from the last query to its first response", Role::Quantity, Unit::Microseconds),
};

constexpr auto kFields = transaction_fields<DnsTransaction>(kOwnFields);

bool query_seen(const DnsTransaction& from) {
  return from.queries > 0;
}

bool no_such_name(const DnsTransaction& from) {
  return query_seen(from) && from.code == kNxDomain;
}

bool server_failed(const DnsTransaction& from) {
  return query_seen(from) && from.code == kServFail;
}

bool other_case(const DnsTransaction& from) {
  return from.case_mismatches.value_or(0) > 0;
}

constexpr CloudRule kCloud[] = {
    grow(Entity::Source, "dns.queries", "distinct queries that the host asked").when<&query_seen>(1),
    grow(Entity::Source, "dns.nxdomain", "of its queries: no such name").when<&no_such_name>(1),
    grow(Entity::Source, "dns.caseMismatches", "responses to it with other capitals in the name than its queries")
        .when<&other_case>(1),
    grow(Entity::Source, "dns.servfail", "of its queries: the server failed").when<&server_failed>(1),
};

/// No such name is an answer; that nobody answers, or that the server cannot or will not, is none.
std::optional<ServiceCall> service(const void* body) {
  const DnsTransaction& dns = *static_cast<const DnsTransaction*>(body);
  if (!query_seen(dns) || dns.state == DnsState::Pending) return std::nullopt;
  const uint16_t code = dns.code.value_or(0);
  return ServiceCall{.failed = dns.state == DnsState::Timeout || code == kFormErr || code == kServFail ||
                               code == kNotImp || code == kRefused,
                     .latency_us = dns.latency_us,
                     .begins_connection = dns.index == 1};
}

/// Whoever asked for the name and got the address will talk to it.
void teach(const RecordRef& record, HostLessons& lessons) {
  constexpr uint16_t kA = 1, kAaaa = 28;
  const DnsTransaction& dns = *static_cast<const DnsTransaction*>(record.body);
  if (!dns.name || (dns.type != kA && dns.type != kAaaa) || dns.name->view().size() > kMostOfName) return;
  for (size_t at = 0; at < dns.answers.size(); ++at) {
    if (const auto address = parse_address(dns.answers[at])) lessons.name(*address, dns.name->view());
  }
}

}  // namespace

constexpr RecordType kDnsRecordType{.name = "dns",
                                    .meaning = "distinct query: client, server, id, name, type and class",
                                    .fields = kFields,
                                    .body_size = sizeof(DnsTransaction),
                                    .cloud = kCloud,
                                    .teach = teach,
                                    .service = service};

}  // namespace microcloud
