// IMAP (RFC 3501, RFC 9051; literals: RFC 7888, AUTHENTICATE with a response: RFC 4959): one record per connection,
// when LOGOUT was answered, TLS or compression begins, or the connection ends.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inspect/parser.h"
#include "protocols/protocols.h"
#include "protocols/wire/imap_lines.h"
#include "protocols/wire/mail_calls.h"
#include "protocols/wire/sasl_user.h"
#include "protocols/wire/text_words.h"
#include "protocols/wire/two_way_lines.h"
#include "protocols/wire/usual_ports.h"
#include "record/text_list.h"
#include "record/transaction.h"

namespace microcloud {
namespace {

using namespace imap_lines;

constexpr uint16_t kPorts[] = {143};
constexpr std::string_view kNdpiNames[] = {"IMAP"};
constexpr unsigned kMostUnknown = 16;      // lines in a row that are none of IMAP: then this is something else
constexpr size_t kMostOfBeginning = 1024;  // octets of a first line that are waited for
constexpr size_t kMostWaiting = 64;        // commands whose result counts

// ---- the record

struct ImapConnection {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  std::optional<Text<255>> user;
  bool start_tls = false;
  TextList<2000, 240> commands;
  uint32_t logins = 0;
  ServiceCalls calls;
};

constexpr Field kOwnFields[] = {
    field<&ImapConnection::user>("imapUser", {"IMAP_LOGIN", pen::kNtop, 260},
                                 "name in the first LOGIN; without one, in the first AUTHENTICATE"),
    field<&ImapConnection::start_tls>("imapStartTls", {"", pen::kOwn, 170},
                                      "the server accepted STARTTLS: what follows is encrypted"),
    field<&ImapConnection::commands>("imapCommands", {"", pen::kOwn, 171},
                                     "the client's commands, in their order; UID FETCH is FETCH", Role::List),
    field<&mail_calls::answered<ImapConnection>>(
        "imapAnswered", {"", pen::kOwn, 340},
        "commands that the server completed, IDLE apart; none is counted behind octets that "
        "are missing",
        Role::DeltaCounter),
    field<&mail_calls::refused<ImapConnection>>("imapErrors", {"", pen::kOwn, 341}, "of them with NO or BAD",
                                                Role::DeltaCounter),
    field<&mail_calls::mean_latency<ImapConnection>>(
        "serverLatencyMicroseconds", {"", pen::kOwn, 100},
        "from the last octets of a command to its tagged result, the mean of those that "
        "were completed, without IDLE and AUTHENTICATE",
        Role::Quantity, Unit::Microseconds),
};

constexpr auto kFields = transaction_fields<ImapConnection>(kOwnFields);

constexpr CloudRule kCloud[] = {
    grow(Entity::Source, "imap.logins", "logins of the host that an IMAP server accepted")
        .by<&ImapConnection::logins>(),
};

constexpr RecordType kRecordType{.name = "imap",
                                 .meaning = "IMAP connection",
                                 .fields = kFields,
                                 .body_size = sizeof(ImapConnection),
                                 .cloud = kCloud,
                                 .service = mail_calls::service<ImapConnection>};
constexpr const RecordType* kRecords[] = {&kRecordType};

// ---- the connection

class Connection {
 public:
  using Item = TextLines::Item;

  explicit Connection(int64_t now_us) { told_.observed = to_milliseconds(now_us); }

  static bool is_command(std::string_view line) { return command_in(line) != nullptr; }
  static bool is_reply(std::string_view line) { return is_untagged(line) || is_result(line); }

  void client_item(const Item& item, int64_t time_us, TwoWayLines<Connection>& both) {
    TextLines& lines = both.client_lines();
    if (item.kind == Item::Kind::Octets) {
      take_literal(item.text, lines.expected() == 0);
    } else if (goes_on_) {
      go_on(item, time_us, lines);
    } else if (const Command* const command = command_in(item.text); sasl_.active() && !(sasl_.over() && command)) {
      if (!told_.user) keep_user(sasl_.response(item.text, item.cut));
    } else {
      take_line(item, command, time_us, lines);
    }
  }

  void server_item(const Item& item, int64_t time_us, TwoWayLines<Connection>& both) {
    if (item.kind == Item::Kind::Octets) return;
    server_seen_ = true;
    const bool result = !in_answer_ && is_result(item.text);
    const std::optional<Literal> literal = item.cut ? std::nullopt : literal_at_end(item.text);
    const bool untagged = in_answer_ || item.text.starts_with("* ");
    in_answer_ = untagged && literal && !is_state(item.text);
    if (in_answer_) both.server_lines().expect(literal->octets);
    if (result) {
      take_result(item.text, time_us, both.client_lines());
    } else if (!untagged && !item.text.starts_with('+') && !in_doubt_) {
      unknown();
      return;
    }
    if (result || untagged) known();
  }

