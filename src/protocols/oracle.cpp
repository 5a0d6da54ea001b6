// Oracle databases (TNS and what stands readable in TTC; neither has a public specification): one record per connect,
// when the server has accepted, refused or redirected it, and one per statement, when its response is over.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inspect/parser.h"
#include "protocols/protocols.h"
#include "protocols/wire/oracle_record.h"
#include "protocols/wire/sql_text.h"
#include "protocols/wire/text_words.h"
#include "protocols/wire/tns_messages.h"
#include "protocols/wire/tns_packets.h"
#include "protocols/wire/told_text.h"
#include "protocols/wire/usual_ports.h"

namespace microcloud {
namespace {

constexpr uint16_t kPort = 1521;
constexpr uint16_t kPorts[] = {kPort, 1526, 1630, 2483};
constexpr std::string_view kNdpiNames[] = {"Oracle"};
constexpr size_t kMostAsked = 16'384;           // that are read of what a client asks
constexpr size_t kMostOfServer = 32'768;        // of one of its packets
constexpr int64_t kSkewUs = 10;                 // a response may be captured before its call
constexpr int64_t kLongestPauseUs = 1'000'000;  // in a response

constexpr const RecordType* kRecords[] = {&kOracleRecordType};

// ---- the connection

/// What waits for its answer.
struct Connect {
  int64_t first_us = 0, last_us = 0;
  bool is_whole = true;
};

/// Payload of the client's data packets, until the server says something.
struct Asked {
  std::vector<uint8_t> bytes;
  int64_t first_us = 0, last_us = 0;
  bool is_cut = false;  // longer than what is kept
  bool has_hole = false;
};

/// A call whose response has begun.
struct Statement {
  int64_t first_us = 0, last_us = 0;  // last_us: of its response
  std::optional<std::string> query;
  std::optional<uint32_t> error;
  std::optional<uint32_t> latency_us;
  Partial partial;
};

class OracleParser final : public Parser {
 public:
  Status on_data(const Segment& segment, Dialogue& dialogue) override {
    if (!begun_) begin(segment, dialogue.flow());
    const bool from_client = segment.from_initiator == client_is_initiator_;
    Side& side = from_client ? client_ : server_;
    if (segment.in_middle && !begins_connect(segment.bytes)) side.in_step = false;
    if (segment.gap != 0 && side.in_step && !side.packets.skip(segment.gap)) lose(side);
    Bytes bytes = segment.bytes;
    if (!side.in_step && are_tns_packets(bytes, has_long_lengths_)) {
      side.in_step = true;
      side.packets.begin_anew();
    }
    while (side.in_step) {
      const auto packet = side.packets.next(bytes, segment.time_us);
      if (side.packets.is_broken()) {
        lose(side);
        is_foreign_ = !seen_any_;
      }
      if (!packet) break;
      seen_any_ = true;
      has_long_lengths_ = has_long_lengths_ || packet->head.has_long_lengths;
      if (from_client) {
        take_client(*packet, dialogue);
      } else {
        take_server(*packet, dialogue);
      }
    }
    if (side.in_step && !side.packets.skip(segment.octets - segment.bytes.size())) lose(side);
    return is_foreign_ ? Status::Malformed : Status::More;
  }

  bool waits() const override { return statement_.has_value(); }
  void on_time(int64_t now_us, Dialogue& dialogue) override {
    if (statement_ && now_us - statement_->last_us > kLongestPauseUs) tell_statement("", dialogue);
  }
  void on_end(FlowOver why, int64_t, Dialogue& dialogue) override {
    const std::string_view reason = why == FlowOver::Evicted ? "flow table full" : "no response";
    if (statement_) tell_statement(is_response_over_ ? "" : "response cut", dialogue);
    if (connect_) tell_connect(std::nullopt, {}, reason, 0, dialogue);
    give_up_asked(reason, dialogue);
  }

 private:
  using Packet = TnsPackets::Packet;
  using Side = FramedSide<TnsHead>;

  static bool begins_connect(Bytes bytes) { return bytes.size() > 4 && bytes[4] == tns::kConnect; }

  // ---- streams

