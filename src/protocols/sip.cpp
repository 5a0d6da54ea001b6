// SIP (RFC 3261) over UDP and TCP: one record a message, and one a call when it is over.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "inspect/parser.h"
#include "protocols/protocols.h"
#include "protocols/wire/call_book.h"
#include "protocols/wire/sip_message.h"
#include "protocols/wire/sip_stream.h"
#include "protocols/wire/text_words.h"
#include "protocols/wire/told_text.h"
#include "protocols/wire/usual_ports.h"
#include "protocols/wire/waiting_requests.h"
#include "record/transaction.h"

namespace microcloud {
namespace {

constexpr uint16_t kPorts[] = {5060};
constexpr std::string_view kNdpiNames[] = {"SIP"};
constexpr unsigned kMostBroken = 16;     // lines or datagrams in a row that are none of SIP
constexpr size_t kMostOfKeepAlive = 20;  // octets of a datagram that keeps a NAT open and says nothing
constexpr size_t kMostOfStart = 2048;    // octets of a first line that are waited for
constexpr size_t kMostCalls = 1024;      // that a flow tells by itself at a time; the book tells others

// ---- the record

struct SipRecord {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  std::optional<Text<256>> call_id;
  std::optional<Text<32>> method;
  std::optional<uint32_t> cseq;
  std::optional<uint16_t> status;
  std::optional<Text<256>> from;
  std::optional<Text<256>> to;
  std::optional<Text<128>> user_agent;
  std::optional<uint32_t> latency_us;
  bool asks = false;    // a request that wants a response, and no repetition
  bool failed = false;  // the final response to one, with 5xx
  CallNews news;
};

constexpr Field kOwnFields[] = {
    field<&SipRecord::call_id>("sipCallId", {"SIP_CALL_ID", pen::kNtop, 130}, "Call-ID"),
    field<&SipRecord::method>("sipMethod", {"", pen::kOwn, 260}, "of a response: the method of its CSeq"),
    field<&SipRecord::cseq>("sipCSeq", {"", pen::kOwn, 261}, "number in CSeq", Role::Identifier),
    field<&SipRecord::status>("sipStatusCode", {"", pen::kOwn, 262}, "responses only", Role::Identifier),
    field<&SipRecord::from>("sipFrom", {"", pen::kOwn, 263}, "URI in From"),
    field<&SipRecord::to>("sipTo", {"", pen::kOwn, 264}, "URI in To"),
    field<&SipRecord::user_agent>("sipUserAgent", {"", pen::kOwn, 265}, "User-Agent, else Server"),
    field<&SipRecord::latency_us>("serverLatencyMicroseconds", {"", pen::kOwn, 100},
                                  "on the first response: from the request's last transmission", Role::Quantity,
                                  Unit::Microseconds),
};

constexpr auto kFields = transaction_fields<SipRecord>(kOwnFields);

bool is_request(const SipRecord& told) {
  return !told.status;
}

constexpr CloudRule kCloud[] = {
    grow(Entity::Source, "sip.requests", "SIP requests that the host sent, repetitions too").when<&is_request>(1),
};

/// 4xx is mostly the caller's doing, or that nobody is there; 6xx what people want.
std::optional<ServiceCall> service(const void* body) {
  const SipRecord& sip = *static_cast<const SipRecord*>(body);
  if (sip.asks) return ServiceCall{};
  if (!sip.latency_us && !sip.failed) return std::nullopt;
  return ServiceCall{.is_request = false, .failed = sip.failed, .by_server = true, .latency_us = sip.latency_us};
}

void note(const RecordRef& record, TreeNotes& notes) {
  const auto& told = *static_cast<const SipRecord*>(record.body);
  const auto text = [](const auto& one) { return one ? one->view() : std::string_view(); };
  leave(told.news, {text(told.call_id), text(told.from), text(told.to), record.common->probe_id}, notes);
}

const RecordType kRecordType{.name = "sip",
                             .meaning = "SIP message; source is its sender",
                             .fields = kFields,
                             .body_size = sizeof(SipRecord),
                             .cloud = kCloud,
                             .service = service,
                             .note = note,
                             .texts = call_news_texts()};
constexpr const RecordType* kRecords[] = {&kRecordType, &kCallRecordType};

// ---- the flow

class SipParser final : public Parser {
 public:
  Status on_data(const Segment& segment, Dialogue& dialogue) override {
    if (dialogue.flow().protocol == kTcp) return on_stream(segment, dialogue);
    if (segment.octets < kMostOfKeepAlive) return Status::More;
    const std::string_view text = text_of(segment.bytes);
    const std::optional<size_t> body_at = sip_body_at(text);
    SipMessage message;
    if (!read_sip_head(text.substr(0, body_at.value_or(text.size())), room_, message))
      return ++broken_ < kMostBroken ? Status::More : Status::Malformed;
    broken_ = 0;
    bool whole = body_at.has_value() && segment.bytes.size() == segment.octets;
    if (body_at) {
      message.body = text.substr(*body_at);
      const uint64_t length = message.content_length.value_or(message.body.size());
      whole = whole && length <= message.body.size();
      message.body = message.body.substr(0, static_cast<size_t>(std::min<uint64_t>(length, message.body.size())));
    }
    hear(message, whole, segment, dialogue);
    return Status::More;
  }

