// GTP's control plane over UDP: versions 0 (GSM 09.60), 1 (3GPP TS 29.060) and 2 (TS 29.274); one record a message. A
// response that accepts is told with the user of the request that it answers.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "inspect/parser.h"
#include "protocols/protocols.h"
#include "protocols/wire/gtp_message.h"
#include "protocols/wire/usual_ports.h"
#include "protocols/wire/waiting_requests.h"
#include "record/text_list.h"
#include "record/transaction.h"

namespace microcloud {
namespace {

constexpr uint16_t kPorts[] = {2123, 3386, 2152};  // versions 1 and 2, version 0, the user plane's echo and errors
constexpr std::string_view kNdpiNames[] = {"GTP_C"};
constexpr unsigned kMaxBroken = 8;  // datagrams in a row that are none: then this is not GTP
constexpr int kMostInDatagram = 4;  // messages: one is piggybacked, as a rule
constexpr size_t kMostOfApn = 100;  // TS 23.003, 9.1
constexpr size_t kMostDigits = 32;

// ---- the record

struct GtpRecord {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  uint8_t version = 0;
  uint8_t type = 0;
  bool repeated = false;
  bool answers = false;  // a request that was seen
  std::optional<uint32_t> teid;
  std::optional<uint32_t> sequence;
  std::optional<Text<kMostDigits>> imsi;
  std::optional<Text<kMostDigits>> msisdn;
  std::optional<Text<kMostOfApn>> apn;
  std::optional<uint8_t> cause;
  std::optional<Ipv4> address;
  std::optional<Text<64>> prefix;
  TextList<512, 12> tunnels;
  std::optional<Text<kMostDigits>> bound;
  std::optional<uint32_t> latency_us;
};

constexpr Field kOwnFields[] = {
    field<&GtpRecord::version>("gtpVersion", {"", pen::kOwn, 250}, "0, 1 or 2", Role::Identifier),
    field<&GtpRecord::type>(
        "gtpMessageType", {"", pen::kOwn, 251},
        "versions 0 and 1: 1 echo, 16 create PDP context, 18 update, 20 delete; version 2: 32 create "
        "session, 34 modify bearer, 36 delete session; each response has the next number",
        Role::Identifier),
    field<&GtpRecord::teid>("gtpTeid", {"", pen::kOwn, 252},
                            "tunnel endpoint of the header: the receiver's, 0 where the sender does not know it yet",
                            Role::Identifier),
    field<&GtpRecord::sequence>("gtpSequence", {"", pen::kOwn, 253}, "the same in request and response",
                                Role::Identifier),
    field<&GtpRecord::imsi>("mobileIMSI", {"", pen::kIana, 455},
                            "of the subscriber, as the message has it; not of version 0"),
    field<&GtpRecord::msisdn>("mobileMSISDN", {"", pen::kIana, 456}, "the subscriber's number, with its country code"),
    field<&GtpRecord::apn>("gtpApn", {"", pen::kOwn, 254}, "access point name"),
    field<&GtpRecord::cause>("gtpCause", {"", pen::kOwn, 255},
                             "what was asked is accepted by 128 to 191, of version 2 by 16 to 19", Role::Identifier),
    field<&GtpRecord::address>("gtpUserIPv4Address", {"", pen::kOwn, 256},
                               "the user's (end user address, PDN address allocation): in a request a wish"),
    field<&GtpRecord::prefix>("gtpUserIPv6Prefix", {"", pen::kOwn, 257}, "the same for IPv6"),
    field<&GtpRecord::tunnels>(
        "gtpTunnels", {"", pen::kOwn, 258},
        "tunnel endpoints that the message names, KIND:TEID@ADDRESS; KIND is control or data, of "
        "version 2 the number of the interface's type",
        Role::List),
    field<&GtpRecord::bound>("gtpBoundUser", {"", pen::kOwn, 259},
                             "on the response that accepts a create request: that one's IMSI, else its MSISDN; the "
                             "address is this user's now"),
    field<&GtpRecord::latency_us>("serverLatencyMicroseconds", {"", pen::kOwn, 100},
                                  "on the response: from the request's last transmission", Role::Quantity,
                                  Unit::Microseconds),
};

constexpr auto kFields = transaction_fields<GtpRecord>(kOwnFields);

bool asks(const GtpRecord& from) {
  return is_gtp_request(from.version, from.type) && !from.repeated;
}

bool refuses(const GtpRecord& from) {
  return from.answers && from.cause && !gtp_accepts(from.version, *from.cause);
}

constexpr CloudRule kCloud[] = {
    grow(Entity::Source, "gtpc.requests", "GTP requests that the host sent, each once").when<&asks>(1),
    grow(Entity::Destination, "gtpc.rejects", "of its requests: answered with a cause that refuses").when<&refuses>(1),
};

std::optional<ServiceCall> service(const void* body) {
  const GtpRecord& gtp = *static_cast<const GtpRecord*>(body);
  if (asks(gtp)) return ServiceCall{};
  if (!gtp.answers) return std::nullopt;
  return ServiceCall{.is_request = false, .failed = refuses(gtp), .by_server = true, .latency_us = gtp.latency_us};
}

constexpr RecordType kRecordType{.name = "gtpc",
                                 .meaning = "GTP control message; source is the sender",
                                 .fields = kFields,
                                 .body_size = sizeof(GtpRecord),
                                 .cloud = kCloud,
                                 .service = service};
constexpr const RecordType* kRecords[] = {&kRecordType};

// ---- from the message

template <size_t Size>
void take_text(std::optional<Text<Size>>& to, std::string_view text) {
  if (!to && !text.empty()) to.emplace().assign(text);
}

/// 0.0.0.0 and :: stand for "any".
void take_user_v4(GtpRecord& told, Bytes address) {
  if (told.address || std::all_of(address.begin(), address.end(), [](uint8_t octet) { return octet == 0; })) return;
  std::copy(address.begin(), address.end(), told.address.emplace().bytes.begin());
}

void take_user_v6(GtpRecord& told, Bytes address, unsigned bits) {
  if (std::all_of(address.begin(), address.end(), [](uint8_t octet) { return octet == 0; })) return;
  IpAddress prefix = IpAddress::v6(address.data());
  for (unsigned bit = bits; bit < 128; ++bit)  // what stands behind is the interface's, and no part of it
    prefix.bytes[bit / 8] = static_cast<uint8_t>(prefix.bytes[bit / 8] & ~(0x80U >> bit % 8));
  take_text(told.prefix, to_text(prefix) + "/" + std::to_string(bits));
}

void take_tunnel(GtpRecord& told, std::string_view kind, uint32_t teid, Bytes address) {
  std::string text = std::string(kind) + ":" + std::to_string(teid) + "@";
  if (address.size() == 4) text += to_text(IpAddress::v4(address.data()));
  if (address.size() == 16) text += to_text(IpAddress::v6(address.data()));
  if (!told.tunnels.push(text)) told.partial.add("tunnels cut");
}

/// Versions 0 and 1: which address belongs to which endpoint says their order (TS 29.060, 7.3.1 and 7.3.2).
class Elements1 {
 public:
  explicit Elements1(GtpRecord& told) : told_(told) {}

