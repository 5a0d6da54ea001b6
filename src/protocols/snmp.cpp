// SNMP over UDP, versions 1, 2c and 3 (RFC 1157, RFC 3416, RFC 3412): one record a message. Community strings are told
// as a keyed hash; what is bound to the names is passed over.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hmac.h"
#include "inspect/parser.h"
#include "protocols/protocols.h"
#include "protocols/wire/snmp_message.h"
#include "protocols/wire/usual_ports.h"
#include "protocols/wire/waiting_requests.h"
#include "record/text_list.h"
#include "record/transaction.h"

namespace microcloud {
namespace {

constexpr uint16_t kPorts[] = {161, 162};
constexpr std::string_view kNdpiNames[] = {"SNMP"};
constexpr unsigned kMaxBroken = 8;  // messages in a row that are none: then this is not SNMP

// ---- the record

struct SnmpRecord {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  uint8_t version = 0;
  bool asks = false;     // a request, no repetition: which kind is not known of an encrypted one
  bool answers = false;  // a request that was seen
  bool repeated = false;
  std::optional<uint8_t> pdu;
  std::optional<int32_t> request_id;
  std::optional<int32_t> message_id;
  std::optional<int32_t> error_status;
  std::optional<int32_t> error_index;
  TextList<3072, 96> oids;
  std::optional<Text<512>> trap;
  std::optional<Text<2 * KeyedHash::kOctets>> community_hash;
  std::optional<Text<255>> community;
  std::optional<Text<64>> user;
  std::optional<uint32_t> latency_us;
};

std::string_view version_name(const SnmpRecord& from, Scratch&) {
  return from.version == snmp_version::k1 ? "1" : from.version == snmp_version::k2c ? "2c" : "3";
}

constexpr Field kOwnFields[] = {
    field<&version_name>("snmpVersion", {"", pen::kOwn, 225}, "1, 2c or 3"),
    field<&SnmpRecord::pdu>("snmpPduType", {"", pen::kOwn, 226},
                            "0 get, 1 get-next, 2 response, 3 set, 4 trap of version 1, 5 get-bulk, 6 inform, 7 trap, "
                            "8 report; none where it is encrypted",
                            Role::Identifier),
    field<&SnmpRecord::request_id>("snmpRequestId", {"", pen::kOwn, 227},
                                   "request-id, inside an encrypted message none", Role::Identifier),
    field<&SnmpRecord::message_id>("snmpMessageId", {"", pen::kOwn, 228}, "msgID of version 3", Role::Identifier),
    field<&SnmpRecord::error_status>("snmpErrorStatus", {"", pen::kOwn, 229},
                                     "error-status: 0 none, 1 too big, 2 no such name, 5 general error, ...",
                                     Role::Identifier),
    field<&SnmpRecord::error_index>("snmpErrorIndex", {"", pen::kOwn, 230}, "error-index: which binding, from 1 on",
                                    Role::Identifier),
    field<&SnmpRecord::oids>("snmpOids", {"", pen::kOwn, 231}, "names of the variable bindings, in their order",
                             Role::List),
    field<&SnmpRecord::trap>("snmpTrapOid", {"", pen::kOwn, 232},
                             "which trap it is: snmpTrapOID.0; of version 1 made of enterprise and numbers (RFC 3584)"),
    field<&SnmpRecord::community_hash>("snmpCommunityHash", {"", pen::kOwn, 233},
                                       "HMAC-SHA256 of the community string, its first 16 octets in hexadecimal, under "
                                       "the key of --key-file, else under one of this run"),
    field<&SnmpRecord::community>("snmpCommunity", {"", pen::kOwn, 234}, "community string, only with --secrets"),
    field<&SnmpRecord::user>("snmpUser", {"", pen::kOwn, 235}, "msgUserName of version 3"),
    field<&SnmpRecord::latency_us>("serverLatencyMicroseconds", {"", pen::kOwn, 100},
                                   "on the response: from the request's last transmission", Role::Quantity,
                                   Unit::Microseconds),
};

constexpr auto kFields = transaction_fields<SnmpRecord>(kOwnFields);

bool is_trap(const SnmpRecord& from) {
  return from.pdu == snmp_pdu::kTrapV1 || from.pdu == snmp_pdu::kTrap ||
         (from.pdu == snmp_pdu::kInform && !from.repeated);
}

bool reads_or_sets(const SnmpRecord& from) {
  return from.asks && from.pdu && *from.pdu != snmp_pdu::kInform;
}

bool failed(const SnmpRecord& from) {
  return from.answers && from.pdu == snmp_pdu::kResponse && from.error_status.value_or(0) != 0;
}

constexpr CloudRule kCloud[] = {
    grow(Entity::Source, "snmp.requests", "get, get-next, get-bulk and set that the host sent, each once")
        .when<&reads_or_sets>(1),
    grow(Entity::Source, "snmp.traps", "traps and informs that it sent, each inform once").when<&is_trap>(1),
    grow(Entity::Destination, "snmp.errors", "of its requests and informs: answered with an error-status")
        .when<&failed>(1),
};

std::optional<ServiceCall> service(const void* body) {
  const SnmpRecord& snmp = *static_cast<const SnmpRecord*>(body);
  if (snmp.asks) return ServiceCall{};
  if (!snmp.answers) return std::nullopt;
  return ServiceCall{.is_request = false, .failed = failed(snmp), .by_server = true, .latency_us = snmp.latency_us};
}

constexpr RecordType kRecordType{.name = "snmp",
                                 .meaning = "SNMP message; source is the sender",
                                 .fields = kFields,
                                 .body_size = sizeof(SnmpRecord),
                                 .cloud = kCloud,
                                 .service = service};
constexpr const RecordType* kRecords[] = {&kRecordType};

// ---- from the message

std::string_view text_of(Bytes octets) {
  return {static_cast<const char*>(static_cast<const void*>(octets.data())), octets.size()};
}

bool is_trap_oid(Bytes name) {
  constexpr uint8_t kSnmpTrapOid[] = {0x2b, 6, 1, 6, 3, 1, 1, 4, 1, 0};  // RFC 3418: snmpTrapOID.0
  return std::equal(name.begin(), name.end(), std::begin(kSnmpTrapOid), std::end(kSnmpTrapOid));
}

/// RFC 3584, 3.1: the standard traps have names of their own, others stand below their enterprise's.
void tell_trap_v1(SnmpRecord& told, const SnmpMessage& message) {
  constexpr int64_t kEnterpriseSpecific = 6;
  if (!message.generic_trap || !message.specific_trap) return;
  std::string name;
  if (*message.generic_trap == kEnterpriseSpecific) {
    append_oid(name, message.enterprise);
    name += ".0." + std::to_string(*message.specific_trap);
  } else {
    name = "1.3.6.1.6.3.1.1.5." + std::to_string(*message.generic_trap + 1);
  }
  told.trap.emplace().assign(name);
}

void tell_bindings(SnmpRecord& told, const SnmpMessage& message) {
  std::string name;
  bool all = true;
  const bool good = for_each_binding(message.bindings, [&](Bytes oid, const BerElement& value) {
    name.clear();
    append_oid(name, oid);
    all = told.oids.push(name) && all;
    if (told.trap || !is_trap_oid(oid) || value.tag != ber_tag::kOid || !value.whole) return;
    name.clear();
    append_oid(name, value.content);
    told.trap.emplace().assign(name);
  });
  if (!all) told.partial.add("names cut");
  if (!good && message.whole) told.partial.add("message malformed");
}

void tell_message(SnmpRecord& told, const SnmpMessage& message, bool cut) {
  told.version = message.version;
  told.pdu = message.pdu;
  told.request_id = message.request_id;
  told.message_id = message.message_id;
  if (message.pdu != snmp_pdu::kGetBulk) {
    told.error_status = message.error_status;
    told.error_index = message.error_index;
  }
  if (message.user) told.user.emplace().assign(text_of(*message.user));
  if (message.pdu == snmp_pdu::kTrapV1) tell_trap_v1(told, message);
  tell_bindings(told, message);
  if (!message.whole) told.partial.add(cut ? "message cut" : "message malformed");
}

// ---- requests and their responses

/// What a message is to the other one; of an encrypted one its flags tell (RFC 3412, 6.4).
bool is_request(const SnmpMessage& message) {
  if (!message.pdu) return message.encrypted && (message.flags & SnmpMessage::kReportable) != 0;
  return *message.pdu == snmp_pdu::kInform || *message.pdu == snmp_pdu::kGet || *message.pdu == snmp_pdu::kGetNext ||
         *message.pdu == snmp_pdu::kSet || *message.pdu == snmp_pdu::kGetBulk;
}

bool is_response(const SnmpMessage& message) {
  if (!message.pdu) return message.encrypted && !is_request(message);
  return *message.pdu == snmp_pdu::kResponse || *message.pdu == snmp_pdu::kReport;
}

struct RequestKey {
  int32_t id = 0;  // msgID of version 3, else the request-id
  uint8_t version = 0;
  bool from_initiator = false;
  bool operator==(const RequestKey&) const = default;
};

std::optional<RequestKey> key_of(const SnmpMessage& message, bool from_initiator) {
  const auto& id = message.version == snmp_version::k3 ? message.message_id : message.request_id;
  if (!id) return std::nullopt;
  return RequestKey{*id, message.version, from_initiator};
}

// ---- the parser

class SnmpParser final : public Parser {
 public:
  Status on_data(const Segment& segment, Dialogue& dialogue) override {
    SnmpMessage message;
    if (!read_snmp_message(segment.bytes, segment.octets, message))
      return ++broken_ < kMaxBroken ? Status::More : Status::Malformed;
    broken_ = 0;
    SnmpRecord told;
    told.observed = to_milliseconds(segment.time_us);
    tell_message(told, message, segment.bytes.size() < segment.octets);
    if (message.community) tell_community(told, *message.community, dialogue.disclosure());
    if (is_request(message)) {
      const auto key = key_of(message, segment.from_initiator);
      told.repeated = key && requests_.take(*key, segment.time_us);
      told.asks = !told.repeated;
    } else if (is_response(message)) {
      const auto key = key_of(message, !segment.from_initiator);
      const auto request = key ? requests_.answered(*key, segment.time_us) : std::nullopt;
      told.answers = request.has_value();
      if (request) told.latency_us = latency_us(request->sent_us, segment.time_us);
    }
    told.index = dialogue.next_transaction();
    dialogue.tell(kRecordType, &told, segment.from_initiator);
    return Status::More;
  }
  bool waits() const override { return false; }

