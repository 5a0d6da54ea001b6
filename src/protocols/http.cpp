// HTTP/1.x over TCP (RFC 9110, RFC 9112): one record per request, when its response is over; a response whose request
// was not seen has one of its own.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "inspect/parser.h"
#include "protocols/protocols.h"
#include "protocols/wire/client_system.h"
#include "protocols/wire/http_head.h"
#include "protocols/wire/http_record.h"
#include "protocols/wire/http_stream.h"
#include "protocols/wire/told_text.h"

namespace microcloud {
namespace {

constexpr int64_t kLongestSilenceUs = 120'000'000;  // proxies give up after 60 s, and say so
constexpr size_t kMaxWaiting = 64;                  // requests of one connection that wait for a response
constexpr int64_t kSkewUs = 10;                     // a response may be captured before its request
constexpr uint16_t kPorts[] = {80, 3128, 8000, 8008, 8080, 8081, 8888, 5985, 631};
constexpr std::string_view kNdpiNames[] = {"HTTP", "HTTP_Connect", "HTTP_Proxy"};

constexpr const RecordType* kRecords[] = {&kHttpRecordType};

// ---- requests and their responses

/// A request that waits.
struct Request {
  HttpHead head;
  int64_t first_us = 0;
  int64_t last_us = 0;
  uint32_t depth = 0;
  bool is_sent = false;  // whole
  bool has_hole = false;
};

/// Of a text that waits no more is kept than is told, and that there was more.
template <typename Told>
void shorten_text(std::string& text) {
  constexpr size_t kMost = std::tuple_size_v<decltype(Told::value_type::bytes)>;
  if (text.size() <= kMost) return;
  text.resize(kMost + 1);
  text.shrink_to_fit();
}

void tell_request(HttpTransaction& told, const Request& request) {
  const HttpHead& head = request.head;
  told.observed = to_milliseconds(request.first_us);
  told.depth = request.depth;
  keep_text(told.method, head.method, "method cut", told.partial);
  keep_text(told.target, head.target, "target cut", told.partial);
  if (head.host) keep_text(told.host, *head.host, "host cut", told.partial);
  if (head.user_agent) keep_text(told.user_agent, *head.user_agent, "user agent cut", told.partial);
  if (head.referer) keep_text(told.referer, *head.referer, "referer cut", told.partial);
  told.is_forwarded = head.is_forwarded;
  told.system = read_client_system(head.platform.value_or(""), head.user_agent.value_or(""));
  if (head.is_cut) told.partial.add("request header cut");
  if (!head.is_whole || request.has_hole) told.partial.add("octets missing");
}

void tell_response(HttpTransaction& told, const HttpHead& head) {
  told.status = head.status;
  if (head.content_type) keep_text(told.content_type, *head.content_type, "content type cut", told.partial);
  if (head.is_cut) told.partial.add("response header cut");
  if (!head.is_whole) told.partial.add("octets missing");
}

/// Responses come in the order of their requests (RFC 9112, 9.3). Only requests that surely are the next ones wait;
/// where some may be missing, requests and responses are told apart until it is clear again which belong together.
class Exchange {
 public:
  HttpBody take_head(HttpHead& head, bool from_initiator, int64_t first_us, Dialogue& dialogue) {
    if (!has_roles_) client_is_initiator_ = from_initiator == head.is_request;
    has_roles_ = true;
    if (head.is_request != is_client(from_initiator)) return HttpBody::Foreign;
    ++heads_;
    return head.is_request ? take_request(head, first_us, dialogue) : take_response(head, first_us, dialogue);
  }

  void end_message(bool from_initiator, uint64_t octets, bool whole, int64_t last_us, Dialogue& dialogue) {
    if (!is_client(from_initiator)) return end_response(octets, whole, dialogue);
    if (waiting_.empty() || waiting_.back().depth != depth_) return;  // answered, or told, before its end
    waiting_.back().last_us = last_us;
    waiting_.back().is_sent = whole;
  }

  void note_hole(bool from_initiator) {
    if (!is_client(from_initiator)) {
      if (under_way_) under_way_->partial.add("octets missing");
    } else if (!waiting_.empty() && waiting_.back().depth == depth_) {
      waiting_.back().has_hole = true;
    }
  }

  void note_loss(bool from_initiator, bool by_gap, Dialogue& dialogue) {
    if (!has_roles_) return;
    if (is_client(from_initiator)) {  // those that wait were asked before
      in_step_ = false;
      if (by_gap) orphan_since_ = false;
      requests_missing_ = requests_missing_ || by_gap;
    } else if (by_gap || !waiting_.empty()) {
      in_step_ = false;
      for (const Request& request : waiting_) tell_alone(request, "octets missing", dialogue);
      waiting_.clear();
      given_up_ = 0;
    }
  }

