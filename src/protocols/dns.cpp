// DNS over UDP and TCP (RFC 1035, RFC 7766; EDNS: RFC 6891): one record per distinct query, at once when it was
// answered. Multicast DNS, LLMNR and NetBIOS names have other rules and are left alone.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/hash.h"
#include "inspect/parser.h"
#include "protocols/protocols.h"
#include "protocols/wire/dns_message.h"
#include "protocols/wire/dns_options.h"
#include "protocols/wire/dns_queries.h"
#include "protocols/wire/dns_stream.h"
#include "protocols/wire/text_words.h"
#include "protocols/wire/usual_ports.h"
#include "record/text_list.h"
#include "record/transaction.h"

namespace microcloud {
namespace {

constexpr int64_t kSkewUs = 10;     // a response may be captured before its query
constexpr unsigned kMaxBroken = 8;  // messages in a row that are none: then this is not DNS
constexpr uint8_t kUdp = 17;
constexpr size_t kMostOfName = 253;  // characters of a host's name (RFC 1035, section 2.3.4)
constexpr uint16_t kPorts[] = {53};
constexpr std::string_view kNdpiNames[] = {"DNS"};
constexpr uint16_t kPortsOfOthers[] = {5353, 5355, 137};  // multicast DNS, LLMNR, NetBIOS: other rules

// ---- the record

enum class State : uint8_t { Answered, Timeout, Orphan, Pending };

struct DnsTransaction {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  uint16_t id = 0;
  std::optional<Text<512>> name;
  std::optional<uint16_t> type;
  std::optional<uint16_t> klass;
  uint16_t flags = 0;
  std::optional<uint16_t> code;
  std::optional<uint16_t> answer_count;
  TextList<1024, 64> answers;
  uint32_t queries = 0;
  uint32_t responses = 0;
  std::optional<uint16_t> udp_size;
  std::optional<bool> dnssec_ok;
  std::optional<uint32_t> case_mismatches;
  std::optional<Text<48>> client_subnet;
  std::optional<uint8_t> subnet_scope;
  std::optional<Text<16>> client_cookie;
  std::optional<Text<64>> server_cookie;
  std::optional<Text<128>> identifier;
  List<uint16_t, 8> errors;
  std::optional<Text<128>> error_text;
  State state = State::Pending;
  std::optional<uint32_t> latency_us;
};

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

bool other_case(const DnsTransaction& from) {
  return from.case_mismatches.value_or(0) > 0;
}

constexpr CloudRule kCloud[] = {
    grow(Entity::Source, "dns.queries", "distinct queries that the host asked").when<&query_seen>(1),
    grow(Entity::Source, "dns.nxdomain", "of its queries: no such name").when<&DnsTransaction::code>(3),
    grow(Entity::Source, "dns.caseMismatches", "responses to it with other capitals in the name than its queries")
        .when<&other_case>(1),
    grow(Entity::Source, "dns.servfail", "of its queries: the server failed").when<&DnsTransaction::code>(2),
};

/// No such name is an answer; that nobody answers, or that the server cannot or will not, is none.
std::optional<ServiceCall> service(const void* body) {
  constexpr uint16_t kFormErr = 1, kServFail = 2, kNotImp = 4, kRefused = 5;
  const DnsTransaction& dns = *static_cast<const DnsTransaction*>(body);
  if (dns.queries == 0 || dns.state == State::Pending) return std::nullopt;
  const uint16_t code = dns.code.value_or(0);
  return ServiceCall{.failed = dns.state == State::Timeout || code == kFormErr || code == kServFail ||
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

constexpr RecordType kRecordType{.name = "dns",
                                 .meaning = "distinct query: client, server, id, name, type and class",
                                 .fields = kFields,
                                 .body_size = sizeof(DnsTransaction),
                                 .cloud = kCloud,
                                 .teach = teach,
                                 .service = service};
constexpr const RecordType* kRecords[] = {&kRecordType};

// ---- queries and their responses

/// A response whose query has not been seen, and a little later may be.
struct Early {
  DnsTransaction told;
  DnsQuery question;  // that it answers
};

void tell_question(DnsTransaction& told, Bytes name, uint16_t type, uint16_t klass) {
  static thread_local std::string text;  // keeps its room
  text.clear();
  append_name_text(text, name);
  told.name.emplace().assign(text);
  told.type = type;
  told.klass = klass;
  if (text.size() > told.name->view().size()) told.partial.add("name cut");
}

void tell_edns(DnsTransaction& told, const std::optional<DnsEdns>& edns) {
  if (!edns) return;
  told.udp_size = edns->udp_size;
  told.dnssec_ok = edns->dnssec_ok;
}

void tell_response_options(DnsTransaction& told, Bytes options) {
  const DnsOptions read = read_dns_options(options);
  if (!told.client_subnet && !read.client_subnet.empty()) told.client_subnet.emplace().assign(read.client_subnet);
  told.subnet_scope = read.subnet_scope;
  if (!read.client_cookie.empty()) told.client_cookie.emplace().assign(hex_text(read.client_cookie));
  if (!read.server_cookie.empty()) told.server_cookie.emplace().assign(hex_text(read.server_cookie));
  told.errors = read.errors;
  if (!read.error_text.empty()) {
    told.error_text.emplace().assign(read.error_text);
    if (read.error_text.size() > told.error_text->view().size()) told.partial.add("error text cut");
  }
  if (!read.identifier || read.identifier->empty()) return;
  const std::string identifier = readable_text(*read.identifier);
  told.identifier.emplace().assign(identifier);
  if (identifier.size() > told.identifier->view().size()) told.partial.add("server identifier cut");
}

/// Of a response that asks just what the query asks, capitals aside.
void tell_case(DnsTransaction& told, uint32_t of_query, uint32_t of_response) {
  if (of_query != 0 || of_response != 0) told.case_mismatches = of_query == of_response ? 0 : 1;
}

void tell_query(DnsTransaction& told, const DnsQuery& query) {
  told.observed = to_milliseconds(query.first_us);
  told.id = query.id;
  told.flags = query.flags;
  told.queries = query.times;
  if (query.has_question) tell_question(told, query.name, query.type, query.klass);
  tell_edns(told, query.edns);
  if (!query.client_subnet.empty()) told.client_subnet.emplace().assign(query.client_subnet);
}

void tell_response(DnsTransaction& told, const DnsMessage& message) {
  told.id = message.id;
  told.flags = message.flags;
  told.code = message.response_code();
  told.answer_count = message.answers;
  told.responses = 1;
  if (!told.type && message.has_question) tell_question(told, message.name.bytes(), message.type, message.klass);
  bool all = true;
  for_each_answer(message, [&](const std::string& text) { all = told.answers.push(text) && all; });
  told.answers.sort_unique();
  if (!all) told.partial.add("answers cut");
  if (!message.edns_options.empty()) tell_response_options(told, message.edns_options);
  if (message.cut) told.partial.add("message cut");
  if (message.questions > 1) told.partial.add("further questions");
}

/// The queries of one flow, oldest first, each until its response or its time has come.
class Pairing {
 public:
  void take(const DnsMessage& message, bool from_initiator, int64_t now_us, Dialogue& dialogue) {
    end_overdue(now_us, dialogue);
    if (message.is_response()) {
      take_response(message, !from_initiator, now_us, dialogue);
    } else {
      take_query(message, from_initiator, now_us, dialogue);
    }
  }

  /// Tells what waited too long by now.
  void end_overdue(int64_t now_us, Dialogue& dialogue) {
    if (early_ && now_us - early_->question.first_us > kSkewUs) give_up_early(dialogue);
    if (waiting_.empty() || now_us < earliest_us_) return;
    earliest_us_ = INT64_MAX;
    waiting_.erase_if([&](const DnsQuery& query) {
      const bool overdue = query.deadline_us() <= now_us;
      if (overdue) give_up(query, State::Timeout, {}, dialogue);
      if (!overdue) earliest_us_ = std::min(earliest_us_, query.deadline_us());
      return overdue;
    });
  }

  bool waits() const { return early_ || !waiting_.empty(); }

  void end(FlowOver why, Dialogue& dialogue) {
    if (early_) give_up_early(dialogue);
    for (const DnsQuery& query : waiting_.waiting()) {
      give_up(query, why == FlowOver::Ended ? State::Timeout : State::Pending,
              why == FlowOver::Evicted ? "flow table full" : "", dialogue);
    }
    waiting_ = {};
  }

 private:
  void take_query(const DnsMessage& message, bool from_initiator, int64_t now_us, Dialogue& dialogue) {
    if (early_ && early_->question.is(message, from_initiator)) {
      answer_early(DnsQuery(message, from_initiator, now_us), dialogue);
      return;
    }
    if (DnsQuery* const same = waiting_.asking(message, from_initiator)) {
      ++same->times;
      same->last_us = std::max(same->last_us, now_us);
      return;
    }
    if (waiting_.size() == DnsQueries::kMost) {
      DnsQuery& oldest = waiting_.waiting().front();
      give_up(oldest, State::Pending, "too many queries", dialogue);
      waiting_.erase(oldest);
    }
    earliest_us_ = std::min(earliest_us_, waiting_.add(message, from_initiator, now_us).deadline_us());
  }

  void take_response(const DnsMessage& message, bool to_initiator, int64_t now_us, Dialogue& dialogue) {
    DnsTransaction told;
    if (DnsQuery* const query = waiting_.answered(message, to_initiator)) {
      tell_query(told, *query);
      tell_response(told, message);
      if (message.has_question) tell_case(told, query->case_mark, message.case_mark);
      told.state = State::Answered;
      told.latency_us = latency_us(query->last_us, now_us);
      tell(told, to_initiator, dialogue);
      waiting_.erase(*query);
      return;
    }
    if (early_) give_up_early(dialogue);
    told.observed = to_milliseconds(now_us);
    tell_response(told, message);
    tell_edns(told, message.edns);
    told.state = State::Orphan;
    early_ = std::make_unique<Early>(Early{told, DnsQuery(message, to_initiator, now_us)});
  }

  /// The query of a response that was captured just before it.
  void answer_early(const DnsQuery& query, Dialogue& dialogue) {
    DnsTransaction& told = early_->told;
    told.queries = 1;
    told.state = State::Answered;
    told.udp_size.reset();
    told.dnssec_ok.reset();
    tell_edns(told, query.edns);
    if (!query.client_subnet.empty()) told.client_subnet.emplace().assign(query.client_subnet);
    if (query.has_question) tell_case(told, query.case_mark, early_->question.case_mark);
    tell(told, query.from_initiator, dialogue);
    early_.reset();
  }
  void give_up_early(Dialogue& dialogue) {
    tell(early_->told, early_->question.from_initiator, dialogue);
    early_.reset();
  }
  static void give_up(const DnsQuery& query, State state, std::string_view reason, Dialogue& dialogue) {
    DnsTransaction told;
    tell_query(told, query);
    told.state = state;
    if (!reason.empty()) told.partial.add(reason);
    tell(told, query.from_initiator, dialogue);
  }
  static void tell(DnsTransaction& told, bool client_is_initiator, Dialogue& dialogue) {
    told.index = dialogue.next_transaction();
    dialogue.tell(kRecordType, &told, client_is_initiator);
  }

  DnsQueries waiting_;
  int64_t earliest_us_ = INT64_MAX;  // no deadline is before this
  std::unique_ptr<Early> early_;
};

// ---- the parser

class DnsParser final : public Parser {
 public:
  Status on_data(const Segment& segment, Dialogue& dialogue) override {
    const auto take = [&](Bytes bytes) {
      DnsMessage message;
      if (read_dns_message(bytes, message)) {
        pairing_.take(message, segment.from_initiator, segment.time_us, dialogue);
        broken_ = 0;
      } else {
        ++broken_;
      }
    };
    if (dialogue.flow().protocol == kUdp) {
      take(segment.bytes);
    } else {
      if (!streams_) streams_ = std::make_unique<std::array<DnsStream, 2>>();
      DnsStream& stream = (*streams_)[segment.from_initiator ? 0 : 1];
      if (segment.gap != 0 || segment.in_middle) stream.lose_place();
      stream.read(segment.bytes, take);
      if (segment.octets > segment.bytes.size()) stream.lose_place();  // the capture cut it
    }
    return broken_ < kMaxBroken ? Status::More : Status::Malformed;
  }
  bool waits() const override { return pairing_.waits(); }
  void on_time(int64_t now_us, Dialogue& dialogue) override { pairing_.end_overdue(now_us, dialogue); }
  void on_end(FlowOver why, int64_t now_us, Dialogue& dialogue) override {
    pairing_.end_overdue(now_us, dialogue);
    pairing_.end(why, dialogue);
  }

 private:
  Pairing pairing_;
  std::unique_ptr<std::array<DnsStream, 2>> streams_;
  unsigned broken_ = 0;  // messages in a row that were none
};

// ---- recognition

bool is_known_class(uint16_t klass) {
  return klass == 1 || klass == 3 || klass == 4 || klass == 254 || klass == 255;
}

/// RFC 6895, 3.1: what is assigned, or for queries only.
bool is_known_type(uint16_t type) {
  return (type > 0 && type < 110) || (type > 248 && type < 264) || type == 32768 || type == 32769;
}

/// A message that is right in every part, so that a flow on any port can be told by it.
bool is_surely_dns(const DnsMessage& message) {
  const unsigned opcode = message.opcode();
  if (opcode != dns_opcode::kQuery && opcode != dns_opcode::kNotify && opcode != dns_opcode::kUpdate) return false;
  if ((message.flags & dns_flag::kUnused) != 0 || message.questions != 1 || message.cut || message.left_over != 0)
    return false;
  if (!is_known_class(message.klass) || !is_known_type(message.type)) return false;
  if (message.is_response()) return true;
  return (message.flags & 0xfU) == 0 && (opcode != dns_opcode::kQuery || message.answers == 0) &&
         message.additionals < 4;
}

Verdict judge(Bytes bytes, bool at_its_port) {
  if (at_its_port) {
    return is_dns_message(bytes) && (bytes[2] >> 3 & 0xfU) <= dns_opcode::kStateful ? Verdict::Mine : Verdict::NotMine;
  }
  DnsMessage message;
  return read_dns_message(bytes, message) && is_surely_dns(message) ? Verdict::Mine : Verdict::NotMine;
}

Verdict recognise(const Segment& segment, const Common& flow) {
  if (has_port(flow, kPortsOfOthers)) return Verdict::NotMine;
  const bool at_its_port = has_port(flow, kPorts);
  if (flow.protocol == kUdp) {
    const Verdict verdict = judge(segment.bytes, at_its_port);
    return verdict == Verdict::NotMine && at_its_port ? Verdict::Unsure : verdict;
  }
  Cursor in(segment.bytes);
  const size_t length = in.u16();
  if (!in.ok()) return Verdict::Unsure;
  if (length < kDnsHeaderOctets) return Verdict::NotMine;
  if (in.has(length)) return judge(in.bytes(length), at_its_port);
  in.skip(2);  // the id
  const uint16_t flags = in.u16();
  const uint16_t questions = in.u16();
  if (!in.ok()) return Verdict::Unsure;
  if (at_its_port) return (flags >> 11 & 0xfU) <= dns_opcode::kStateful ? Verdict::Mine : Verdict::NotMine;
  return (flags & dns_flag::kUnused) == 0 && questions == 1 ? Verdict::Unsure : Verdict::NotMine;
}

}  // namespace

namespace protocol {

const Protocol dns{.name = "dns",
                   .records = kRecords,
                   .over_udp = true,
                   .over_tcp = true,
                   .ports = kPorts,
                   .recognise = recognise,
                   .make_parser = [] { return std::unique_ptr<Parser>(std::make_unique<DnsParser>()); },
                   .ndpi_names = kNdpiNames};

}  // namespace protocol
}  // namespace microcloud
