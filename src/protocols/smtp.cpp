// SMTP (RFC 5321; pipelining: RFC 2920, BDAT: RFC 3030, STARTTLS: RFC 3207, AUTH: RFC 4954): one record per MAIL
// command, when its mail was accepted or given up, and one per connection without any.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "inspect/parser.h"
#include "protocols/protocols.h"
#include "protocols/wire/mail_header.h"
#include "protocols/wire/reply_queue.h"
#include "protocols/wire/sasl_user.h"
#include "protocols/wire/smtp_lines.h"
#include "protocols/wire/smtp_look.h"
#include "protocols/wire/smtp_mails.h"
#include "protocols/wire/text_words.h"
#include "protocols/wire/two_way_lines.h"
#include "protocols/wire/usual_ports.h"

namespace microcloud {
namespace {

using namespace smtp_lines;

constexpr uint16_t kPorts[] = {25, 587};
constexpr std::string_view kNdpiNames[] = {"SMTP"};
constexpr unsigned kMostUnknown = 16;  // lines in a row that are none of SMTP: then this is something else
constexpr size_t kMostMails = 16;      // that wait for their replies

constexpr const RecordType* kRecords[] = {&kSmtpRecordType};

// ---- the connection

class Connection {
 public:
  using Item = TextLines::Item;
  using Both = TwoWayLines<Connection>;

  explicit Connection(int64_t now_us) { mails_.base.observed = to_milliseconds(now_us); }

  static bool is_command(std::string_view line) { return command_in(line) != nullptr; }
  static bool is_reply(std::string_view line) { return reply_in(line).has_value(); }

  void client_item(const Item& item, int64_t time_us, Both& both) {
    if (item.kind == Item::Kind::Octets) {
      take_chunk(item.text);
      if (both.client_lines().expected() == 0) chunk_goes_on(time_us);
      return;
    }
    const Command* const command = command_in(item.text);
    const bool refused_unheard = in_content_ && !content_begun_ && !server_wants_content_ && command != nullptr;
    if (in_content_ && !refused_unheard) {
      take_content(item.text, time_us);
    } else if (sasl_.active() && !(sasl_.over() && command != nullptr)) {
      keep_user(sasl_.response(item.text, item.cut));
    } else {
      in_content_ = false;
      take_line(item, command, time_us, both.client_lines());
    }
  }

  void server_item(const Item& item, int64_t time_us, Both&) {
    server_seen_ = true;
    const std::optional<Reply> reply = reply_in(item.text);
    if (!reply) {
      if (!queue_.in_doubt()) unknown();
      return;
    }
    unknown_ = 0;
    seen_anything_ = true;
    if (!reply_begun_us_) reply_begun_us_ = time_us;
    if (reply->last) {
      take_reply(reply->code, time_us);
      reply_begun_us_.reset();
    }
  }

  void missing(bool from_client, bool within_octets) {
    mails_.add_partial("octets missing");
    finder_.give_up();
    if (within_octets) {
      if (from_client) chunk_goes_on(std::nullopt);
      return;
    }
    reply_begun_us_.reset();
    queue_.lose();
    sasl_.end();
    if (from_client && in_content_) {
      content_cut_ = content_begun_ = true;
      if (Mail* const mail = mails_.find(content_of_)) mail->begin_content();
    }
  }
  void no_beginning() {
    mails_.add_partial("beginning not seen");
    queue_.lose();
  }

  bool is_over() const { return over_ || !is_mine(); }
  bool is_mine() const { return unknown_ < kMostUnknown; }
  bool is_covered() const { return mails_.base.start_tls; }

  void tell_done(bool client_is_initiator, Dialogue& dialogue) {
    const auto& mails = mails_.all();
    while (!mails.empty() && ((mails.front().closed && !waits(mails.front())) || mails.size() > kMostMails)) {
      tell_first(client_is_initiator, dialogue);
    }
    if (over_) tell_rest(client_is_initiator, dialogue);
  }
  void tell_rest(bool client_is_initiator, Dialogue& dialogue) {
    while (!mails_.all().empty()) tell_first(client_is_initiator, dialogue);
    if (!told_any_ && seen_anything_) tell(mails_.base, client_is_initiator, dialogue);
  }

 private:
  using Mail = SmtpMails::Mail;
  /// What waits for its reply.
  struct Asked {
    Does does = Does::Other;
    uint64_t mail = 0;  // that it belongs to
  };

  // ---- the client

