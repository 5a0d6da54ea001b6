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
#include "protocols/wire/http_stream.h"
#include "protocols/wire/url_pattern.h"
#include "record/transaction.h"

namespace microcloud {
namespace {

constexpr int64_t kLongestSilenceUs = 120'000'000;  // proxies give up after 60 s, and say so
constexpr size_t kMaxWaiting = 64;                  // requests of one connection that wait for a response
constexpr int64_t kSkewUs = 10;                     // a response may be captured before its request
constexpr uint16_t kPorts[] = {80, 3128, 8000, 8008, 8080, 8081, 8888, 5985, 631};
constexpr std::string_view kNdpiNames[] = {"HTTP", "HTTP_Connect", "HTTP_Proxy"};

// ---- the record

struct HttpTransaction {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  std::optional<Text<32>> method;
  std::optional<Text<255>> host;
  std::optional<Text<4096>> target;
  std::optional<uint16_t> status;
  std::optional<Text<512>> user_agent;
  std::optional<Text<1024>> referer;
  std::optional<Text<128>> content_type;
  std::optional<uint32_t> depth;
  std::optional<uint32_t> latency_us;
  std::optional<uint64_t> octets;
  std::optional<ClientSystem> system;
  bool is_forwarded = false;  // by a proxy: the system is not its own
  bool is_sample = false;     // of the client's system: one a connection
};

std::optional<std::string_view> system_name(const HttpTransaction& from) {
  return from.system ? std::optional(from.system->name) : std::nullopt;
}

std::optional<std::string_view> system_confidence(const HttpTransaction& from) {
  constexpr std::string_view kNames[] = {"low", "medium", "high"};
  return from.system ? std::optional(kNames[static_cast<size_t>(from.system->confidence)]) : std::nullopt;
}

constexpr Field kOwnFields[] = {
    field<&HttpTransaction::method>("httpRequestMethod", {"HTTP_METHOD", pen::kIana, 459}, "GET, POST, ..."),
    field<&HttpTransaction::host>("httpRequestHost", {"HTTP_HOST", pen::kIana, 460}, "the field Host, as sent"),
    field<&HttpTransaction::target>("httpRequestTarget", {"HTTP_URL", pen::kIana, 461},
                                    "what is asked for, as sent: a path, to proxies a URL or host and port"),
    field<&HttpTransaction::status>("httpStatusCode", {"HTTP_RET_CODE", pen::kIana, 457},
                                    "of the final response: 200, 404, ...; 101 where another protocol goes on",
                                    Role::Identifier),
    field<&HttpTransaction::user_agent>("httpUserAgent", {"HTTP_UA", pen::kIana, 468}, "the client's program"),
    field<&HttpTransaction::referer>("httpReferer", {"HTTP_REFERER", pen::kNtop, 182}, "the page that led here"),
    field<&HttpTransaction::content_type>("httpContentType", {"HTTP_MIME", pen::kIana, 469}, "of the response"),
    field<&HttpTransaction::depth>("httpRequestDepth", {"", pen::kOwn, 130},
                                   "1, 2, ...: which request of its connection, as far as it was seen",
                                   Role::Identifier),
    field<&HttpTransaction::latency_us>("serverLatencyMicroseconds", {"", pen::kOwn, 100},
                                        "from the last packet of the request to the first of its response",
                                        Role::Quantity, Unit::Microseconds),
    field<&HttpTransaction::octets>("responseOctets", {"", pen::kOwn, 131},
                                    "of the final response, its header included", Role::Quantity, Unit::Octets),
    field<&system_name>("operatingSystem", {"", pen::kOwn, 132},
                        "what the client says it runs on: Windows, macOS, iOS, Android, Chrome OS, Linux, ..."),
    field<&system_confidence>(
        "operatingSystemConfidence", {"", pen::kOwn, 133},
        "high: by Sec-CH-UA-Platform; medium: by User-Agent; low: by one that other systems have, "
        "too (an iPad calls itself a Macintosh)"),
};

constexpr auto kFields = transaction_fields<HttpTransaction>(kOwnFields);

bool request_seen(const HttpTransaction& from) {
  return from.method.has_value();
}

bool failed(const HttpTransaction& from) {
  return from.status.value_or(0) >= 400;
}

constexpr CloudRule kCloud[] = {
    grow(Entity::Source, "http.requests", "HTTP requests that the host made").when<&request_seen>(1),
    grow(Entity::Source, "http.errors", "responses to the host with status 400 or more").when<&failed>(1),
};

uint64_t octets_of(const HttpTransaction& from) {
  return from.octets.value_or(0);
}

constexpr CloudRule kOfSite[] = {
    grow(Entity::Destination, "requests", "requests for this host's pages").when<&request_seen>(1),
    grow(Entity::Destination, "errors", "of their responses: status 400 or more").when<&failed>(1),
    grow(Entity::Destination, "bytes", "of their responses, headers included").by<&octets_of>(),
};

/// The host's name as names of servers are told: lower case, without port and final dot. Empty: an address or none.
std::string server_name_of(std::string_view host) {
  host = host.substr(0, host.find(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  const bool is_name =
      std::any_of(host.begin(), host.end(), [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }) &&
      std::all_of(host.begin(), host.end(), [](char c) {
        return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
      });
  std::string name(is_name ? host : std::string_view());
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return name;
}

/// What the client called the server, else the server's address.
bool append_site(const RecordRef& record, std::string& out) {
  const HttpTransaction& http = *static_cast<const HttpTransaction*>(record.body);
  if (!http.method) return false;
  const std::string name = http.host ? server_name_of(http.host->view()) : std::string();
  out += name.empty() ? to_text(record.common->destination) : name;
  return true;
}

bool append_url(const RecordRef& record, std::string& out) {
  const HttpTransaction& http = *static_cast<const HttpTransaction*>(record.body);
  if (!http.target || !append_site(record, out)) return false;
  const size_t site = out.size();
  out += '.';
  append_url_pattern(out, http.target->view());
  return out.size() > site + 1;
}

constexpr CloudTree kTrees[] = {
    {.prefix = "http.host.", .pattern = "http.host.<name>", .name = append_site, .counters = kOfSite},
    {.prefix = "http.url.", .pattern = "http.url.<name>.<path>", .name = append_url, .has_health = true},
};

std::optional<ServiceCall> service(const void* body) {
  const HttpTransaction& http = *static_cast<const HttpTransaction*>(body);
  if (!http.method || http.method->view() == "CONNECT") return std::nullopt;
  return ServiceCall{.failed = failed(http), .latency_us = http.latency_us, .begins_connection = http.index == 1};
}

void teach(const RecordRef& record, HostLessons& lessons) {
  const HttpTransaction& http = *static_cast<const HttpTransaction*>(record.body);
  if (http.is_sample) lessons.system(record.common->source, http.system->family);
}

constexpr RecordType kRecordType{.name = "http",
                                 .meaning = "HTTP request, or response whose request was not seen",
                                 .fields = kFields,
                                 .body_size = sizeof(HttpTransaction),
                                 .cloud = kCloud,
                                 .teach = teach,
                                 .trees = kTrees,
                                 .service = service};
constexpr const RecordType* kRecords[] = {&kRecordType};

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

template <size_t Size>
void tell_text(std::optional<Text<Size>>& to, std::string_view text, std::string_view when_cut, Partial& partial) {
  to.emplace().assign(text);
  if (text.size() > Size) partial.add(when_cut);
}

void tell_request(HttpTransaction& told, const Request& request) {
  const HttpHead& head = request.head;
  told.observed = to_milliseconds(request.first_us);
  told.depth = request.depth;
  tell_text(told.method, head.method, "method cut", told.partial);
  tell_text(told.target, head.target, "target cut", told.partial);
  if (head.host) tell_text(told.host, *head.host, "host cut", told.partial);
  if (head.user_agent) tell_text(told.user_agent, *head.user_agent, "user agent cut", told.partial);
  if (head.referer) tell_text(told.referer, *head.referer, "referer cut", told.partial);
  told.is_forwarded = head.is_forwarded;
  told.system = read_client_system(head.platform.value_or(""), head.user_agent.value_or(""));
  if (head.is_cut) told.partial.add("request header cut");
  if (!head.is_whole || request.has_hole) told.partial.add("octets missing");
}

void tell_response(HttpTransaction& told, const HttpHead& head) {
  told.status = head.status;
  if (head.content_type) tell_text(told.content_type, *head.content_type, "content type cut", told.partial);
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
    dialogue.tell(kRecordType, &told, client_is_initiator_);
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
