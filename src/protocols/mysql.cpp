// MySQL and MariaDB (the client/server protocol, version 10, of their documentation): one record for the opening of a
// connection, when the server has answered the login, and one per command, when its response is over.
#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "inspect/parser.h"
#include "protocols/protocols.h"
#include "protocols/wire/mysql_commands.h"
#include "protocols/wire/mysql_look.h"
#include "protocols/wire/mysql_messages.h"
#include "protocols/wire/mysql_packets.h"
#include "protocols/wire/mysql_record.h"
#include "protocols/wire/mysql_response.h"
#include "protocols/wire/mysql_session.h"
#include "protocols/wire/text_words.h"
#include "protocols/wire/usual_ports.h"

namespace microcloud {
namespace {

constexpr uint16_t kPort = 3306;
constexpr uint16_t kPorts[] = {kPort};
constexpr std::string_view kNdpiNames[] = {"MySQL"};
constexpr size_t kMostRead = 16'384;   // octets of a query that are read, with its literals
constexpr size_t kMostOfServer = 512;  // of one of its packets: a greeting, the beginning of others
constexpr size_t kMostWaiting = 64;    // commands
constexpr int64_t kSkewUs = 10;        // a response may be captured before its command
constexpr unsigned kMostUnknown = 8;   // commands in a row: then this is something else

constexpr const RecordType* kRecords[] = {&kMysqlRecordType};

// ---- the connection

class MysqlParser final : public Parser {
 public:
  Status on_data(const Segment& segment, Dialogue& dialogue) override {
    if (!begun_) begin(segment, dialogue.flow());
    const bool from_client = segment.from_initiator == client_is_initiator_;
    Side& side = from_client ? client_ : server_;
    if (segment.in_middle && opening_told_) side.in_step = false;
    if (segment.gap != 0 && side.in_step && !side.packets.skip(segment.gap))
      lose(side, "octets missing", segment.time_us, dialogue);
    Bytes bytes = segment.bytes;
    if (!side.in_step && !bytes.empty()) resume(side, bytes);
    while (side.in_step && !is_over()) {
      const auto packet = side.packets.next(bytes, segment.time_us);
      if (side.packets.is_broken()) lose(side, "unknown octets", segment.time_us, dialogue);
      if (!packet) break;
      if (from_client) {
        take_client(*packet, dialogue);
      } else {
        take_server(*packet, dialogue);
      }
    }
    const uint64_t cut = segment.octets - segment.bytes.size();
    if (!is_over() && side.in_step && !side.packets.skip(cut)) lose(side, "octets missing", segment.time_us, dialogue);
    if (is_foreign_) return Status::Malformed;
    return is_over_ ? Status::Done : Status::More;
  }

  bool waits() const override { return false; }

  void on_end(FlowOver why, int64_t, Dialogue& dialogue) override {
    const std::string_view reason = why == FlowOver::Evicted ? "flow table full" : "no response";
    while (!waiting_.empty()) give_up_first(reason, dialogue);
    if (opening_told_ || !(greeted_ || logged_in_)) return;
    if (!logged_in_) session_.partial.add("no login");
    MysqlTransaction told = session_.opening();
    told.request_seen = logged_in_;
    finish(told, nullptr, dialogue);
  }

 private:
  using Packet = MysqlPackets::Packet;
  using Side = FramedSide<MysqlHead>;

  bool is_over() const { return is_over_ || is_foreign_; }

  // ---- streams

  /// Of a flow that was seen from its beginning the initiator is the client.
  void begin(const Segment& segment, const Common& flow) {
    begun_ = true;
    session_.first_us = segment.time_us;
    if (!segment.in_middle) return;
    const MysqlLook look = look_for_mysql(segment.bytes);
    const bool is_client = look == MysqlLook::Login || look == MysqlLook::Command;
    if (look == MysqlLook::Greeting || look == MysqlLook::Login) {
      client_is_initiator_ = segment.from_initiator == is_client;
      return;
    }
    const bool is_told_by_port = (flow.source_port == kPort) != (flow.destination_port == kPort);
    client_is_initiator_ = is_told_by_port ? flow.destination_port == kPort : segment.from_initiator == is_client;
    greeted_ = opening_told_ = true;  // it is past
  }