  void missing(bool from_client, bool within_octets) {
    told_.partial.add("octets missing");
    if (within_octets) {
      name_follows_ = false;
      return;
    }
    in_doubt_ = true;
    waiting_.clear();
    sasl_.end();
    (from_client ? goes_on_ : in_answer_) = false;
    if (from_client) name_follows_ = idles_ = false;
  }
  void no_beginning() {
    told_.partial.add("beginning not seen");
    in_doubt_ = true;
  }

  bool is_over() const { return over_ || !is_mine(); }
  bool is_mine() const { return unknown_ < kMostUnknown; }
  bool is_covered() const { return told_.start_tls || compressed_; }

  void tell_done(bool client_is_initiator, Dialogue& dialogue) {
    if (over_) tell(client_is_initiator, dialogue);
  }
  void tell_rest(bool client_is_initiator, Dialogue& dialogue) {
    if (seen_anything_) tell(client_is_initiator, dialogue);
  }

 private:
  struct Waiting {
    std::string tag;
    Does does;
    std::optional<int64_t> sent_us;  // when its last octets came; nothing: not all have, or the server waits for more
  };

  void take_line(const Item& item, const Command* command, int64_t time_us, TextLines& lines) {
    sasl_.end();
    if (std::exchange(idles_, false) && is_word(item.text, "DONE")) return;
    client_seen_ = true;
    last_is_unique_ = false;
    std::string_view rest = item.text;
    tag_ = take_word(rest).substr(0, kMostOfTag);
    follow_literal(item, lines);
    if (command == nullptr) {
      if (!in_doubt_) unknown();
      return;
    }
    known();
    if (!told_.commands.push(command->name)) told_.partial.add("commands cut");
    take_command(rest);
    wait_for(command->does, time_us);
    take(*command, rest, item.cut);
  }

  /// Tags are unique (RFC 3501, 2.2.1): which of two commands with one tag is answered nobody knows.
  void wait_for(Does does, int64_t time_us) {
    const auto same =
        std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& one) { return one.tag == tag_; });
    const bool unique = same == waiting_.end();
    if (!unique) waiting_.erase(same);
    if (waiting_.size() == kMostWaiting) waiting_.erase(waiting_.begin());
    const bool at_once = unique && !goes_on_ && does != Does::Idles && does != Does::Authenticates;
    waiting_.push_back({tag_, does, at_once ? std::optional(time_us) : std::nullopt});
    last_is_unique_ = unique;
  }

  void take(const Command& command, std::string_view arguments, bool cut) {
    if (command.does == Does::Other) return;
    idles_ = command.does == Does::Idles;
    if (command.does == Does::Authenticates) {
      const std::string_view mechanism = take_word(arguments);
      const std::optional<std::string> name = sasl_.begin(mechanism, arguments, cut);
      if (!told_.user) keep_user(name);
    } else if (command.does == Does::LogsIn && !by_login_) {
      by_login_ = true;
      told_.user.reset();
      keep_user(first_argument(arguments));
      name_follows_ = !told_.user && goes_on_;
    }
  }

  void go_on(const Item& item, int64_t time_us, TextLines& lines) {
    name_follows_ = false;
    follow_literal(item, lines);
    if (!goes_on_ && last_is_unique_ && !waiting_.empty() && waiting_.back().tag == tag_)
      waiting_.back().sent_us = time_us;
  }

  void follow_literal(const Item& item, TextLines& lines) {
    const std::optional<Literal> literal = item.cut ? std::nullopt : literal_at_end(item.text);
    goes_on_ = literal.has_value();
    may_refuse_ = literal && !literal->at_once;
    literal_.clear();
    if (literal) lines.expect(literal->octets);
  }

  void take_literal(std::string_view part, bool last) {
    may_refuse_ = false;
    if (!name_follows_) return;
    literal_.append(part.substr(0, kMostOfName + 1 - literal_.size()));
    if (!last) return;
    keep_user(literal_);
    name_follows_ = false;
  }

  void keep_user(const std::optional<std::string>& name) {
    if (!name) return;
    told_.user.emplace().assign(*name);
    if (name->size() > kMostOfName) told_.partial.add("user cut");
  }

