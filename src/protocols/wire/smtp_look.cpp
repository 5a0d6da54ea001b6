#include "protocols/wire/smtp_look.h"

#include <optional>
#include <string_view>

#include "protocols/wire/smtp_lines.h"
#include "protocols/wire/text_lines.h"
#include "protocols/wire/text_words.h"

namespace microcloud {
namespace {

using namespace smtp_lines;

constexpr size_t kMostOfBeginning = 512;  // octets of a first line that are waited for

/// Servers of FTP greet with 220 as well, and TLS may follow where a client expects it: the client tells.
Verdict judge_reply(std::string_view line, bool whole, bool at_its_port) {
  if (line.size() < 4 && !whole) return Verdict::Unsure;
  const std::optional<Reply> reply = reply_in(line);
  if (!reply || !is_plain_text(line)) return Verdict::NotMine;
  if (at_its_port) return Verdict::Mine;
  return reply->code == 220 ? Verdict::Unsure : Verdict::NotMine;
}

}  // namespace

Verdict look_for_smtp(const Segment& segment, bool at_its_port) {
  const std::string_view text = text_of(segment.bytes);
  // A mail's content; or a client that does not speak it: the server's greeting tells.
  const bool may_come = at_its_port && (segment.in_middle || segment.from_initiator);
  const Verdict no = may_come ? Verdict::Unsure : Verdict::NotMine;
  if (begins_not_plain(text)) return no;
  const std::string_view line = first_line(text);
  const bool whole = line.size() < text.size();
  if (line.starts_with('2') || line.starts_with('3') || line.starts_with('4') || line.starts_with('5'))
    return judge_reply(line, whole, at_its_port);
  if (!is_plain_text(line)) return no;
  if (!whole) return line.size() < kMostOfBeginning && may_be_command(line) ? Verdict::Unsure : no;
  const Command* const command = command_in(line);
  if (command == nullptr) return no;
  std::string_view rest = line;
  take_word(rest);
  const bool greets = command->does == Does::Greets && !rest.empty();
  const bool of_a_mail = begins_with_word(line, "MAIL FROM:") || begins_with_word(line, "RCPT TO:");
  return at_its_port || greets || of_a_mail ? Verdict::Mine : Verdict::Unsure;
}

}  // namespace microcloud