  void note_time(bool from_initiator, int64_t time_us) {
    if (has_roles_ && !is_client(from_initiator)) server_us_ = std::max(server_us_, time_us);
  }

  /// What waits has no answer.
  void end(FlowOver why, Dialogue& dialogue) {
    for (const Request& request : waiting_) {
      tell_alone(request, why == FlowOver::Evicted ? "flow table full" : "no response", dialogue);
    }
    waiting_.clear();
  }

  /// Asked, and not a word of any answer yet.
  bool waits() const { return !waiting_.empty() && !under_way_; }

  /// Nobody has said anything for long. Answers may come all the same: they are told by themselves.
  void give_up(Dialogue& dialogue) {
    given_up_ += static_cast<uint32_t>(waiting_.size());
    end(FlowOver::Ended, dialogue);
  }

  bool has_switched() const { return switched_; }
  bool has_read_any() const { return heads_ != 0; }

 private:
  bool is_client(bool from_initiator) const { return from_initiator == client_is_initiator_; }

  HttpBody take_request(HttpHead& head, int64_t first_us, Dialogue& dialogue) {
    ++depth_;
    if (head.host) {
      if (const std::string name = server_name_of(*head.host); !name.empty()) dialogue.name_server(name);
    }
    const bool is_connect = head.method == "CONNECT";
    if (!in_step_) catch_up(first_us);
    Request request{.head = std::move(head), .first_us = first_us, .depth = depth_};
    if (in_step_) {
      wait(std::move(request), dialogue);
    } else {
      tell_alone(request, "octets missing", dialogue);
    }
    return is_connect ? HttpBody::Tunnel : HttpBody::AsDeclared;
  }

  /// A client that does not pipeline asks when all it asked before is answered.
  void catch_up(int64_t first_us) {
    const bool all_answered = !under_way_ && waiting_.empty() && first_us >= server_us_;
    if (!all_answered || pipelines_ || (requests_missing_ && !orphan_since_)) return;
    in_step_ = true;
    requests_missing_ = false;
  }

  static void shorten(HttpHead& head) {
    shorten_text<decltype(HttpTransaction::target)>(head.target);
    if (head.host) shorten_text<decltype(HttpTransaction::host)>(*head.host);
    if (head.user_agent) shorten_text<decltype(HttpTransaction::user_agent)>(*head.user_agent);
    if (head.referer) shorten_text<decltype(HttpTransaction::referer)>(*head.referer);
    head.content_type.reset();
  }

  void wait(Request request, Dialogue& dialogue) {
    if (!waiting_.empty()) pipelines_ = true;
    shorten(request.head);
    if (waiting_.size() == kMaxWaiting) {
      tell_alone(waiting_.front(), "too many requests", dialogue);
      waiting_.erase(waiting_.begin());
      ++given_up_;
    }
    waiting_.push_back(std::move(request));
  }

  HttpBody take_response(const HttpHead& head, int64_t first_us, Dialogue& dialogue) {
    if (head.status < 200 && head.status != 101) {
      is_interim_ = true;
      return HttpBody::None;
    }
    is_interim_ = false;
    under_way_ = std::make_unique<HttpTransaction>();
    std::string method;
    if (given_up_ != 0) {
      --given_up_;
      begin_orphan(first_us);
    } else if (!waiting_.empty() && waiting_.front().first_us <= first_us + kSkewUs) {
      const Request& request = waiting_.front();
      method = request.head.method;
      tell_request(*under_way_, request);
      if (request.is_sent) under_way_->latency_us = latency_us(request.last_us, first_us);
      waiting_.erase(waiting_.begin());
    } else {
      if (!waiting_.empty()) note_loss(!client_is_initiator_, true, dialogue);
      begin_orphan(first_us);
      in_step_ = false;
      requests_missing_ = true;
      orphan_since_ = true;
    }
    tell_response(*under_way_, head);
    const bool is_tunnel = method == "CONNECT" && head.status < 300;
    switched_ = head.status == 101 || is_tunnel;
    if (switched_ || head.status == 204 || head.status == 304 || method == "HEAD") return HttpBody::None;
    return method.empty() ? HttpBody::Perhaps : HttpBody::AsDeclared;
  }

  void begin_orphan(int64_t first_us) {
    under_way_->observed = to_milliseconds(first_us);
    under_way_->partial.add("no request");
  }

  void end_response(uint64_t octets, bool whole, Dialogue& dialogue) {
    if (!under_way_ || is_interim_) return;
    under_way_->octets = octets;
    if (!whole) under_way_->partial.add("response cut");
    tell(*under_way_, dialogue);
    under_way_.reset();
  }

  void tell_alone(const Request& request, std::string_view reason, Dialogue& dialogue) {
    HttpTransaction told;
    tell_request(told, request);
    told.partial.add(reason);
    tell(told, dialogue);
  }