 private:
  /// A flow has one community, or few: the last one's hash is kept.
  void tell_community(SnmpRecord& told, Bytes community, const Disclosure& allowed) {
    if (!hash_ || !std::equal(community.begin(), community.end(), community_.begin(), community_.end())) {
      community_.assign(community.begin(), community.end());
      hash_ = allowed.hash.of(community);
    }
    told.community_hash.emplace().assign({hash_->data(), hash_->size()});
    if (allowed.secrets) told.community.emplace().assign(text_of(community));
  }

  WaitingRequests<RequestKey> requests_;
  unsigned broken_ = 0;
  std::vector<uint8_t> community_;
  std::optional<KeyedHash::Digits> hash_;
};

// ---- recognition

/// At a port of its own what begins as a message of a known version is enough; elsewhere it has to fit together to its
/// last octet, as far as it was captured.
Verdict recognise(const Segment& segment, const Common& flow) {
  const bool at_its_port = has_port(flow, kPorts);
  SnmpMessage message;
  if (!read_snmp_message(segment.bytes, segment.octets, message))
    return at_its_port ? Verdict::Unsure : Verdict::NotMine;
  if (at_its_port) return Verdict::Mine;
  const bool cut = segment.bytes.size() < segment.octets;
  return message.left_over == 0 && (message.whole || (cut && message.pdu)) ? Verdict::Mine : Verdict::NotMine;
}

}  // namespace

namespace protocol {

const Protocol snmp{.name = "snmp",
                    .records = kRecords,
                    .over_udp = true,
                    .over_tcp = false,
                    .ports = kPorts,
                    .recognise = recognise,
                    .make_parser = [] { return std::unique_ptr<Parser>(std::make_unique<SnmpParser>()); },
                    .prepare = [] { static_cast<void>(hmac_sha256({}, {})); },
                    .ndpi_names = kNdpiNames};

}  // namespace protocol
}  // namespace microcloud