  void lose(Side& side, std::string_view reason, int64_t time_us, Dialogue& dialogue) {
    side.in_step = false;
    if (!opening_told_) session_.partial.add(reason);
    settled_ = false;
    if (&side == &client_) return;
    greeted_ = true;
    give_up_all(reason, time_us, dialogue);
    server_us_ = std::max(server_us_, time_us);
  }

  /// Is this the beginning of a packet?
  void resume(Side& side, Bytes bytes) {
    const bool is_client = &side == &client_;
    if (!are_mysql_packets(bytes, is_client)) return;
    if (is_client && look_for_mysql(bytes) != MysqlLook::Command) return;
    side.in_step = true;
    side.packets.begin_anew();
  }

  // ---- the client

  void take_client(const Packet& packet, Dialogue& dialogue) {
    if (!logged_in_ && packet.head.sequence != 0) {
      take_login(packet, dialogue);
    } else if (packet.head.sequence == 0) {
      take_command(packet, dialogue);
    } else if (is_answering_) {  // to the server's questions: never read
      expected_ = static_cast<uint8_t>(packet.head.last_sequence + 1);
    }
  }

  void take_login(const Packet& packet, Dialogue& dialogue) {
    if (opening_told_) return;
    logged_in_ = true;
    MysqlLogin login;
    if (!read_mysql_login(packet.bytes, login)) {
      if (packet.is_kept() && !greeted_) is_foreign_ = true;
      session_.partial.add("login unreadable");
    }
    session_.log_in(login);
    if (login.asks_for_tls) {
      is_over_ = true;
      tell_opening(nullptr, dialogue);
      return;
    }
    ask(MysqlAsked{}, packet, dialogue);
  }

  void take_command(const Packet& packet, Dialogue& dialogue) {
    logged_in_ = true;
    auto asked = commands_.read(packet, session_.capabilities, dialogue.disclosure().sql_literals);
    if (!asked) {
      is_foreign_ = ++unknown_ == kMostUnknown;
      settled_ = false;
      return;
    }
    unknown_ = 0;
    ask(*std::move(asked), packet, dialogue);
  }

  void ask(MysqlAsked asked, const Packet& packet, Dialogue& dialogue) {
    asked.first_us = packet.first_us;
    asked.last_us = packet.last_us;
    asked.last_sequence = packet.head.last_sequence;
    if (asked.answer == MysqlAnswer::None) {
      tell(asked, nullptr, dialogue);
      return;
    }
    while (!server_seen_ && !waiting_.empty()) give_up_first("no response", dialogue);
    pipelines_ = pipelines_ || asked.first_us == last_command_us_;
    const bool is_next = server_us_ > last_command_us_ && server_us_ <= asked.first_us && waiting_.empty();
    settled_ = settled_ || (is_next && !pipelines_);
    const bool may_be_past = waiting_.empty() && asked.first_us + kSkewUs < server_us_;
    last_command_us_ = asked.first_us;
    if (!settled_ || may_be_past) {
      give_up(asked, settled_ ? "no response" : "octets missing", dialogue);
      return;
    }
    if (waiting_.size() == kMostWaiting) {
      give_up_first("too many commands", dialogue);
      settled_ = is_answering_ = false;
    }
    waiting_.push_back(std::move(asked));
  }

  // ---- the server

  void take_server(const Packet& packet, Dialogue& dialogue) {
    server_seen_ = true;
    if (!greeted_ && !logged_in_) {
      take_greeting(packet, dialogue);
      server_us_ = packet.last_us;
      return;
    }
    greeted_ = true;
    const bool is_awaited = is_answering_ ? goes_on(packet, dialogue) : begin_response(packet, dialogue);
    server_us_ = std::max(server_us_, packet.last_us);
    if (!is_awaited) return;
    expected_ = static_cast<uint8_t>(packet.head.last_sequence + 1);
    const MysqlResponse::Step step = response_.take(packet);
    if (step == MysqlResponse::Step::Broken) {
      give_up_all("response unreadable", packet.last_us, dialogue);
      settled_ = false;
    } else if (step == MysqlResponse::Step::Over) {
      end_response(packet, dialogue);
    }
  }

