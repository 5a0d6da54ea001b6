// RADIUS over UDP: authentication (RFC 2865), accounting (RFC 2866), dynamic authorization (RFC 5176); one record a
// message. Passwords and their hashes are passed over.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/address.h"
#include "inspect/parser.h"
#include "protocols/protocols.h"
#include "protocols/wire/radius_message.h"
#include "protocols/wire/usual_ports.h"
#include "record/text_list.h"
#include "record/transaction.h"

namespace microcloud {
namespace {

constexpr uint16_t kPorts[] = {1812, 1813, 1645, 1646, 3799};
constexpr std::string_view kNdpiNames[] = {"Radius"};
constexpr unsigned kMaxBroken = 8;         // messages in a row that are none: then this is not RADIUS
constexpr int64_t kRepeatUs = 30'000'000;  // a request with the same id and authenticator is repeated until then
constexpr int64_t kAnswerUs = 30'000'000;  // and answered

struct RadiusRecord {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  uint8_t code = 0;
  uint8_t id = 0;
  bool repeated = false;
  bool answers = false;  // the first answer to a request that was seen
  std::optional<Text<kRadiusMostOfText>> user;
  std::optional<Ipv4> framed_address;
  TextList<512, 16> framed_prefixes;
  std::optional<uint32_t> status;
  std::optional<Text<kRadiusMostOfText>> session;
  std::optional<Text<kRadiusMostOfText>> calling;
  std::optional<Text<kRadiusMostOfText>> called;
  std::optional<Ipv4> nas_address;
  std::optional<Text<kRadiusMostOfText>> nas_name;
  std::optional<uint32_t> terminate_cause;
  std::optional<uint32_t> delay_s;
  std::optional<Text<kRadiusMostOfText>> imsi;
  std::optional<Text<kRadiusMostOfText>> imeisv;
  std::optional<uint32_t> latency_us;
};

constexpr Field kOwnFields[] = {
    field<&RadiusRecord::code>("radiusCode", {"", pen::kOwn, 190},
                               "1 Access-Request, 2 Access-Accept, 3 Access-Reject, 4 Accounting-Request, 5 "
                               "Accounting-Response, 11 Access-Challenge, 40..45 Disconnect and CoA",
                               Role::Identifier),
    field<&RadiusRecord::id>("radiusId", {"", pen::kOwn, 191}, "identifier of request and response", Role::Identifier),
    field<&RadiusRecord::repeated>("radiusRetransmission", {"", pen::kOwn, 192},
                                   "the same message again: same identifier and authenticator"),
    field<&RadiusRecord::user>("radiusUserName", {"RADIUS_USER_NAME", pen::kNtop, 242}, "User-Name (1)"),
    field<&RadiusRecord::framed_address>("radiusFramedIPv4Address", {"RADIUS_FRAMED_IP_ADDR", pen::kNtop, 249},
                                         "Framed-IP-Address (8): the user's, as the message has it"),
    field<&RadiusRecord::framed_prefixes>("radiusFramedIPv6Prefixes", {"", pen::kOwn, 193},
                                          "the user's: Framed-IPv6-Prefix (97), Delegated-IPv6-Prefix (123), "
                                          "Framed-IPv6-Address (168) as /128",
                                          Role::List),
    field<&RadiusRecord::status>("radiusAcctStatusType", {"RADIUS_ACCT_STATUS_TYPE", pen::kNtop, 251},
                                 "Acct-Status-Type (40): 1 start, 2 stop, 3 interim, 7 on, 8 off", Role::Identifier),
    field<&RadiusRecord::session>("radiusAcctSessionId", {"RADIUS_ACCT_SESSION_ID", pen::kNtop, 250},
                                  "Acct-Session-Id (44)"),
    field<&RadiusRecord::calling>("radiusCallingStationId", {"RADIUS_CALLING_STATION_ID", pen::kNtop, 243},
                                  "Calling-Station-Id (31): the user's MAC or number"),
    field<&RadiusRecord::called>("radiusCalledStationId", {"RADIUS_CALLED_STATION_ID", pen::kNtop, 244},
                                 "Called-Station-Id (30): access point, number or APN"),
    field<&RadiusRecord::nas_address>("radiusNasIPv4Address", {"RADIUS_NAS_IP_ADDR", pen::kNtop, 245},
                                      "NAS-IP-Address (4)"),
    field<&RadiusRecord::nas_name>("radiusNasIdentifier", {"RADIUS_NAS_IDENTIFIER", pen::kNtop, 246},
                                   "NAS-Identifier (32)"),
    field<&RadiusRecord::terminate_cause>(
        "radiusTerminateCause", {"", pen::kOwn, 194},
        "Acct-Terminate-Cause (49): 1 user request, 4 idle timeout, 5 session timeout, ...", Role::Identifier),
    field<&RadiusRecord::delay_s>("radiusAcctDelaySeconds", {"", pen::kOwn, 195},
                                  "Acct-Delay-Time (41): the event was so long before this message", Role::Quantity,
                                  Unit::Seconds),
    field<&RadiusRecord::imsi>("radius3gppImsi", {"RADIUS_USER_IMSI", pen::kNtop, 247}, "3GPP-IMSI (10415, 1)"),
    field<&RadiusRecord::imeisv>("radius3gppImeisv", {"", pen::kOwn, 196}, "3GPP-IMEISV (10415, 20)"),
    field<&RadiusRecord::latency_us>("serverLatencyMicroseconds", {"", pen::kOwn, 100},
                                     "on the response: from the request's last transmission", Role::Quantity,
                                     Unit::Microseconds),
};

constexpr auto kFields = transaction_fields<RadiusRecord>(kOwnFields);

bool asks(const RadiusRecord& from) {
  return is_radius_request(from.code) && !from.repeated;
}

bool rejects(const RadiusRecord& from) {
  return from.answers && from.code == radius_code::kAccessReject;
}

constexpr CloudRule kCloud[] = {
    grow(Entity::Source, "radius.requests", "RADIUS requests that the host sent, each once").when<&asks>(1),
    grow(Entity::Source, "radius.rejects", "of its requests: answered with an Access-Reject").when<&rejects>(1),
};

/// A request counts when it comes; an answer, whatever it says, tells how long it took.
std::optional<ServiceCall> service(const void* body) {
  const RadiusRecord& radius = *static_cast<const RadiusRecord*>(body);
  if (asks(radius)) return ServiceCall{};
  if (!radius.answers) return std::nullopt;
  return ServiceCall{.is_request = false, .latency_us = radius.latency_us};
}

constexpr RecordType kRecordType{.name = "radius",
                                 .meaning = "RADIUS message; source is the client",
                                 .fields = kFields,
                                 .body_size = sizeof(RadiusRecord),
                                 .cloud = kCloud,
                                 .service = service};
constexpr const RecordType* kRecords[] = {&kRecordType};

// ---- from the attributes

void take_text(std::optional<Text<kRadiusMostOfText>>& to, Bytes value) {
  if (to || value.empty()) return;
  to.emplace().length = static_cast<uint16_t>(value.size());  // fits: an attribute is no longer
  std::copy(value.begin(), value.end(), to->bytes.begin());
}

void take_number(std::optional<uint32_t>& to, Bytes value, Partial& partial) {
  if (value.size() != 4) {
    partial.add("attribute malformed");
  } else if (!to) {
    to = load_be32(value.data());
  }
}

void take_address(std::optional<Ipv4>& to, Bytes value, Partial& partial) {
  if (value.size() != 4) {
    partial.add("attribute malformed");
  } else if (!to) {
    std::copy(value.begin(), value.end(), to.emplace().bytes.begin());
  }
}

/// One reserved octet, the length in bits, and as many octets of the prefix as it needs, or more (RFC 3162, 2.3).
void take_prefix(RadiusRecord& told, Bytes value) {
  std::array<uint8_t, 16> address{};
  if (value.size() < 2 || value.size() > 2 + address.size() || value[1] > 128 || (value.size() - 2) * 8 < value[1]) {
    told.partial.add("attribute malformed");
    return;
  }
  const unsigned bits = value[1];
  std::copy(value.begin() + 2, value.end(), address.begin());
  for (unsigned at = 0; at < address.size(); ++at) {  // what stands behind the prefix means nothing
    const unsigned kept = bits <= at * 8 ? 0 : std::min(bits - at * 8, 8U);
    address[at] = static_cast<uint8_t>(address[at] & (0xff00U >> kept));
  }
  if (!told.framed_prefixes.push(to_text(IpAddress::v6(address.data())) + "/" + std::to_string(bits)))
    told.partial.add("prefixes cut");
}

void take_whole_address(RadiusRecord& told, Bytes value) {
  if (value.size() != 16) {
    told.partial.add("attribute malformed");
  } else if (!told.framed_prefixes.push(to_text(IpAddress::v6(value.data())) + "/128")) {
    told.partial.add("prefixes cut");
  }
}

void take_attribute(RadiusRecord& told, uint8_t type, Bytes value) {
  using namespace radius_attribute;
  switch (type) {
    case kUserName:
      return take_text(told.user, value);
    case kNasIpAddress:
      return take_address(told.nas_address, value, told.partial);
    case kFramedIpAddress:
      return take_address(told.framed_address, value, told.partial);
    case kCalledStationId:
      return take_text(told.called, value);
    case kCallingStationId:
      return take_text(told.calling, value);
    case kNasIdentifier:
      return take_text(told.nas_name, value);
    case kAcctStatusType:
      return take_number(told.status, value, told.partial);
    case kAcctDelayTime:
      return take_number(told.delay_s, value, told.partial);
    case kAcctSessionId:
      return take_text(told.session, value);
    case kAcctTerminateCause:
      return take_number(told.terminate_cause, value, told.partial);
    case kFramedIpv6Prefix:
    case kDelegatedIpv6Prefix:
      return take_prefix(told, value);
    case kFramedIpv6Address:
      return take_whole_address(told, value);
    default:
      return;
  }
}

void take_3gpp(RadiusRecord& told, uint8_t type, Bytes value) {
  if (type == radius_3gpp::kImsi) take_text(told.imsi, value);
  if (type == radius_3gpp::kImeisv) take_text(told.imeisv, value);
}

void tell_message(RadiusRecord& told, const RadiusMessage& message) {
  told.code = message.code;
  told.id = message.id;
  const auto take = [&](uint8_t type, Bytes value) {
    take_attribute(told, type, value);
    if (type != radius_attribute::kVendorSpecific) return;
    const auto take_inner = [&](uint8_t inner, Bytes content) { take_3gpp(told, inner, content); };
    if (!for_each_3gpp(value, take_inner)) told.partial.add("attribute malformed");
  };
  if (!for_each_attribute(message.attributes, take))
    told.partial.add(message.cut ? "message cut" : "attribute malformed");
  if (message.cut) told.partial.add("message cut");
}

// ---- requests and their responses

/// The last request of each identifier. The authenticator is part of what makes a message the same one (RFC 2865, 3):
/// identifiers are soon used again.
class Requests {
 public:
  /// True when it is a repetition.
  bool take(const RadiusMessage& message, bool from_initiator, int64_t now_us) {
    Request& last = known_[key(message.id, from_initiator)];
    const bool again =
        last.code == message.code && last.authenticator == message.authenticator && now_us - last.sent_us <= kRepeatUs;
    last = {message.code, again && last.answered, now_us, message.authenticator};
    return again;
  }

