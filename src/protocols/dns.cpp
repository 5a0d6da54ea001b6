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
#include "protocols/wire/dns_record.h"
#include "protocols/wire/dns_stream.h"
#include "protocols/wire/text_words.h"
#include "protocols/wire/usual_ports.h"

namespace microcloud {
namespace {

constexpr int64_t kSkewUs = 10;     // a response may be captured before its query
constexpr unsigned kMaxBroken = 8;  // messages in a row that are none: then this is not DNS
constexpr uint8_t kUdp = 17;
constexpr uint16_t kPorts[] = {53};
constexpr std::string_view kNdpiNames[] = {"DNS"};
constexpr uint16_t kPortsOfOthers[] = {5353, 5355, 137};  // multicast DNS, LLMNR, NetBIOS: other rules

constexpr const RecordType* kRecords[] = {&kDnsRecordType};

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
      if (overdue) give_up(query, DnsState::Timeout, {}, dialogue);
      if (!overdue) earliest_us_ = std::min(earliest_us_, query.deadline_us());
      return overdue;
    });
  }

  bool waits() const { return early_ || !waiting_.empty(); }

  void end(FlowOver why, Dialogue& dialogue) {
    if (early_) give_up_early(dialogue);
    for (const DnsQuery& query : waiting_.waiting()) {
      give_up(query, why == FlowOver::Ended ? DnsState::Timeout : DnsState::Pending,
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
      give_up(oldest, DnsState::Pending, "too many queries", dialogue);
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
      told.state = DnsState::Answered;
      told.latency_us = latency_us(query->last_us, now_us);
      tell(told, to_initiator, dialogue);
      waiting_.erase(*query);
      return;
    }
    if (early_) give_up_early(dialogue);
    told.observed = to_milliseconds(now_us);
    tell_response(told, message);
    tell_edns(told, message.edns);
    told.state = DnsState::Orphan;
    early_ = std::make_unique<Early>(Early{told, DnsQuery(message, to_initiator, now_us)});
  }

  /// The query of a response that was captured just before it.
  void answer_early(const DnsQuery& query, Dialogue& dialogue) {
    DnsTransaction& told = early_->told;
    told.queries = 1;
    told.state = DnsState::Answered;
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
  static void give_up(const DnsQuery& query, DnsState state, std::string_view reason, Dialogue& dialogue) {
    DnsTransaction told;
    tell_query(told, query);
    told.state = state;
    if (!reason.empty()) told.partial.add(reason);
    tell(told, query.from_initiator, dialogue);
  }
  static void tell(DnsTransaction& told, bool client_is_initiator, Dialogue& dialogue) {
    told.index = dialogue.next_transaction();
    dialogue.tell(kDnsRecordType, &told, client_is_initiator);
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
