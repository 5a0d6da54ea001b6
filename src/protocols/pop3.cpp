// POP3 (RFC 1939; CAPA and pipelining: RFC 2449, STLS: RFC 2595, AUTH: RFC 5034): one record per connection, when QUIT
// was answered, TLS begins or the connection ends.
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "inspect/parser.h"
#include "protocols/protocols.h"
#include "protocols/wire/mail_calls.h"
#include "protocols/wire/reply_queue.h"
#include "protocols/wire/sasl_user.h"
#include "protocols/wire/text_words.h"
#include "protocols/wire/two_way_lines.h"
#include "protocols/wire/usual_ports.h"
#include "record/text_list.h"
#include "record/transaction.h"

namespace microcloud {
namespace {

constexpr uint16_t kPorts[] = {110};
constexpr std::string_view kNdpiNames[] = {"POP3"};
constexpr unsigned kMostUnknown = 16;     // lines in a row that are none of POP3: then this is something else
constexpr size_t kMostOfBeginning = 512;  // octets of a first line that are waited for

// ---- the record

struct Pop3Connection {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  std::optional<Text<255>> user;
  bool start_tls = false;
  uint32_t retrieved = 0;
  uint32_t deleted = 0;
  TextList<1200, 240> commands;
  uint32_t logins = 0;
  ServiceCalls calls;
};

constexpr Field kOwnFields[] = {
    field<&Pop3Connection::user>("pop3User", {"POP_USER", pen::kNtop, 210}, "name in the last USER or APOP"),
    field<&Pop3Connection::start_tls>("pop3StartTls", {"", pen::kOwn, 180},
                                      "the server accepted STLS: what follows is encrypted"),
    field<&Pop3Connection::retrieved>("pop3Retrieved", {"", pen::kOwn, 181}, "mails that the client fetched (RETR)",
                                      Role::DeltaCounter),
    field<&Pop3Connection::deleted>("pop3Deleted", {"", pen::kOwn, 182}, "mails that the client deleted (DELE)",
                                    Role::DeltaCounter),
    field<&Pop3Connection::commands>("pop3Commands", {"", pen::kOwn, 183}, "the client's commands, in their order",
                                     Role::List),
    field<&mail_calls::answered<Pop3Connection>>(
        "pop3Answered", {"", pen::kOwn, 342},
        "commands that the server answered; none is counted behind octets that are missing", Role::DeltaCounter),
    field<&mail_calls::refused<Pop3Connection>>("pop3Errors", {"", pen::kOwn, 343}, "of them with -ERR",
                                                Role::DeltaCounter),
    field<&mail_calls::mean_latency<Pop3Connection>>(
        "serverLatencyMicroseconds", {"", pen::kOwn, 100},
        "from a command to the beginning of its reply, the mean of those that were "
        "answered, without AUTH",
        Role::Quantity, Unit::Microseconds),
};

constexpr auto kFields = transaction_fields<Pop3Connection>(kOwnFields);

constexpr CloudRule kCloud[] = {
    grow(Entity::Source, "pop3.logins", "logins of the host that a POP3 server accepted").by<&Pop3Connection::logins>(),
    grow(Entity::Source, "pop3.mails", "mails that the host fetched by POP3").by<&Pop3Connection::retrieved>(),
};

constexpr RecordType kRecordType{.name = "pop3",
                                 .meaning = "POP3 connection",
                                 .fields = kFields,
                                 .body_size = sizeof(Pop3Connection),
                                 .cloud = kCloud,
                                 .service = mail_calls::service<Pop3Connection>};
constexpr const RecordType* kRecords[] = {&kRecordType};

// ---- commands

enum class Does : uint8_t { Other, LogsIn, Retrieves, Deletes, StartsTls, Quits };
enum class Answer : uint8_t { Line, Lines, LinesWithoutArgument };  // when it is positive

struct Command {
  std::string_view verb;
  Does does = Does::Other;
  Answer answer = Answer::Line;
  bool of_pop3_only = false;  // a line of this form proves POP3
};

constexpr Command kCommands[] = {
    {"USER"},
    {"PASS", Does::LogsIn},
    {"APOP", Does::LogsIn, Answer::Line, true},
    {"AUTH", Does::LogsIn, Answer::LinesWithoutArgument},
    {"STLS", Does::StartsTls, Answer::Line, true},
    {"CAPA", Does::Other, Answer::Lines, true},
    {"STAT"},
    {"LIST", Does::Other, Answer::LinesWithoutArgument},
    {"UIDL", Does::Other, Answer::LinesWithoutArgument, true},
    {"RETR", Does::Retrieves, Answer::Lines},
    {"TOP", Does::Other, Answer::Lines},
    {"DELE", Does::Deletes},
    {"NOOP"},
    {"RSET"},
    {"QUIT", Does::Quits},
    {"LAST"},
    {"RPOP", Does::LogsIn},
    {"UTF8"},
    {"LANG", Does::Other, Answer::LinesWithoutArgument},
    {"XTND", Does::Other, Answer::Lines},
};

const Command* command_in(std::string_view line) {
  const std::string_view verb = take_word(line);
  for (const Command& command : kCommands) {
    if (is_word(verb, command.verb)) return &command;
  }
  return nullptr;
}

bool is_positive(std::string_view line) {
  return line.starts_with("+OK");
}
bool is_negative(std::string_view line) {
  return line.starts_with("-ERR");
}

/// What waits for its reply.
struct Asked {
  Does does = Does::Other;
  bool lines = false;   // follow a positive one
  bool at_once = true;  // the server answers by itself: the client has no more to say before
};

// ---- the connection

class Connection {
 public:
  using Item = TextLines::Item;