  void take_result(std::string_view line, int64_t time_us, TextLines& client) {
    const std::string_view tag = take_word(line);
    const bool positive = is_word(take_word(line), "OK");
    if (tag == tag_) {
      if (sasl_.active()) sasl_.end();
      if (goes_on_ && may_refuse_ && !positive) {  // the literal will not come
        client.expect(0);
        goes_on_ = name_follows_ = false;
      }
    }
    const auto found =
        std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& one) { return one.tag == tag; });
    if (found == waiting_.end()) return;
    const Does does = found->does;
    const std::optional<int64_t> sent_us = found->sent_us;
    waiting_.erase(found);
    if (!in_doubt_ && does != Does::Idles)
      told_.calls.answered(!positive, sent_us ? latency_us(*sent_us, time_us) : std::nullopt);
    if (!positive) return;
    told_.logins += does == Does::LogsIn || does == Does::Authenticates ? 1 : 0;
    told_.start_tls = does == Does::StartsTls;
    compressed_ = does == Does::Compresses;
    over_ = told_.start_tls || compressed_ || does == Does::LogsOut;
  }

  void tell(bool client_is_initiator, Dialogue& dialogue) {
    if (!client_seen_) told_.partial.add("no commands");
    if (!server_seen_) told_.partial.add("no replies");
    if (compressed_) told_.partial.add("compressed from here");
    told_.index = dialogue.next_transaction();
    dialogue.tell(kRecordType, &told_, client_is_initiator);
  }

  void unknown() {
    ++unknown_;
    told_.partial.add("unknown lines");
  }
  void known() {
    unknown_ = 0;
    seen_anything_ = true;
  }

  static constexpr size_t kMostOfName = 255;

  ImapConnection told_;
  std::vector<Waiting> waiting_;
  SaslUser sasl_;
  std::string tag_;              // of the client's last command
  std::string literal_;          // user's name, as far as it has come
  unsigned unknown_ = 0;         // lines in a row
  bool goes_on_ = false;         // the command, behind a literal
  bool may_refuse_ = false;      // the server, the literal that is announced
  bool name_follows_ = false;    // in the literal
  bool by_login_ = false;        // a LOGIN was seen: its name counts
  bool idles_ = false;           // the client's next line is DONE
  bool last_is_unique_ = false;  // the client's last command's tag is
  bool in_answer_ = false;       // which goes on behind a literal
  bool in_doubt_ = false;        // lines may be parts of others
  bool compressed_ = false;
  bool client_seen_ = false;
  bool server_seen_ = false;
  bool seen_anything_ = false;
  bool over_ = false;
};

// ---- recognition

bool has_digit(std::string_view tag) {
  return std::any_of(tag.begin(), tag.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// What servers alone say; a tag with a digit, as nearly all clients have them, and a command in its form.
Verdict recognise(const Segment& segment, const Common& flow) {
  const std::string_view text = text_of(segment.bytes);
  if (begins_not_plain(text)) return Verdict::NotMine;
  const bool at_its_port = has_port(flow, kPorts);
  const size_t end = text.find('\n');
  const std::string_view line = first_line(text);
  const bool of_a_mail = at_its_port && segment.in_middle && is_plain_text(line);
  const Verdict no = of_a_mail ? Verdict::Unsure : Verdict::NotMine;
  if (end == std::string_view::npos)
    return line.size() < kMostOfBeginning && is_plain_text(line) && may_be_line(line) ? Verdict::Unsure : no;
  if (!is_plain_text(line)) return Verdict::NotMine;
  if (is_untagged(line)) return Verdict::Mine;
  if (is_result(line)) return at_its_port ? Verdict::Mine : Verdict::NotMine;
  std::string_view rest = line;
  const std::string_view tag = take_word(rest);
  const Command* const command = is_tag(tag) ? take_command(rest) : nullptr;
  if (command == nullptr || command->has_arguments == rest.empty()) return no;
  return has_digit(tag) || at_its_port ? Verdict::Mine : Verdict::Unsure;
}

}  // namespace

namespace protocol {

const Protocol imap{.name = "imap",
                    .records = kRecords,
                    .over_udp = false,
                    .over_tcp = true,
                    .ports = kPorts,
                    .recognise = recognise,
                    .make_parser = [] { return std::unique_ptr<Parser>(std::make_unique<LineParser<Connection>>()); },
                    .ndpi_names = kNdpiNames};

}  // namespace protocol
}  // namespace microcloud