  void take_line(const Item& item, const Command* command, int64_t time_us, TextLines& lines) {
    sasl_.end();
    client_seen_ = true;
    if (command == nullptr) {
      if (!queue_.in_doubt()) unknown();
      ask(Does::Other, time_us);
      return;
    }
    unknown_ = 0;
    seen_anything_ = true;
    std::string_view arguments = item.text;
    take_word(arguments);
    switch (command->does) {
      case Does::Greets:
        close();
        if (!arguments.empty()) mails_.keep(mails_.base.helo, take_word(arguments), "helo cut");
        break;
      case Does::Mail:
        close();
        open(time_us);
        if (const auto address = address_in(item.text))
          mails_.keep(mails_.current()->told.from, *address, "sender cut");
        break;
      case Does::Recipient:
        take_recipient(item, time_us);
        break;
      case Does::Data:
        begin_content();
        in_content_ = true;
        content_begun_ = server_wants_content_ = content_cut_ = false;
        break;
      case Does::Chunk:
        take_bdat(arguments, time_us, lines);
        return;
      case Does::Auth: {
        const std::string_view mechanism = take_word(arguments);
        keep_user(sasl_.begin(mechanism, arguments, item.cut));
        break;
      }
      case Does::Ends:
      case Does::Quits:
        ask(command->does, time_us);
        close();
        return;
      default:
        break;
    }
    ask(command->does, time_us);
  }

  void take_recipient(const Item& item, int64_t time_us) {
    Mail* mail = mails_.current();
    if (mail == nullptr) {
      if (!queue_.in_doubt()) return;  // the server refuses it
      mail = &open(time_us);           // its MAIL is missing
    }
    const auto address = address_in(item.text);
    if (address && (item.cut || !mail->told.recipients.push(*address))) mail->told.partial.add("recipients cut");
  }

  void take_bdat(std::string_view arguments, int64_t time_us, TextLines& lines) {
    const std::optional<uint64_t> octets = number_of(take_word(arguments));
    const bool last = is_word(take_word(arguments), "LAST");
    if (octets) lines.expect(*octets);
    if (!in_chunks_) begin_content();
    in_chunks_ = !last;
    Mail* const mail = mails_.current();
    if (mail != nullptr) mail->begin_content();
    ask(last ? Does::LastChunk : Does::Chunk, time_us);
    if (last && mail != nullptr) {
      content_of_ = mail->number;
      close();
    }
  }

  /// To its end, which the server waits for.
  void chunk_goes_on(std::optional<int64_t> time_us) {
    const auto& waiting = queue_.waiting();
    const bool is_last = !waiting.empty() && waiting.back().command.does == Does::LastChunk;
    if (is_last) queue_.goes_on(time_us);
  }

  void begin_content() {
    finder_ = {};
    chunk_lines_ = {};
    content_of_ = mails_.current_number();
  }

  void take_chunk(std::string_view part) {
    Bytes bytes(static_cast<const uint8_t*>(static_cast<const void*>(part.data())), part.size());
    while (!finder_.over()) {
      const Item item = chunk_lines_.next(bytes);
      if (item.kind == Item::Kind::More) return;
      keep_message_id(item.text);
    }
  }

  void take_content(std::string_view line, int64_t time_us) {
    if (!content_begun_) {
      if (Mail* const mail = mails_.find(content_of_)) mail->begin_content();
    }
    content_begun_ = true;
    if (line != ".") {
      keep_message_id(line.starts_with("..") ? line.substr(1) : line);
      return;
    }
    in_content_ = false;
    const Asked asked{Does::Content, content_of_};
    Mail* const mail = mails_.find(content_of_);
    if (mail != nullptr) mail->closed = true;
    if (mail != nullptr && mail->answered) return;  // before its end
    if (queue_.in_doubt() && server_seen_) {  // all before has been answered: else the client would not have gone on
      queue_.resume(asked, time_us);
    } else {
      queue_.sent(asked, time_us);
    }
  }

  void keep_message_id(std::string_view line) {
    const std::optional<std::string> id = finder_.line(line);
    if (Mail* const mail = mails_.find(content_of_); mail != nullptr && id) {
      mail->told.message_id.emplace().assign(*id);
      if (id->size() > mail->told.message_id->view().size()) mail->told.partial.add("message id cut");
    }
  }

  void ask(Does does, int64_t time_us) {
    const Asked asked{does, mails_.current_number()};
    if (!queue_.sent(asked, time_us)) mails_.add_partial("too many commands");
  }

  // ---- the server

  void take_reply(uint16_t code, int64_t time_us) {
    mails_.base.code = code;
    if (std::exchange(greeting_, false) && !(queue_.in_doubt() && client_seen_)) return;
    if (in_content_ && (content_cut_ || (server_wants_content_ && queue_.empty()))) {
      answer(content_of_, code, std::nullopt);  // there is nothing else that it could answer
      if (content_cut_) end_cut_content();
      return;
    }
    constexpr uint16_t kGoOn = 334, kSendContent = 354;
    if (code == kGoOn) return;
    const Asked* const next = queue_.next(time_us);
    if (code == kSendContent && (next == nullptr || next->does != Does::Data)) {
      in_content_ = server_wants_content_ = true;  // DATA is missing, or it is not known what it followed
      if (Mail* const mail = mails_.current()) mail->begin_content();
      return;
    }
    const auto answered = queue_.answered(time_us);
    if (!answered) {
      queue_.lose();
      return;
    }
    const std::optional<uint32_t> latency =
        answered->sent_us ? latency_us(*answered->sent_us, *reply_begun_us_) : std::nullopt;
    take_answer(answered->command, code, latency);
  }