  /// Of a flow that was seen from its beginning the initiator is the client.
  void begin(const Segment& segment, const Common& flow) {
    begun_ = true;
    if (!segment.in_middle) return;
    if (begins_connect(segment.bytes)) {
      client_is_initiator_ = segment.from_initiator;
    } else {
      const auto is_usual = [](uint16_t port) { return std::ranges::find(kPorts, port) != std::end(kPorts); };
      client_is_initiator_ = is_usual(flow.destination_port) || !is_usual(flow.source_port);
    }
  }

  void lose(Side& side) {
    side.in_step = false;
    if (asked_) asked_->has_hole = true;
    has_gap_ = true;
    if (statement_) statement_->partial.add("octets missing");
    if (connect_) connect_->is_whole = false;
  }

  // ---- the client

  void take_client(const Packet& packet, Dialogue& dialogue) {
    client_seen_ = true;
    if (packet.head.type == tns::kConnect) {
      take_connect(packet);
    } else if (packet.head.type == tns::kData) {
      take_client_data(packet, dialogue);
    }
  }

  /// The same connect comes again when the server asks for that.
  void take_connect(const Packet& packet) {
    if (!connect_) connect_.emplace().first_us = packet.first_us;
    connect_->last_us = packet.last_us;
    const std::optional<TnsConnect> read = read_tns_connect(packet.bytes);
    connect_data_follow_ = read && read->follows;
    if (read && !read->follows) descriptor_ = read->data;
    connect_->is_whole = read && packet.is_kept();
  }

  void take_client_data(const Packet& packet, Dialogue& dialogue) {
    constexpr size_t kFlags = 2;
    if (packet.bytes.size() <= kFlags) return;
    const Bytes payload = packet.bytes.subspan(kFlags);
    if (connect_ && std::exchange(connect_data_follow_, false)) {
      descriptor_ = text_of(payload);
      connect_->last_us = packet.last_us;
      return;
    }
    if (statement_) tell_statement("", dialogue);
    if (asked_ && !server_seen_) give_up_asked("no response", dialogue);
    if (!asked_) asked_.emplace().first_us = packet.first_us;
    asked_->last_us = packet.last_us;
    const size_t room = kMostAsked - std::min(kMostAsked, asked_->bytes.size());
    asked_->bytes.insert(asked_->bytes.end(), payload.begin(),
                         payload.begin() + static_cast<std::ptrdiff_t>(std::min(room, payload.size())));
    asked_->is_cut = asked_->is_cut || payload.size() > room || (!packet.is_kept() && !packet.has_hole);
    asked_->has_hole = asked_->has_hole || packet.has_hole;
  }

  // ---- the server

  void take_server(const Packet& packet, Dialogue& dialogue) {
    server_seen_ = true;
    switch (packet.head.type) {
      case tns::kAccept:
        take_accept(packet, dialogue);
        break;
      case tns::kRefuse:
        if (!connect_) begin_unseen(packet);
        tell_connect(tns::kRefuse, tns_refusal(packet.bytes), "", packet.first_us, dialogue);
        break;
      case tns::kRedirect:
        take_redirect(packet, dialogue);
        break;
      case tns::kData:
        take_server_data(packet, dialogue);
        break;
      default:
        break;
    }
  }

  void begin_unseen(const Packet& packet) {
    connect_.emplace();
    connect_->first_us = packet.first_us;
    connect_->last_us = INT64_MAX;  // no latency
  }

  void take_accept(const Packet& packet, Dialogue& dialogue) {
    constexpr size_t kLongSizeAt = 24;  // behind the head
    Cursor in(packet.bytes);
    const uint16_t version = in.u16();
    in.skip(2);  // options
    unit_octets_ = in.u16();
    if (version >= tns::kLongLengths) {
      has_long_lengths_ = client_.packets.head().has_long_lengths = server_.packets.head().has_long_lengths = true;
      Cursor sizes(packet.bytes);
      sizes.skip(kLongSizeAt);
      unit_octets_ = sizes.u32();
    }
    if (!connect_) begin_unseen(packet);
    tell_connect(tns::kAccept, {}, "", packet.first_us, dialogue);
  }

