// MySQL and MariaDB (the client/server protocol, version 10, of their documentation): one record for the opening of a
// connection, when the server has answered the login, and one per command, when its response is over.
#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "inspect/parser.h"
#include "protocols/protocols.h"
#include "protocols/wire/mysql_look.h"
#include "protocols/wire/mysql_messages.h"
#include "protocols/wire/mysql_packets.h"
#include "protocols/wire/mysql_response.h"
#include "protocols/wire/sql_text.h"
#include "protocols/wire/text_words.h"
#include "protocols/wire/told_text.h"
#include "record/transaction.h"

namespace microcloud {
namespace {

constexpr uint16_t kPort = 3306;
constexpr uint16_t kPorts[] = {kPort};
constexpr std::string_view kNdpiNames[] = {"MySQL"};
constexpr size_t kMostQuery = 4096;      // octets of a query that are told, and
constexpr size_t kMostRead = 16'384;     // that are read, with its literals
constexpr size_t kMostOfServer = 512;    // of one of its packets: a greeting, the beginning of others
constexpr size_t kMostWaiting = 64;      // commands
constexpr size_t kMostStatements = 128;  // prepared ones whose text is kept
constexpr int64_t kSkewUs = 10;          // a response may be captured before its command
constexpr unsigned kMostUnknown = 8;     // commands in a row: then this is something else

// ---- the record

struct MysqlTransaction {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  std::optional<Text<128>> user;
  std::optional<Text<128>> schema;
  std::optional<Text<128>> version;
  std::optional<Text<128>> program;
  std::optional<uint32_t> connection_id;
  std::optional<bool> start_tls;
  std::optional<uint8_t> command;
  std::optional<Text<kMostQuery>> query;
  std::optional<uint16_t> error;
  std::optional<uint64_t> rows;
  std::optional<uint64_t> affected;
  std::optional<uint32_t> latency_us;
};

constexpr Field kOwnFields[] = {
    field<&MysqlTransaction::user>("mysqlUser", {"MYSQL_USERNAME", pen::kNtop, 196},
                                   "who logged in, or wants to (COM_CHANGE_USER)"),
    field<&MysqlTransaction::schema>("mysqlSchema", {"MYSQL_DB", pen::kNtop, 197},
                                     "database in use, or asked for (COM_INIT_DB)"),
    field<&MysqlTransaction::version>("mysqlServerVersion", {"MYSQL_SERVER_VERSION", pen::kNtop, 195},
                                      "of the server, as it greets; in the opening"),
    field<&MysqlTransaction::program>("mysqlProgram", {"", pen::kOwn, 205},
                                      "what the client says it is (program_name); in the opening"),
    field<&MysqlTransaction::connection_id>("mysqlConnectionId", {"", pen::kOwn, 204},
                                            "the server's number of the connection; in the opening", Role::Identifier),
    field<&MysqlTransaction::start_tls>("mysqlStartTls", {"", pen::kOwn, 206},
                                        "what follows is encrypted; in the opening"),
    field<&MysqlTransaction::command>("mysqlCommand", {"", pen::kOwn, 200},
                                      "3 a query, 22 prepares a statement, 23 executes it, ...; none: the opening",
                                      Role::Identifier),
    field<&MysqlTransaction::query>("mysqlQuery", {"MYSQL_QUERY", pen::kNtop, 198},
                                    "SQL of a query or statement, with ? in the place of values unless --sql-literals"),
    field<&MysqlTransaction::error>("mysqlErrorCode", {"", pen::kOwn, 201}, "the server refused: 1045, 1146, ...",
                                    Role::Identifier),
    field<&MysqlTransaction::rows>("mysqlRows", {"", pen::kOwn, 202}, "rows that the server sent", Role::DeltaCounter),
    field<&MysqlTransaction::affected>("mysqlAffectedRows", {"", pen::kOwn, 203},
                                       "rows that were changed, as the server says", Role::DeltaCounter),
    field<&MysqlTransaction::latency_us>("serverLatencyMicroseconds", {"", pen::kOwn, 100},
                                         "from the last packet of the command to the first of its response",
                                         Role::Quantity, Unit::Microseconds),
};

constexpr auto kFields = transaction_fields<MysqlTransaction>(kOwnFields);

bool is_query(const MysqlTransaction& from) {
  const uint8_t code = from.command.value_or(0);
  return code == mysql_command::kQuery || code == mysql_command::kExecute || code == mysql_command::kBulkExecute;
}
bool has_failed(const MysqlTransaction& from) {
  return from.error.has_value();
}

constexpr CloudRule kCloud[] = {
    grow(Entity::Source, "mysql.queries", "queries and executed statements of the host").when<&is_query>(1),
    grow(Entity::Source, "mysql.errors", "logins and commands of the host that a server refused").when<&has_failed>(1),
};

bool is_command(const MysqlTransaction& from) {
  return from.command.has_value();
}

constexpr CloudRule kOfServer[] = {
    grow(Entity::Destination, "commands", "commands that the server was given").when<&is_command>(1),
    grow(Entity::Destination, "queries", "of them: queries and executed statements").when<&is_query>(1),
    grow(Entity::Destination, "errors", "logins and commands that it refused").when<&has_failed>(1),
};

bool append_server(const RecordRef& record, std::string& out) {
  out += to_text(record.common->destination);
  return true;
}

constexpr CloudTree kTrees[] = {
    {.prefix = "mysql.server.", .pattern = "mysql.server.<ip>", .name = append_server, .counters = kOfServer}};

/// Logins are requests too.
std::optional<ServiceCall> service(const void* body) {
  const MysqlTransaction& mysql = *static_cast<const MysqlTransaction*>(body);
  return ServiceCall{
      .failed = has_failed(mysql), .latency_us = mysql.latency_us, .begins_connection = mysql.index == 1};
}

constexpr RecordType kRecordType{.name = "mysql",
                                 .meaning = "MySQL connection's opening, and command",
                                 .fields = kFields,
                                 .body_size = sizeof(MysqlTransaction),
                                 .cloud = kCloud,
                                 .trees = kTrees,
                                 .service = service};
constexpr const RecordType* kRecords[] = {&kRecordType};

// ---- the connection

/// What waits for its response: a command, or the login (which has no code).
struct Asked {
  MysqlAnswer answer = MysqlAnswer::Login;
  std::optional<uint8_t> code;
  std::optional<std::string> query;  // as it is told, or one octet longer: cut
  std::optional<std::string> user;   // that it asks for
  std::optional<std::string> schema;
  int64_t first_us = 0, last_us = 0;
  uint8_t last_sequence = 0;
  Partial partial;
};

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
    if (!logged_in_) opening_partial_.add("no login");
    tell_opening(nullptr, dialogue);
  }

