#include "protocols/wire/smtp_lines.h"

#include <algorithm>
#include <iterator>

#include "protocols/wire/text_words.h"

namespace microcloud::smtp_lines {
namespace {

constexpr Command kCommands[] = {
    {"EHLO", Does::Greets},
    {"HELO", Does::Greets},
    {"LHLO", Does::Greets},
    {"MAIL", Does::Mail},
    {"RCPT", Does::Recipient},
    {"DATA", Does::Data},
    {"BDAT", Does::Chunk},
    {"AUTH", Does::Auth},
    {"STARTTLS", Does::StartTls},
    {"RSET", Does::Ends},
    {"QUIT", Does::Quits},
    {"NOOP"},
    {"VRFY"},
    {"EXPN"},
    {"HELP"},
    {"ETRN"},
    {"XCLIENT", Does::Ends},
    {"XFORWARD"},
    {"SEND", Does::Ends},
    {"TURN", Does::Ends},
};

}  // namespace

const Command* command_in(std::string_view line) {
  const std::string_view verb = take_word(line);
  for (const Command& command : kCommands) {
    if (is_word(verb, command.verb)) return &command;
  }
  return nullptr;
}

bool may_be_command(std::string_view line) {
  const std::string_view verb = take_word(line);
  return std::any_of(std::begin(kCommands), std::end(kCommands),
                     [&](const Command& one) { return may_become(verb, one.verb); });
}

std::optional<Reply> reply_in(std::string_view line) {
  if (line.size() < 3 || (line.size() > 3 && line[3] != ' ' && line[3] != '-')) return std::nullopt;
  const std::optional<uint64_t> code = number_of(line.substr(0, 3));
  if (!code || *code < 200 || *code > 599) return std::nullopt;
  return Reply{static_cast<uint16_t>(*code), line.size() == 3 || line[3] == ' '};
}

std::optional<std::string_view> address_in(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view rest = trimmed(line.substr(colon + 1));
  if (!rest.starts_with('<')) return take_word(rest);
  const size_t end = rest.find('>');
  return rest.substr(1, end == std::string_view::npos ? end : end - 1);
}

}  // namespace microcloud::smtp_lines