  void take(uint8_t type, Bytes value) {
    using namespace gtp1_element;
    if (type == kCause && !told_.cause) told_.cause = value.front();
    if (type == kImsi) take_text(told_.imsi, tbcd_digits(value));
    if (type == kDataTeid && value.size() == 4 && !data_) data_ = load_be32(value.data());
    if (type == kControlTeid && value.size() == 4 && !control_) control_ = load_be32(value.data());
    if (type == kUserAddress) take_user_address(value);
    if (type == kApn) take_text(told_.apn, apn_text(value));
    if (type == kMsisdn && !value.empty()) take_text(told_.msisdn, tbcd_digits(value.subspan(1)));  // kind of number
    if (type != kGsnAddress || (value.size() != 4 && value.size() != 16)) return;
    if (addresses_ < 2) address_[addresses_] = value;
    ++addresses_;
  }
  void end() {
    const Bytes data_address = addresses_ > 1 ? address_[1] : address_[0];
    if (control_) take_tunnel(told_, "control", *control_, address_[0]);
    if (data_) take_tunnel(told_, "data", *data_, data_address);
  }

 private:
  /// TS 29.060, 7.7.27: whose types they are, the type, and as many addresses as it has, or none.
  void take_user_address(Bytes value) {
    constexpr uint8_t kIpv4 = 0x21, kIpv6 = 0x57, kBoth = 0x8d;
    Cursor in(value);
    in.skip(1);
    const uint8_t type = in.u8();
    if (!in.ok()) return told_.partial.add("element malformed");
    if ((type == kIpv4 || type == kBoth) && in.has(4)) take_user_v4(told_, in.bytes(4));
    if ((type == kIpv6 || type == kBoth) && in.has(16)) take_user_v6(told_, in.bytes(16), 64);  // TS 29.061, 11.2.1.3
  }