  void tell(HttpTransaction& told, Dialogue& dialogue) {
    told.is_sample = !has_sampled_ && !told.is_forwarded && told.system && told.system->family != HostSystem::Unknown;
    has_sampled_ = has_sampled_ || told.is_sample;
    told.index = dialogue.next_transaction();
    dialogue.tell(kHttpRecordType, &told, client_is_initiator_);
  }

  std::vector<Request> waiting_;                // in the order of their responses
  std::unique_ptr<HttpTransaction> under_way_;  // its final response has begun
  uint64_t heads_ = 0;
  uint32_t depth_ = 0;             // of the last request
  uint32_t given_up_ = 0;          // responses to come whose requests were told alone
  int64_t server_us_ = INT64_MIN;  // it said something last
  bool has_roles_ = false;
  bool client_is_initiator_ = true;
  bool is_interim_ = false;        // the response that is being read
  bool switched_ = false;          // another protocol goes on
  bool pipelines_ = false;         // asked before it was answered
  bool in_step_ = true;            // the next request is answered behind those that wait
  bool requests_missing_ = false;  // why not; and
  bool orphan_since_ = false;      // one was answered
  bool has_sampled_ = false;
};

// ---- the parser

class HttpParser final : public Parser {
 public:
  Status on_data(const Segment& segment, Dialogue& dialogue) override {
    HttpStream& stream = streams_[segment.from_initiator ? 0 : 1];
    Turn turn(exchange_, segment.from_initiator, dialogue);
    if (segment.in_middle && look_for_http(segment.bytes) != HttpLook::Surely) stream.begin_in_middle();
    stream.skip(segment.gap, turn);
    stream.read(segment.bytes, segment.time_us, turn);
    stream.skip(segment.octets - segment.bytes.size(), turn);  // the capture cut it
    exchange_.note_time(segment.from_initiator, segment.time_us);
    last_us_ = std::max(last_us_, segment.time_us);
    if (exchange_.has_switched()) {
      exchange_.end(FlowOver::Ended, dialogue);
      return Status::Done;
    }
    return turn.is_foreign && !exchange_.has_read_any() ? Status::Malformed : Status::More;
  }

  bool waits() const override { return exchange_.waits(); }

  void on_time(int64_t now_us, Dialogue& dialogue) override {
    if (exchange_.waits() && now_us - last_us_ > kLongestSilenceUs) exchange_.give_up(dialogue);
  }

  void on_end(FlowOver why, int64_t, Dialogue& dialogue) override {
    for (const bool from_initiator : {true, false}) {
      Turn turn(exchange_, from_initiator, dialogue);
      streams_[from_initiator ? 0 : 1].finish(why == FlowOver::Ended, turn);
    }
    exchange_.end(why, dialogue);
  }

 private:
  struct Turn final : HttpReader {
    Turn(Exchange& exchange_, bool from_initiator_, Dialogue& dialogue_)
        : exchange(exchange_), from_initiator(from_initiator_), dialogue(dialogue_) {}
    HttpBody on_head(HttpHead& head, int64_t first_us) override {
      return exchange.take_head(head, from_initiator, first_us, dialogue);
    }
    void on_end(uint64_t octets, bool is_whole, int64_t last_us) override {
      exchange.end_message(from_initiator, octets, is_whole, last_us, dialogue);
    }
    void on_hole() override { exchange.note_hole(from_initiator); }
    void on_loss(bool by_gap) override {
      is_foreign = is_foreign || !by_gap;
      exchange.note_loss(from_initiator, by_gap, dialogue);
    }
    Exchange& exchange;
    bool from_initiator;
    Dialogue& dialogue;
    bool is_foreign = false;  // octets that are no HTTP
  };

  Exchange exchange_;
  std::array<HttpStream, 2> streams_;
  int64_t last_us_ = INT64_MIN / 2;  // when the last payload came
};

Verdict recognise(const Segment& segment, const Common&) {
  switch (look_for_http(segment.bytes)) {
    case HttpLook::Surely:
      return Verdict::Mine;
    case HttpLook::Maybe:
      return Verdict::Unsure;
    default:
      return Verdict::NotMine;
  }
}

bool takes_over(Bytes segment) {
  return look_for_known_http(segment) == HttpLook::Surely;
}

}  // namespace

namespace protocol {

const Protocol http{.name = "http",
                    .records = kRecords,
                    .over_udp = false,
                    .over_tcp = true,
                    .ports = kPorts,
                    .recognise = recognise,
                    .make_parser = [] { return std::unique_ptr<Parser>(std::make_unique<HttpParser>()); },
                    .takes_over = takes_over,
                    .ndpi_names = kNdpiNames};

}  // namespace protocol
}  // namespace microcloud