  bool waits() const override { return !calls_.empty(); }

  void on_time(int64_t now_us, Dialogue& dialogue) override { tell_calls(now_us, CallBook::Moment::Turn, dialogue); }

  void on_end(FlowOver why, int64_t now_us, Dialogue& dialogue) override {
    for (const bool from_initiator : {true, false}) {
      if (!streams_) break;
      stream(from_initiator).end([&](const SipMessage& message, bool whole) {
        hear(message, whole, {.bytes = {}, .from_initiator = from_initiator, .time_us = now_us}, dialogue);
      });
    }
    tell_calls(now_us, why == FlowOver::RunOver ? CallBook::Moment::RunEnd : CallBook::Moment::FlowEnd, dialogue);
    for (const std::shared_ptr<Call>& call : calls_) book(dialogue).disown(*call, dialogue.next_transaction());
    calls_.clear();
  }

 private:
  static constexpr uint8_t kTcp = 6;

  static CallBook& book(Dialogue& dialogue) { return dialogue.shared().of<CallBook>(); }
  SipStream& stream(bool from_initiator) { return (*streams_)[from_initiator ? 0 : 1]; }

  Status on_stream(const Segment& segment, Dialogue& dialogue) {
    if (!streams_) streams_ = std::make_unique<std::array<SipStream, 2>>();
    SipStream& from = stream(segment.from_initiator);
    const auto take = [&](const SipMessage& message, bool whole) { hear(message, whole, segment, dialogue); };
    if (segment.in_middle) from.doubt();
    if (segment.gap != 0) from.lose(segment.gap, take);
    from.read(segment.bytes, take);
    if (segment.octets > segment.bytes.size())
      from.lose(segment.octets - static_cast<uint32_t>(segment.bytes.size()), take);
    return from.broken() < kMostBroken ? Status::More : Status::Malformed;
  }

  void hear(const SipMessage& message, bool whole, const Segment& segment, Dialogue& dialogue) {
    const std::string_view described = whole ? sdp_in(message.content_type, message.body) : std::string_view();
    const std::optional<Sdp> sdp = read_sdp(described);
    SipRecord told;
    std::shared_ptr<Call> begun = book(dialogue).hear(message, sdp ? &*sdp : nullptr, dialogue.flow(),
                                                      segment.from_initiator, segment.time_us, told.news);
    pair(message, segment, told);
    tell(message, whole, told, segment, dialogue);
    if (!begun) return;
    if (calls_.size() < kMostCalls) {
      calls_.push_back(std::move(begun));
    } else {
      book(dialogue).disown(*begun, dialogue.next_transaction());
    }
  }

  /// What a request and its responses have in common within a flow; hashes, as texts may be long.
  struct RequestKey {
    uint64_t call_id;
    uint64_t method;
    uint32_t cseq;
    bool from_initiator;
    bool operator==(const RequestKey&) const = default;
  };
  struct Asked {
    bool has_answer = false;  // a provisional one
  };