  GtpRecord& told_;
  std::optional<uint32_t> data_, control_;
  Bytes address_[2];
  unsigned addresses_ = 0;
};

/// TS 29.274, 8.22.
void take_fteid(GtpRecord& told, Bytes value) {
  constexpr uint8_t kV4 = 0x80, kV6 = 0x40, kInterface = 0x3f;
  Cursor in(value);
  const uint8_t flags = in.u8();
  const uint32_t teid = in.u32();
  const Bytes v4 = (flags & kV4) != 0 ? in.bytes(4) : Bytes{};
  const Bytes v6 = (flags & kV6) != 0 ? in.bytes(16) : Bytes{};
  if (!in.ok()) return told.partial.add("element malformed");
  const std::string kind = std::to_string(flags & kInterface);
  if (!v4.empty()) take_tunnel(told, kind, teid, v4);
  if (!v6.empty()) take_tunnel(told, kind, teid, v6);
}

/// TS 29.274, 8.14.
void take_allocation(GtpRecord& told, Bytes value) {
  constexpr uint8_t kIpv4 = 1, kIpv6 = 2, kBoth = 3;
  Cursor in(value);
  const unsigned type = in.u8() & 7U;
  if (type == kIpv6 || type == kBoth) {
    const unsigned bits = in.u8();
    const Bytes prefix = in.bytes(16);
    if (in.ok() && bits <= 128) take_user_v6(told, prefix, bits);
  }
  if (type == kIpv4 || type == kBoth) {
    const Bytes address = in.bytes(4);
    if (in.ok()) take_user_v4(told, address);
  }
  if (!in.ok()) told.partial.add("element malformed");
}

bool take_elements2(GtpRecord& told, Bytes elements, bool in_bearer) {
  return for_each_gtp2_element(elements, [&](uint8_t type, Bytes value) {
    using namespace gtp2_element;
    if (type == kFteid) return take_fteid(told, value);
    if (in_bearer) return;  // its cause is the bearer's
    if (type == kCause && !told.cause && !value.empty()) told.cause = value.front();
    if (type == kImsi) take_text(told.imsi, tbcd_digits(value));
    if (type == kMsisdn) take_text(told.msisdn, tbcd_digits(value));
    if (type == kApn) take_text(told.apn, apn_text(value));
    if (type == kAddress) take_allocation(told, value);
    if (type == kBearer && !take_elements2(told, value, true)) told.partial.add("element malformed");
  });
}

void tell_message(GtpRecord& told, const GtpMessage& message) {
  told.version = message.version;
  told.type = message.type;
  told.teid = message.teid;
  told.sequence = message.sequence;
  bool good = true;
  if (message.version == 2) {
    good = take_elements2(told, message.elements, false);
  } else {
    Elements1 elements(told);
    good = for_each_gtp1_element(message.version, message.elements,
                                 [&](uint8_t type, Bytes value) { elements.take(type, value); });
    elements.end();
  }
  if (!good) told.partial.add(message.cut ? "message cut" : "element malformed");
}

// ---- requests and their responses

struct RequestKey {
  uint8_t version = 0;
  uint8_t type = 0;  // of the request
  uint32_t sequence = 0;
  bool from_initiator = false;
  bool operator==(const RequestKey&) const = default;
};

struct User {
  Text<kMostDigits> digits;
};

bool creates(uint8_t version, uint8_t request) {
  return request == (version == 2 ? gtp2_type::kCreateRequest : gtp1_type::kCreateRequest);
}

class GtpParser final : public Parser {
 public:
  Status on_data(const Segment& segment, Dialogue& dialogue) override {
    Bytes rest = segment.bytes;
    uint32_t octets = segment.octets;
    GtpMessage message;
    for (int number = 0; number < kMostInDatagram; ++number) {
      if (!read_gtp_message(rest, octets, message)) {
        if (number > 0) return Status::More;
        return ++broken_ < kMaxBroken ? Status::More : Status::Malformed;
      }
      broken_ = 0;
      take(message, segment, dialogue);
      if (!message.piggybacked || message.octets >= rest.size()) break;
      rest = rest.subspan(message.octets);
      octets -= static_cast<uint32_t>(message.octets);
    }
    return Status::More;
  }
  bool waits() const override { return false; }