  explicit Connection(int64_t now_us) { told_.observed = to_milliseconds(now_us); }

  static bool is_command(std::string_view line) { return command_in(line) != nullptr; }
  static bool is_reply(std::string_view line) { return is_positive(line) || is_negative(line); }

  void client_item(const Item& item, int64_t time_us, TwoWayLines<Connection>&) {
    const Command* const command = command_in(item.text);
    if (sasl_.active() && !(sasl_.over() && command != nullptr)) {
      sasl_.response(item.text, item.cut);
      return;
    }
    sasl_.end();
    client_seen_ = true;
    if (!queue_.sent(asked(command, item), time_us)) told_.partial.add("too many commands");
    if (command == nullptr) {
      unknown();
      return;
    }
    unknown_ = 0;
    seen_anything_ = true;
    if (!told_.commands.push(command->verb)) told_.partial.add("commands cut");
    take_user(*command, item);
  }

  void server_item(const Item& item, int64_t time_us, TwoWayLines<Connection>&) {
    server_seen_ = true;
    const bool reply = is_reply(item.text);
    if (in_lines_) {  // until their end; where that may be missing, until the reply to what was asked since
      const bool is_next = lines_in_doubt_ && reply && queue_.next(time_us) != nullptr;
      in_lines_ = item.text != "." && !is_next;
      if (!is_next) return;
    }
    if (!reply) {
      const bool goes_on = item.text == "+" || item.text.starts_with("+ ");
      if (!goes_on && !queue_.in_doubt()) unknown();
      return;
    }
    unknown_ = 0;
    seen_anything_ = true;
    sasl_.end();
    if (std::exchange(greeting_, false) && !(queue_.in_doubt() && client_seen_)) return;
    const auto answered = queue_.answered(time_us);
    if (!answered) {
      queue_.lose();
      return;
    }
    const Asked& asked = answered->command;
    if (answered->sent_us)
      told_.calls.answered(is_negative(item.text),
                           asked.at_once ? latency_us(*answered->sent_us, time_us) : std::nullopt);
    if (is_positive(item.text)) {
      take_success(asked);
    } else if (asked.does == Does::Quits) {
      over_ = true;
    }
  }

  void missing(bool, bool) {
    told_.partial.add("octets missing");
    queue_.lose();
    sasl_.end();
    lines_in_doubt_ = true;
  }
  void no_beginning() {
    told_.partial.add("beginning not seen");
    queue_.lose();
  }

  bool is_over() const { return over_ || !is_mine(); }
  bool is_mine() const { return unknown_ < kMostUnknown; }
  bool is_covered() const { return told_.start_tls; }

  void tell_done(bool client_is_initiator, Dialogue& dialogue) {
    if (over_) tell(client_is_initiator, dialogue);
  }
  void tell_rest(bool client_is_initiator, Dialogue& dialogue) {
    if (seen_anything_) tell(client_is_initiator, dialogue);
  }

 private:
  Asked asked(const Command* command, const Item& item) {
    if (command == nullptr) return {Does::Other, false, false};
    std::string_view argument = item.text;
    take_word(argument);
    const bool lines =
        command->answer == Answer::Lines || (command->answer == Answer::LinesWithoutArgument && argument.empty());
    if (command->does == Does::LogsIn && lines) return {Does::Other, true};  // AUTH that asks for mechanisms
    return {command->does, lines, command->verb != "AUTH"};
  }