  /// Of a response: the request's time; nothing where none is known. `again`: it had been answered before.
  std::optional<int64_t> answered(const RadiusMessage& message, bool to_initiator, int64_t now_us, bool& again) {
    const auto found = known_.find(key(message.id, to_initiator));
    if (found == known_.end() || !is_radius_answer(found->second.code, message.code)) return std::nullopt;
    Request& request = found->second;
    if (now_us - request.sent_us > kAnswerUs) return std::nullopt;
    again = request.answered;
    request.answered = true;
    return request.sent_us;
  }

 private:
  struct Request {
    uint8_t code = 0;
    bool answered = false;
    int64_t sent_us = 0;
    RadiusMessage::Authenticator authenticator{};
  };
  /// Of 9 bits: at most 512 are known.
  static uint32_t key(uint8_t id, bool from_initiator) { return uint32_t{id} | (from_initiator ? 256U : 0U); }

  std::unordered_map<uint32_t, Request> known_;
};

class RadiusParser final : public Parser {
 public:
  Status on_data(const Segment& segment, Dialogue& dialogue) override {
    RadiusMessage message;
    if (!read_radius_message(segment.bytes, segment.octets, message)) {
      return ++broken_ < kMaxBroken ? Status::More : Status::Malformed;
    }
    broken_ = 0;
    RadiusRecord told;
    told.observed = to_milliseconds(segment.time_us);
    tell_message(told, message);
    const bool request = is_radius_request(message.code);
    const bool client_is_initiator = request == segment.from_initiator;
    if (request) {
      told.repeated = requests_.take(message, segment.from_initiator, segment.time_us);
    } else {
      const auto sent = requests_.answered(message, client_is_initiator, segment.time_us, told.repeated);
      told.answers = sent && !told.repeated;
      if (told.answers) told.latency_us = latency_us(*sent, segment.time_us);
    }
    told.index = dialogue.next_transaction();
    dialogue.tell(kRecordType, &told, client_is_initiator);
    return Status::More;
  }
  bool waits() const override { return false; }

 private:
  Requests requests_;
  unsigned broken_ = 0;
};

// ---- recognition

/// At a port of its own a message that is right in all its parts is enough. Elsewhere it must hold what only RADIUS
/// has.
Verdict recognise(const Segment& segment, const Common& flow) {
  const bool at_its_port = has_port(flow, kPorts);
  RadiusMessage message;
  if (!read_radius_message(segment.bytes, segment.octets, message))
    return at_its_port ? Verdict::Unsure : Verdict::NotMine;
  if (at_its_port) return Verdict::Mine;
  if (message.cut || message.octets != segment.octets) return Verdict::NotMine;
  const RadiusProof proof = prove_radius(message);
  if (!proof.well_formed) return Verdict::NotMine;
  return proof.required ? Verdict::Mine : Verdict::Unsure;
}

}  // namespace

namespace protocol {

const Protocol radius{.name = "radius",
                      .records = kRecords,
                      .over_udp = true,
                      .over_tcp = false,
                      .ports = kPorts,
                      .recognise = recognise,
                      .make_parser = [] { return std::unique_ptr<Parser>(std::make_unique<RadiusParser>()); },
                      .ndpi_names = kNdpiNames};

}  // namespace protocol
}  // namespace microcloud