  void take_greeting(const Packet& packet, Dialogue& dialogue) {
    greeted_ = true;
    MysqlError error;
    if (mysql_code(packet) == mysql::kError && read_mysql_error(packet.bytes, error)) {
      response_.error = error.code;
      tell_opening(&response_, dialogue);
      is_over_ = true;
      return;
    }
    MysqlGreeting greeting;
    if (!read_mysql_greeting(packet.bytes, greeting)) {
      if (packet.has_hole) {
        session_.partial.add("octets missing");
      } else {
        is_foreign_ = true;
      }
      return;
    }
    session_.greet(greeting);
  }

  bool goes_on(const Packet& packet, Dialogue& dialogue) {
    if (packet.head.sequence == expected_) return true;
    give_up_all("octets missing", packet.last_us, dialogue);
    settled_ = false;
    return false;
  }

  /// False: it is not the response to what waits.
  bool begin_response(const Packet& packet, Dialogue& dialogue) {
    if (std::exchange(end_may_follow_, false) && packet.head.sequence == expected_ &&
        mysql_code(packet) == mysql::kEnd && packet.octets == kMysqlOldEndOctets)
      return false;
    if (waiting_.empty()) {
      take_orphan(packet, dialogue);
      return false;
    }
    MysqlAsked& first = waiting_.front();
    const bool is_its = packet.head.sequence == static_cast<uint8_t>(first.last_sequence + 1);
    if (!is_its || packet.first_us + kSkewUs < first.last_us) return false;
    is_answering_ = true;
    latency_us_ = latency_us(first.last_us, packet.first_us);
    response_.begin(first.answer, session_.terms);
    return true;
  }

  /// The server says something that nobody asked for, as far as was seen.
  void take_orphan(const Packet& packet, Dialogue& dialogue) {
    settled_ = false;
    MysqlError error;
    const bool is_error = mysql_code(packet) == mysql::kError && packet.bytes.size() > 3 && packet.bytes[3] == '#' &&
                          read_mysql_error(packet.bytes, error);
    MysqlTransaction told;
    if (!opening_told_) {
      if (!is_error && mysql_code(packet) != mysql::kOk) return;
      session_.partial.add("no login");
      told = session_.opening();
      opening_told_ = true;
    } else if (is_error) {
      told.observed = to_milliseconds(packet.first_us);
      told.partial.add("no command");
    } else {
      return;
    }
    told.request_seen = false;
    if (is_error) told.error = error.code;
    finish(told, nullptr, dialogue);
  }

  void end_response(const Packet& packet, Dialogue& dialogue) {
    MysqlAsked asked = std::move(waiting_.front());
    waiting_.pop_front();
    is_answering_ = false;
    if (!waiting_.empty() && waiting_.front().first_us < packet.last_us) pipelines_ = true;
    if (response_.status) commands_.set_backslash_escapes((*response_.status & mysql::kNoBackslashEscapes) == 0);
    if (response_.has_hole) asked.partial.add("octets missing");
    if (!response_.error) {
      if (asked.user) session_.user = *asked.user;
      if (asked.schema) session_.schema = *asked.schema;
      if (response_.statement && asked.query) commands_.keep_statement(*response_.statement, *asked.query);
    }
    end_may_follow_ = asked.answer == MysqlAnswer::Prepared;
    is_over_ = asked.answer == MysqlAnswer::Stream;
    if (asked.code) {
      tell(asked, &response_, dialogue);
      return;
    }
    if (session_.is_compressed && !response_.error) {
      session_.partial.add("compressed from here");
      is_over_ = true;
    }
    tell_opening(&response_, dialogue);
  }

  // ---- what is told