 private:
  void take(const GtpMessage& message, const Segment& segment, Dialogue& dialogue) {
    if (message.version < 2 && message.type == gtp1_type::kTunnelled) return;  // the user plane's
    GtpRecord told;
    told.observed = to_milliseconds(segment.time_us);
    tell_message(told, message);
    if (message.sequence) pair(told, segment);
    told.index = dialogue.next_transaction();
    dialogue.tell(kRecordType, &told, segment.from_initiator);
  }

  void pair(GtpRecord& told, const Segment& segment) {
    if (is_gtp_request(told.version, told.type)) {
      User user;
      if (creates(told.version, told.type)) user.digits = told.imsi ? *told.imsi : told.msisdn.value_or(user.digits);
      told.repeated =
          requests_.take({told.version, told.type, *told.sequence, segment.from_initiator}, segment.time_us, user);
    } else if (is_gtp_response(told.version, told.type)) {
      const auto asked = static_cast<uint8_t>(told.type - 1);
      const auto request =
          requests_.answered({told.version, asked, *told.sequence, !segment.from_initiator}, segment.time_us);
      if (!request) return;
      told.answers = true;
      told.latency_us = latency_us(request->sent_us, segment.time_us);
      const bool accepted = creates(told.version, asked) && told.cause && gtp_accepts(told.version, *told.cause);
      if (accepted) take_text(told.bound, request->kept.digits.view());
    }
  }

  WaitingRequests<RequestKey, User> requests_;
  unsigned broken_ = 0;
};

// ---- recognition

/// All of the datagram is messages, and all of the elements fit.
bool proves_itself(Bytes rest, uint32_t octets) {
  GtpMessage message;
  do {
    if (!read_gtp_message(rest, octets, message) || message.cut || message.version == 0 || !message.sequence)
      return false;
    if (!is_gtp_request(message.version, message.type) && !is_gtp_response(message.version, message.type)) return false;
    const auto ignore = [](uint8_t, Bytes) {};
    const bool fits = message.version == 2 ? for_each_gtp2_element(message.elements, ignore)
                                           : for_each_gtp1_element(message.version, message.elements, ignore);
    if (!fits || message.elements.empty()) return false;
    rest = rest.subspan(message.octets);
    octets -= static_cast<uint32_t>(message.octets);
  } while (message.piggybacked);
  return octets == 0;
}

/// At its ports a header is enough whose length is the datagram's; elsewhere everything has to fit.
Verdict recognise(const Segment& segment, const Common& flow) {
  const bool at_its_port = has_port(flow, kPorts);
  if (!at_its_port) return proves_itself(segment.bytes, segment.octets) ? Verdict::Mine : Verdict::NotMine;
  GtpMessage message;
  const bool good = read_gtp_message(segment.bytes, segment.octets, message) &&
                    (message.octets == segment.octets || message.piggybacked);
  return good ? Verdict::Mine : Verdict::Unsure;
}

}  // namespace

namespace protocol {

const Protocol gtpc{.name = "gtpc",
                    .records = kRecords,
                    .over_udp = true,
                    .over_tcp = false,
                    .ports = kPorts,
                    .recognise = recognise,
                    .make_parser = [] { return std::unique_ptr<Parser>(std::make_unique<GtpParser>()); },
                    .ndpi_names = kNdpiNames};

}  // namespace protocol
}  // namespace microcloud