  void take_user(const Command& command, const Item& item) {
    std::string_view argument = item.text;
    take_word(argument);
    if (command.verb == "AUTH") {
      const std::string_view mechanism = take_word(argument);
      if (!mechanism.empty()) sasl_.begin(mechanism, argument, item.cut);
      return;
    }
    if (command.verb == "APOP") argument = take_word(argument);
    if (argument.empty() || (command.verb != "APOP" && command.verb != "USER")) return;
    told_.user.emplace().assign(argument);
    if (item.cut || argument.size() > told_.user->view().size()) told_.partial.add("user cut");
  }

  void take_success(const Asked& asked) {
    in_lines_ = asked.lines;
    lines_in_doubt_ = false;
    told_.logins += asked.does == Does::LogsIn ? 1 : 0;
    told_.retrieved += asked.does == Does::Retrieves ? 1 : 0;
    told_.deleted += asked.does == Does::Deletes ? 1 : 0;
    told_.start_tls = told_.start_tls || asked.does == Does::StartsTls;
    over_ = asked.does == Does::StartsTls || asked.does == Does::Quits;
  }

  void tell(bool client_is_initiator, Dialogue& dialogue) {
    if (!client_seen_) told_.partial.add("no commands");
    if (!server_seen_) told_.partial.add("no replies");
    told_.index = dialogue.next_transaction();
    dialogue.tell(kRecordType, &told_, client_is_initiator);
  }

  void unknown() {
    ++unknown_;
    told_.partial.add("unknown lines");
  }

  Pop3Connection told_;
  ReplyQueue<Asked> queue_;
  SaslUser sasl_;
  unsigned unknown_ = 0;         // lines in a row
  bool greeting_ = true;         // is the server's next reply
  bool in_lines_ = false;        // of a positive reply
  bool lines_in_doubt_ = false;  // their end may be missing
  bool client_seen_ = false;
  bool server_seen_ = false;
  bool seen_anything_ = false;
  bool over_ = false;
};

// ---- recognition

/// May these octets become the word that stands for a command?
bool begins_command(std::string_view text) {
  for (const Command& command : kCommands) {
    if (may_become(text, command.verb)) return true;
  }
  return false;
}

Verdict judge_reply(std::string_view text, bool from_initiator, bool at_its_port) {
  constexpr std::string_view kWords[] = {"+OK", "-ERR"};
  for (const std::string_view word : kWords) {
    if (text.size() < word.size() && word.starts_with(text)) return Verdict::Unsure;
  }
  if (!is_positive(text) && !is_negative(text)) return Verdict::NotMine;
  if (at_its_port) return Verdict::Mine;
  if (from_initiator || is_negative(text)) return Verdict::NotMine;  // Redis refuses so
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return text.size() < kMostOfBeginning ? Verdict::Unsure : Verdict::NotMine;
  const std::string_view line = text.substr(0, end);
  if (!is_plain_text(line.substr(0, line.find('\r')))) return Verdict::NotMine;
  return trimmed(line.substr(3, line.find('\r') - 3)).empty() ? Verdict::Unsure
                                                              : Verdict::Mine;  // "+OK": of others too
}

Verdict recognise(const Segment& segment, const Common& flow) {
  const std::string_view text = text_of(segment.bytes);
  const bool at_its_port = has_port(flow, kPorts);
  if (text.empty()) return Verdict::Unsure;
  if (begins_not_plain(text)) return Verdict::NotMine;
  if (text.front() == '+' || text.front() == '-') return judge_reply(text, segment.from_initiator, at_its_port);
  const std::string_view line = first_line(text);
  if (line.size() == text.size() && line.size() < kMostOfBeginning && begins_command(line)) return Verdict::Unsure;
  const Command* const command = command_in(line);
  if (!is_plain_text(line)) return Verdict::NotMine;
  if (command == nullptr) return at_its_port && segment.in_middle ? Verdict::Unsure : Verdict::NotMine;  // of a mail
  return at_its_port || (command->of_pop3_only && line.size() < text.size()) ? Verdict::Mine : Verdict::Unsure;
}

}  // namespace

namespace protocol {

const Protocol pop3{.name = "pop3",
                    .records = kRecords,
                    .over_udp = false,
                    .over_tcp = true,
                    .ports = kPorts,
                    .recognise = recognise,
                    .make_parser = [] { return std::unique_ptr<Parser>(std::make_unique<LineParser<Connection>>()); },
                    .ndpi_names = kNdpiNames};

}  // namespace protocol
}  // namespace microcloud