  void give_up_all(std::string_view reason, int64_t until_us, Dialogue& dialogue) {
    is_answering_ = false;
    while (!waiting_.empty() && waiting_.front().first_us <= until_us) give_up_first(reason, dialogue);
  }
  void give_up_first(std::string_view reason, Dialogue& dialogue) {
    MysqlAsked asked = std::move(waiting_.front());
    waiting_.pop_front();
    give_up(asked, std::exchange(is_answering_, false) ? "response cut" : reason, dialogue);
  }
  /// It has no response, or none that is known.
  void give_up(MysqlAsked& asked, std::string_view reason, Dialogue& dialogue) {
    if (!asked.code) {
      session_.partial.add(reason);
      tell_opening(nullptr, dialogue);
      return;
    }
    asked.partial.add(reason);
    tell(asked, nullptr, dialogue);
  }

  void tell_opening(const MysqlResponse* response, Dialogue& dialogue) {
    opening_told_ = true;
    finish(session_.opening(), response, dialogue);
  }

  void tell(const MysqlAsked& asked, const MysqlResponse* response, Dialogue& dialogue) {
    finish(session_.command(asked), response, dialogue);
  }

  void finish(MysqlTransaction told, const MysqlResponse* response, Dialogue& dialogue) {
    if (response != nullptr) add_response(told, *response, latency_us_);
    latency_us_.reset();
    told.index = dialogue.next_transaction();
    dialogue.tell(kMysqlRecordType, &told, client_is_initiator_);
  }

  Side client_{kMostRead};
  Side server_{kMostOfServer};
  std::deque<MysqlAsked> waiting_;  // in the order of their responses
  MysqlResponse response_;          // to the first of them, when it has begun
  MysqlCommands commands_;
  MysqlSession session_;
  unsigned unknown_ = 0;
  std::optional<uint32_t> latency_us_;
  int64_t server_us_ = INT64_MIN;        // it said something last
  int64_t last_command_us_ = INT64_MIN;  // that has a response
  uint8_t expected_ = 0;                 // sequence number of the response's next packet
  bool begun_ = false;
  bool client_is_initiator_ = true;
  bool greeted_ = false;
  bool logged_in_ = false;  // the login, or a command, was seen
  bool opening_told_ = false;
  bool server_seen_ = false;
  bool is_answering_ = false;
  bool end_may_follow_ = false;  // behind definitions, from servers that end them so
  bool pipelines_ = false;       // commands come before the responses to those before
  bool settled_ = true;          // the next response is that to the first command that waits
  bool is_over_ = false;
  bool is_foreign_ = false;
};

// ---- recognition

Verdict recognise(const Segment& segment, const Common& flow) {
  const auto at_its_port = [&] { return has_port(flow, kPorts); };
  switch (look_for_mysql(segment.bytes)) {
    case MysqlLook::Greeting:
    case MysqlLook::Login:
      return Verdict::Mine;
    case MysqlLook::Command:  // SQL proves it, others do not
      return at_its_port() || has_mysql_query(segment.bytes) ? Verdict::Mine : Verdict::NotMine;
    case MysqlLook::Refusal:
      return at_its_port() ? Verdict::Mine : Verdict::NotMine;
    case MysqlLook::Maybe:
      return Verdict::Unsure;
    default:  // rows, perhaps; or what a proxy says of the client before it speaks (HAProxy's PROXY protocol)
      return (segment.in_middle && at_its_port()) || text_of(segment.bytes).starts_with("PROX") ? Verdict::Unsure
                                                                                                : Verdict::NotMine;
  }
}

}  // namespace

namespace protocol {

const Protocol mysql{.name = "mysql",
                     .records = kRecords,
                     .over_udp = false,
                     .over_tcp = true,
                     .ports = kPorts,
                     .own_proxy_header = true,  // the greeting alone is told behind one: no dissector reads that login
                     .recognise = recognise,
                     .make_parser = [] { return std::unique_ptr<Parser>(std::make_unique<MysqlParser>()); },
                     .ndpi_names = kNdpiNames};

}  // namespace protocol
}  // namespace microcloud