  void take_redirect(const Packet& packet, Dialogue& dialogue) {
    if (!connect_) begin_unseen(packet);
    const std::string_view text = tns_redirection(packet.bytes);
    redirect_us_ = packet.first_us;
    redirection_follows_ = text.empty();  // in a data packet
    if (!redirection_follows_) tell_connect(tns::kRedirect, text, "", redirect_us_, dialogue);
  }

  void take_server_data(const Packet& packet, Dialogue& dialogue) {
    constexpr size_t kFlags = 2;
    const Bytes payload = packet.bytes.subspan(std::min(kFlags, packet.bytes.size()));
    if (connect_ && std::exchange(redirection_follows_, false)) {
      tell_connect(tns::kRedirect, text_of(payload), "", redirect_us_, dialogue);
      return;
    }
    if (asked_ && packet.first_us + kSkewUs >= asked_->last_us) begin_response(packet, dialogue);
    if (!statement_) return;
    statement_->last_us = packet.last_us;
    if (!statement_->error) statement_->error = find_oracle_error(payload);
    if (packet.has_hole) statement_->partial.add("octets missing");
    // A response goes on where its packet is as long as packets may be.
    const uint64_t octets = packet.octets + TnsHead::kOctets;
    is_response_over_ = unit_octets_ == 0 || octets + kUnitSlack < unit_octets_;
    if (is_response_over_) tell_statement("", dialogue);
  }

  void begin_response(const Packet& packet, Dialogue& dialogue) {
    if (statement_) tell_statement("", dialogue);
    statement_ = read_asked(dialogue);
    if (!has_gap_) statement_->latency_us = latency_us(asked_->last_us, packet.first_us);
    has_gap_ = false;
    asked_.reset();
  }

  // ---- what is told

  Statement read_asked(Dialogue& dialogue) const {
    Statement read;
    read.first_us = asked_->first_us;
    const std::optional<TnsStatement> found = find_tns_statement(asked_->bytes);
    if (asked_->has_hole) read.partial.add("octets missing");
    if (!found) return read;
    SqlRules rules = SqlRules::oracle();
    rules.keep_literals = dialogue.disclosure().sql_literals;
    read.query = sql_to_tell(found->text, rules, kMostOracleStatement);
    if (!found->is_whole || asked_->is_cut) read.partial.add("statement cut");
    return read;
  }

  void give_up_asked(std::string_view reason, Dialogue& dialogue) {
    if (!asked_) return;
    statement_ = read_asked(dialogue);
    asked_.reset();
    tell_statement(reason, dialogue);
  }

  /// Of a call whose statement is not readable only that it failed.
  void tell_statement(std::string_view reason, Dialogue& dialogue) {
    const Statement statement = std::move(*statement_);
    statement_.reset();
    is_response_over_ = false;
    if (!statement.query && statement.error.value_or(kOracleNoMoreRows) == kOracleNoMoreRows) return;
    OracleTransaction told;
    told.observed = to_milliseconds(statement.first_us);
    told.partial = statement.partial;
    if (!reason.empty()) told.partial.add(reason);
    told.packet_type = tns::kData;
    if (statement.query) tell_text(told.query, *statement.query, "statement cut", told.partial);
    told.error = statement.error;
    told.latency_us = statement.latency_us;
    finish(told, dialogue);
  }

  void tell_connect(std::optional<uint8_t> answer, std::string_view text, std::string_view reason, int64_t answer_us,
                    Dialogue& dialogue) {
    OracleTransaction told;
    told.observed = to_milliseconds(connect_->first_us);
    told.packet_type = answer;
    told.request_seen = client_seen_;
    if (!client_seen_) told.partial.add("no connect");
    if (client_seen_ && (!connect_->is_whole || descriptor_.empty())) told.partial.add("connect data cut");
    if (!reason.empty()) told.partial.add(reason);
    if (answer) told.latency_us = latency_us(connect_->last_us, answer_us);
    if (answer == tns::kRefuse) told.error = tns_error(text);
    if (answer == tns::kRedirect) tell_redirection(told, text, dialogue);
    connect_.reset();
    finish(told, dialogue);
  }