  void take_answer(const Asked& asked, uint16_t code, std::optional<uint32_t> latency) {
    constexpr uint16_t kReady = 220, kAuthenticated = 235, kSendContent = 354;
    switch (asked.does) {
      case Does::Data:
        server_wants_content_ = in_content_ = code == kSendContent;
        if (Mail* const mail = mails_.find(asked.mail); mail != nullptr && code == kSendContent) mail->begin_content();
        break;
      case Does::Content:
      case Does::LastChunk:
        answer(asked.mail, code, latency);
        return;
      case Does::Mail:
        if (Mail* const mail = mails_.find(asked.mail); mail != nullptr && !mail->has_content)
          mail->told.latency_us = latency;
        break;
      case Does::Auth:
        sasl_.end();
        mails_.base.authenticated = mails_.base.authenticated || code == kAuthenticated;
        break;
      case Does::StartTls:
        mails_.base.start_tls = over_ = code == kReady;
        break;
      case Does::Quits:
        over_ = true;
        break;
      default:
        break;
    }
    if (asked.does == Does::Ends || asked.does == Does::Quits) return;
    if (Mail* const mail = mails_.find(asked.mail)) mail->answer_part(code);
  }

  void answer(uint64_t number, uint16_t code, std::optional<uint32_t> latency) {
    if (Mail* const mail = mails_.find(number)) mail->answer(code, latency);
  }

  /// The end of the content is among what is missing.
  void end_cut_content() {
    in_content_ = content_cut_ = false;
    if (Mail* const mail = mails_.find(content_of_)) mail->closed = true;
    queue_.lose();
  }

  // ---- mails

  Mail& open(int64_t time_us) {
    in_chunks_ = false;
    return mails_.open(to_milliseconds(time_us));
  }
  void close() {
    mails_.close();
    in_chunks_ = false;
  }
  bool waits(const Mail& mail) const {
    const auto& waiting = queue_.waiting();
    return std::any_of(waiting.begin(), waiting.end(),
                       [&](const auto& one) { return one.command.mail == mail.number; });
  }

  void tell_first(bool client_is_initiator, Dialogue& dialogue) {
    tell(mails_.all().front().told, client_is_initiator, dialogue);
    mails_.all().pop_front();
  }
  void tell(SmtpMail& told, bool client_is_initiator, Dialogue& dialogue) {
    if (!client_seen_) told.partial.add("no commands");
    if (!server_seen_) told.partial.add("no replies");
    told.index = dialogue.next_transaction();
    dialogue.tell(kSmtpRecordType, &told, client_is_initiator);
    told_any_ = true;
  }

  void keep_user(const std::optional<std::string>& name) {
    if (name) mails_.keep(mails_.base.user, *name, "user cut");
  }
  void unknown() {
    ++unknown_;
    mails_.add_partial("unknown lines");
  }

  SmtpMails mails_;
  ReplyQueue<Asked> queue_;
  SaslUser sasl_;
  MessageIdFinder finder_;
  TextLines chunk_lines_;  // of BDAT
  uint64_t content_of_ = 0;
  std::optional<int64_t> reply_begun_us_;  // its first line was this time
  unsigned unknown_ = 0;                   // lines in a row
  bool greeting_ = true;                   // is the server's next reply
  bool in_content_ = false;                // the client's lines are of a mail, or will be if the server wants it
  bool content_begun_ = false;             // a line of it was seen
  bool content_cut_ = false;               // octets of it are missing, its end perhaps
  bool server_wants_content_ = false;      // it said 354
  bool in_chunks_ = false;                 // the mail's next BDAT goes on with it
  bool client_seen_ = false;
  bool server_seen_ = false;
  bool seen_anything_ = false;
  bool told_any_ = false;
  bool over_ = false;
};

Verdict recognise(const Segment& segment, const Common& flow) {
  return look_for_smtp(segment, has_port(flow, kPorts));
}

}  // namespace

namespace protocol {

const Protocol smtp{.name = "smtp",
                    .records = kRecords,
                    .over_udp = false,
                    .over_tcp = true,
                    .ports = kPorts,
                    .recognise = recognise,
                    .make_parser = [] { return std::unique_ptr<Parser>(std::make_unique<LineParser<Connection>>()); },
                    .ndpi_names = kNdpiNames};

}  // namespace protocol
}  // namespace microcloud