  /// Nobody answers an ACK. A provisional response is the first one, but not the last; it may come again when the
  /// request does.
  void pair(const SipMessage& message, const Segment& segment, SipRecord& told) {
    constexpr HashSeed kSeed;
    constexpr uint16_t kServerError = 500, kGlobalFailure = 600;
    if (!message.cseq || message.call_id.empty() || message.method == "ACK") return;
    const RequestKey key{hash_text(kSeed, message.call_id), hash_text(kSeed, message.method), *message.cseq,
                         segment.from_initiator == message.is_request()};
    if (message.is_request()) {
      const auto before = requests_.answered(key, segment.time_us);
      requests_.take(key, segment.time_us, before ? before->kept : Asked{});
      told.asks = !before;
      return;
    }
    const auto request = requests_.answered(key, segment.time_us);
    if (!request) return;
    if (!request->kept.has_answer) told.latency_us = latency_us(request->sent_us, segment.time_us);
    if (message.is_provisional()) {
      requests_.take(key, request->sent_us, {.has_answer = true});
    } else {
      told.failed = message.status >= kServerError && message.status < kGlobalFailure;
    }
  }

  static void tell(const SipMessage& message, bool whole, SipRecord& told, const Segment& segment, Dialogue& dialogue) {
    told.observed = to_milliseconds(segment.time_us);
    tell_text(told.call_id, message.call_id, "text cut", told.partial);
    tell_text(told.method, message.method, "text cut", told.partial);
    tell_text(told.from, message.from, "text cut", told.partial);
    tell_text(told.to, message.to, "text cut", told.partial);
    tell_text(told.user_agent, message.user_agent, "text cut", told.partial);
    told.cseq = message.cseq;
    if (!message.is_request()) told.status = message.status;
    if (message.malformed || !message.cseq || message.call_id.empty()) told.partial.add("header malformed");
    if (!whole) told.partial.add("message cut");
    told.index = dialogue.next_transaction();
    dialogue.tell(kRecordType, &told, segment.from_initiator);
  }

  void tell_calls(int64_t now_us, CallBook::Moment moment, Dialogue& dialogue) {
    std::erase_if(calls_, [&](const std::shared_ptr<Call>& call) {
      CallRecord told;
      if (!book(dialogue).take_if_over(*call, now_us, moment, told)) return false;
      told.index = dialogue.next_transaction();
      dialogue.tell(kCallRecordType, &told, CallBook::from_initiator(*call));
      return true;
    });
  }

  WaitingRequests<RequestKey, Asked> requests_;
  std::vector<std::shared_ptr<Call>> calls_;           // that began in this flow and are told here
  std::unique_ptr<std::array<SipStream, 2>> streams_;  // TCP: of the initiator, of the responder
  std::string room_;
  unsigned broken_ = 0;
};

// ---- recognition

constexpr size_t kQuickLook = 8;  // octets of a first line

/// Does a line that only SIP has stand somewhere in it?
bool has_start(std::string_view text) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (is_sip_start(line)) return true;
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return false;
}

Verdict recognise_datagram(std::string_view text, uint32_t octets, bool at_its_port) {
  const Verdict no = at_its_port && octets < kMostOfKeepAlive ? Verdict::Unsure : Verdict::NotMine;
  if (text.empty() || !may_be_sip_start(text.substr(0, kQuickLook))) return no;
  const size_t end = text.find_first_of("\r\n");
  return end != std::string_view::npos && is_sip_start(text.substr(0, end)) ? Verdict::Mine : no;
}

Verdict recognise(const Segment& segment, const Common& flow) {
  std::string_view text = text_of(segment.bytes);
  const bool at_its_port = has_port(flow, kPorts);
  if (flow.protocol != 6) return recognise_datagram(text, segment.octets, at_its_port);
  while (!text.empty() && (text.front() == '\r' || text.front() == '\n')) text.remove_prefix(1);
  const bool of_a_message = at_its_port && (segment.in_middle || segment.gap != 0);
  if (of_a_message) return has_start(text) ? Verdict::Mine : Verdict::Unsure;
  if (!may_be_sip_start(text.substr(0, kQuickLook))) return Verdict::NotMine;  // most flows need no more
  const size_t end = text.find_first_of("\r\n");
  if (end == std::string_view::npos)
    return text.size() < kMostOfStart && may_be_sip_start(text) ? Verdict::Unsure : Verdict::NotMine;
  return is_sip_start(text.substr(0, end)) ? Verdict::Mine : Verdict::NotMine;
}

}  // namespace

namespace protocol {

const Protocol sip{.name = "sip",
                   .records = kRecords,
                   .over_udp = true,
                   .over_tcp = true,
                   .ports = kPorts,
                   .recognise = recognise,
                   .make_parser = [] { return std::unique_ptr<Parser>(std::make_unique<SipParser>()); },
                   .ndpi_names = kNdpiNames};

}  // namespace protocol
}  // namespace microcloud