  void tell_redirection(OracleTransaction& told, std::string_view text, Dialogue& dialogue) {
    const std::string_view host = tns_value(text, "HOST");
    const std::optional<uint64_t> port = number_of(tns_value(text, "PORT"));
    tell_text(told.redirect_host, host, "redirection cut", told.partial);
    if (!port || *port == 0 || *port > UINT16_MAX) {
      told.partial.add("redirection unreadable");
      return;
    }
    told.redirect_port = static_cast<uint16_t>(*port);
    const Common& flow = dialogue.flow();
    const IpAddress server = client_is_initiator_ ? flow.destination : flow.source;
    dialogue.announce(redirected_to(host, server), *told.redirect_port);
  }

  void finish(OracleTransaction& told, Dialogue& dialogue) {
    tell_text(told.service, tns_value(descriptor_, "SERVICE_NAME"), "names cut", told.partial);
    tell_text(told.sid, tns_value(descriptor_, "SID"), "names cut", told.partial);
    tell_text(told.user, tns_value(descriptor_, "USER", "CID"), "names cut", told.partial);
    tell_text(told.program, tns_value(descriptor_, "PROGRAM", "CID"), "names cut", told.partial);
    tell_text(told.host, tns_value(descriptor_, "HOST", "CID"), "names cut", told.partial);
    told.index = dialogue.next_transaction();
    dialogue.tell(kOracleRecordType, &told, client_is_initiator_);
  }

  static constexpr uint32_t kUnitSlack = 16;  // octets that a full packet may be shorter than its unit

  Side client_{kMostAsked};
  Side server_{kMostOfServer};
  std::optional<Connect> connect_;
  std::optional<Asked> asked_;
  std::optional<Statement> statement_;
  std::string descriptor_;  // the connect data
  int64_t redirect_us_ = 0;
  uint32_t unit_octets_ = 0;  // of a session data unit, the longest packet; 0: not known
  bool begun_ = false;
  bool seen_any_ = false;
  bool client_is_initiator_ = true;
  bool client_seen_ = false;
  bool server_seen_ = false;
  bool has_long_lengths_ = false;
  bool connect_data_follow_ = false;
  bool redirection_follows_ = false;
  bool is_response_over_ = false;
  bool has_gap_ = false;  // since the server began to respond last
  bool is_foreign_ = false;
};

// ---- recognition

/// A Connect packet proves it by its head, version and lowest version; others by their port, or one that was announced.
Verdict recognise(const Segment& segment, const Common& flow) {
  constexpr size_t kLowestVersionEnd = 12;
  const Bytes bytes = segment.bytes;
  const auto zero_at = [&](size_t at) { return at >= bytes.size() || bytes[at] == 0; };
  const auto at_its_port = [&] { return segment.at_announced_place || has_port(flow, kPorts); };
  const auto no = [&] { return segment.in_middle && at_its_port() ? Verdict::Unsure : Verdict::NotMine; };
  if (!zero_at(6) || !zero_at(7)) return no();
  if (bytes.size() < 5) return zero_at(2) || zero_at(0) ? Verdict::Unsure : no();
  const uint8_t type = bytes[4];
  if (type == tns::kConnect && zero_at(2) && zero_at(3)) {
    const bool has_versions = (bytes.size() < 9 || bytes[8] == 1) && (bytes.size() < 11 || bytes[10] == 1);
    if (!has_versions || (bytes[0] == 0 && bytes[1] < 34)) return no();
    return bytes.size() < kLowestVersionEnd ? Verdict::Unsure : Verdict::Mine;
  }
  if (!at_its_port() || type == 0 || type > tns::kLastType) return no();
  if (are_tns_packets(bytes, false)) return type == tns::kResend ? Verdict::Unsure : Verdict::Mine;
  return Verdict::Unsure;
}

}  // namespace

namespace protocol {

const Protocol oracle{.name = "oracle",
                      .records = kRecords,
                      .over_udp = false,
                      .over_tcp = true,
                      .ports = kPorts,
                      .recognise = recognise,
                      .make_parser = [] { return std::unique_ptr<Parser>(std::make_unique<OracleParser>()); },
                      .ndpi_names = kNdpiNames};

}  // namespace protocol
}  // namespace microcloud