 private:
  using Packet = MysqlPackets::Packet;
  struct Side {
    explicit Side(size_t most_kept) : packets(most_kept) {}
    MysqlPackets packets;
    bool in_step = true;  // it is known where packets begin
  };

  bool is_over() const { return is_over_ || is_foreign_; }

  // ---- streams

  /// Of a flow that was seen from its beginning the initiator is the client.
  void begin(const Segment& segment, const Common& flow) {
    begun_ = true;
    first_us_ = segment.time_us;
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
    if (!opening_told_) opening_partial_.add(reason);
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
      opening_partial_.add("login unreadable");
    }
    const uint32_t both = login.capabilities & server_capabilities_;
    capabilities_ = both;
    is_compressed_ = (both & (mysql::kCompress | mysql::kZstd)) != 0;
    terms_.flag_behind_count = (login.extended & extended_ & mysql::kMariadbCacheMetadata) != 0;
    terms_.flag_before_count = (both & mysql::kOptionalMetadata) != 0;
    if (login.asks_for_tls) {
      start_tls_ = is_over_ = true;
      tell_opening(nullptr, dialogue);
      return;
    }
    start_tls_ = false;
    user_ = login.user;
    schema_ = login.schema;
    program_ = login.program;
    Asked asked;
    ask(std::move(asked), packet, dialogue);
  }

  void take_command(const Packet& packet, Dialogue& dialogue) {
    logged_in_ = true;
    const MysqlCommand* const command = packet.bytes.empty() ? nullptr : mysql_command_of(mysql_code(packet));
    if (command == nullptr) {
      is_foreign_ = ++unknown_ == kMostUnknown;
      settled_ = false;
      return;
    }
    unknown_ = 0;
    Asked asked;
    asked.answer = command->answer;
    asked.code = command->code;
    read_command(asked, packet, dialogue);
    if (packet.has_hole) asked.partial.add("octets missing");
    ask(std::move(asked), packet, dialogue);
  }

  void read_command(Asked& asked, const Packet& packet, Dialogue& dialogue) {
    const Bytes body = packet.bytes.subspan(1);
    Cursor in(body);
    switch (*asked.code) {
      case mysql_command::kInitDb:
        asked.schema = text_of(body);
        break;
      case mysql_command::kQuery:
      case mysql_command::kPrepare:
        read_query(asked, packet, dialogue);
        break;
      case mysql_command::kExecute:
      case mysql_command::kBulkExecute:
      case mysql_command::kFetch:
        read_statement(asked, read_low32(in));
        break;
      case mysql_command::kClose:
        statements_.erase(read_low32(in));
        break;
      case mysql_command::kChangeUser: {
        MysqlChangeUser change;
        if (!read_mysql_change_user(body, capabilities_.value_or(mysql::kProtocol41), change)) break;
        asked.user = change.user;
        asked.schema = change.schema;
        break;
      }
      default:
        break;
    }
  }

  void read_query(Asked& asked, const Packet& packet, Dialogue& dialogue) {
    const Bytes body = packet.bytes.subspan(1);
    const bool has_attributes = asked.code == mysql_command::kQuery;
    // Where the login was not seen, attributes show themselves: no statement begins with an octet below a blank.
    const bool perhaps = !capabilities_ && body.size() > 1 && body[0] < 9 && body[1] == 1;
    const uint32_t flags = perhaps ? mysql::kQueryAttributes : capabilities_.value_or(0);
    const auto text = mysql_query_text(body, has_attributes ? flags : 0);
    if (!text) {
      asked.partial.add("query unreadable");
      return;
    }
    SqlRules rules = SqlRules::mysql();
    rules.keep_literals = dialogue.disclosure().sql_literals;
    rules.backslash_escapes = !no_escapes_;
    asked.query = sql_to_tell(*text, rules, kMostQuery);
    if (!packet.is_kept()) asked.partial.add("query cut");
    if (const std::string_view schema = mysql_schema_in_use(*text); !schema.empty()) asked.schema = schema;
    if (asked.code == mysql_command::kPrepare) prepared_last_ = *asked.query;
  }

  /// MariaDB: all ones stand for the statement that was prepared last, whose number the client does not know yet.
  void read_statement(Asked& asked, uint32_t number) {
    constexpr uint32_t kLast = 0xffffffff;
    const auto known = statements_.find(number);
    if (known != statements_.end()) {
      asked.query = known->second;
    } else if (number == kLast && !prepared_last_.empty()) {
      asked.query = prepared_last_;
    } else {
      asked.partial.add("statement not seen");
    }
  }

  void ask(Asked asked, const Packet& packet, Dialogue& dialogue) {
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
        opening_partial_.add("octets missing");
      } else {
        is_foreign_ = true;
      }
      return;
    }
    version_ = greeting.version;
    connection_id_ = greeting.connection_id;
    server_capabilities_ = greeting.capabilities;
    extended_ = greeting.extended;
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
    Asked& first = waiting_.front();
    const bool is_its = packet.head.sequence == static_cast<uint8_t>(first.last_sequence + 1);
    if (!is_its || packet.first_us + kSkewUs < first.last_us) return false;
    is_answering_ = true;
    latency_us_ = latency_us(first.last_us, packet.first_us);
    response_.begin(first.answer, terms_);
    return true;
  }

  /// The server says something that nobody asked for, as far as was seen.
  void take_orphan(const Packet& packet, Dialogue& dialogue) {
    settled_ = false;
    MysqlError error;
    const bool is_error = mysql_code(packet) == mysql::kError && packet.bytes.size() > 3 && packet.bytes[3] == '#' &&
                          read_mysql_error(packet.bytes, error);
    if (!opening_told_) {
      if (!is_error && mysql_code(packet) != mysql::kOk) return;
      opening_partial_.add("no login");
      if (is_error) response_.error = error.code;
      tell_opening(&response_, dialogue);
    } else if (is_error) {
      MysqlTransaction told;
      told.observed = to_milliseconds(packet.first_us);
      told.error = error.code;
      told.partial.add("no command");
      finish(told, dialogue);
    }
  }

  void end_response(const Packet& packet, Dialogue& dialogue) {
    Asked asked = std::move(waiting_.front());
    waiting_.pop_front();
    is_answering_ = false;
    if (!waiting_.empty() && waiting_.front().first_us < packet.last_us) pipelines_ = true;
    if (response_.status) no_escapes_ = (*response_.status & mysql::kNoBackslashEscapes) != 0;
    if (response_.has_hole) asked.partial.add("octets missing");
    if (!response_.error) {
      if (asked.user) user_ = *asked.user;
      if (asked.schema) schema_ = *asked.schema;
      if (response_.statement && asked.query) keep_statement(*response_.statement, *asked.query);
    }
    end_may_follow_ = asked.answer == MysqlAnswer::Prepared;
    is_over_ = asked.answer == MysqlAnswer::Stream;
    if (asked.code) {
      tell(asked, &response_, dialogue);
      return;
    }
    if (is_compressed_ && !response_.error) {
      opening_partial_.add("compressed from here");
      is_over_ = true;
    }
    tell_opening(&response_, dialogue);
  }

  void keep_statement(uint32_t number, std::string text) {
    if (statements_.size() == kMostStatements) statements_.erase(statements_.begin());  // the oldest
    statements_[number] = std::move(text);
  }

  // ---- what is told

  void give_up_all(std::string_view reason, int64_t until_us, Dialogue& dialogue) {
    is_answering_ = false;
    while (!waiting_.empty() && waiting_.front().first_us <= until_us) give_up_first(reason, dialogue);
  }
  void give_up_first(std::string_view reason, Dialogue& dialogue) {
    Asked asked = std::move(waiting_.front());
    waiting_.pop_front();
    give_up(asked, std::exchange(is_answering_, false) ? "response cut" : reason, dialogue);
  }
  /// It has no response, or none that is known.
  void give_up(Asked& asked, std::string_view reason, Dialogue& dialogue) {
    if (!asked.code) {
      opening_partial_.add(reason);
      tell_opening(nullptr, dialogue);
      return;
    }
    asked.partial.add(reason);
    tell(asked, nullptr, dialogue);
  }

  void tell_opening(const MysqlResponse* response, Dialogue& dialogue) {
    MysqlTransaction told;
    opening_told_ = true;
    told.observed = to_milliseconds(first_us_);
    told.partial = opening_partial_;
    tell_text(told.version, version_, "version cut", told.partial);
    tell_text(told.program, program_, "program cut", told.partial);
    told.connection_id = connection_id_;
    told.start_tls = start_tls_;
    tell_ends(told, response);
    tell_text(told.user, user_, "user cut", told.partial);
    tell_text(told.schema, schema_, "schema cut", told.partial);
    finish(told, dialogue);
  }

  void tell(const Asked& asked, const MysqlResponse* response, Dialogue& dialogue) {
    MysqlTransaction told;
    told.observed = to_milliseconds(asked.first_us);
    told.partial = asked.partial;
    told.command = asked.code;
    if (asked.query) tell_text(told.query, *asked.query, "query cut", told.partial);
    tell_text(told.user, asked.user ? *asked.user : user_, "user cut", told.partial);
    tell_text(told.schema, asked.schema ? *asked.schema : schema_, "schema cut", told.partial);
    tell_ends(told, response);
    finish(told, dialogue);
  }

  void tell_ends(MysqlTransaction& told, const MysqlResponse* response) const {
    if (response == nullptr) return;
    told.error = response->error;
    told.rows = response->rows;
    told.affected = response->affected;
    told.latency_us = latency_us_;
  }

  void finish(MysqlTransaction& told, Dialogue& dialogue) {
    latency_us_.reset();
    told.index = dialogue.next_transaction();
    dialogue.tell(kRecordType, &told, client_is_initiator_);
  }

  Side client_{kMostRead};
  Side server_{kMostOfServer};
  std::deque<Asked> waiting_;  // in the order of their responses
  MysqlResponse response_;     // to the first of them, when it has begun
  MysqlResponse::Terms terms_;
  std::map<uint32_t, std::string> statements_;  // prepared ones, as they are told
  std::string prepared_last_;
  std::string user_, schema_, version_, program_;
  std::optional<uint32_t> connection_id_;
  std::optional<uint32_t> capabilities_;  // of both sides, when the login was seen
  uint32_t server_capabilities_ = UINT32_MAX;
  std::optional<bool> start_tls_;
  Partial opening_partial_;
  uint32_t extended_ = UINT32_MAX;  // MariaDB's, of the server
  unsigned unknown_ = 0;
  std::optional<uint32_t> latency_us_;
  int64_t first_us_ = 0;
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
  bool is_compressed_ = false;
  bool no_escapes_ = false;  // the backslash is a character like others
  bool pipelines_ = false;   // commands come before the responses to those before
  bool settled_ = true;      // the next response is that to the first command that waits
  bool is_over_ = false;
  bool is_foreign_ = false;
};

// ---- recognition

Verdict recognise(const Segment& segment, const Common& flow) {
  const auto at_its_port = [&] { return flow.source_port == kPort || flow.destination_port == kPort; };
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
                     .recognise = recognise,
                     .make_parser = [] { return std::unique_ptr<Parser>(std::make_unique<MysqlParser>()); },
                     .ndpi_names = kNdpiNames};

}  // namespace protocol
}  // namespace microcloud
