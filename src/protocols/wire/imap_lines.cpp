#include "protocols/wire/imap_lines.h"

#include <algorithm>
#include <iterator>

#include "protocols/wire/text_words.h"

namespace microcloud::imap_lines {
namespace {

constexpr Command kCommands[] = {
    {"CAPABILITY", Does::Other, false},
    {"NOOP", Does::Other, false},
    {"LOGOUT", Does::LogsOut, false},
    {"STARTTLS", Does::StartsTls, false},
    {"AUTHENTICATE", Does::Authenticates},
    {"LOGIN", Does::LogsIn},
    {"ID"},
    {"ENABLE"},
    {"SELECT"},
    {"EXAMINE"},
    {"CREATE"},
    {"DELETE"},
    {"RENAME"},
    {"SUBSCRIBE"},
    {"UNSUBSCRIBE"},
    {"LIST"},
    {"LSUB"},
    {"XLIST"},
    {"NAMESPACE", Does::Other, false},
    {"STATUS"},
    {"APPEND"},
    {"IDLE", Does::Idles, false},
    {"CHECK", Does::Other, false},
    {"CLOSE", Does::Other, false},
    {"UNSELECT", Does::Other, false},
    {"EXPUNGE", Does::Other, false},
    {"SEARCH"},
    {"FETCH"},
    {"STORE"},
    {"COPY"},
    {"MOVE"},
    {"SORT"},
    {"THREAD"},
    {"COMPRESS", Does::Compresses},
    {"NOTIFY"},
    {"GETQUOTA"},
    {"GETQUOTAROOT"},
    {"SETQUOTA"},
    {"GETACL"},
    {"SETACL"},
    {"DELETEACL"},
    {"LISTRIGHTS"},
    {"MYRIGHTS"},
    {"GETMETADATA"},
    {"SETMETADATA"},
    {"UNAUTHENTICATE", Does::Other, false},
};

constexpr std::string_view kResults[] = {"OK", "NO", "BAD"};
constexpr std::string_view kStates[] = {"OK", "NO", "BAD", "BYE", "PREAUTH"};
constexpr std::string_view kUntagged[] = {"CAPABILITY", "FLAGS", "LIST", "LSUB", "SEARCH", "STATUS", "ID", "ENABLED"};
constexpr std::string_view kNumbered[] = {"EXISTS", "RECENT", "EXPUNGE", "FETCH"};

template <size_t Count>
bool is_one_of(std::string_view word, const std::string_view (&words)[Count]) {
  return std::any_of(std::begin(words), std::end(words), [&](std::string_view one) { return is_word(word, one); });
}

}  // namespace

bool is_tag(std::string_view word) {
  return !word.empty() && word.size() <= kMostOfTag && std::all_of(word.begin(), word.end(), [](char c) {
    return c > ' ' && c < 0x7f && std::string_view("(){%*\"\\+").find(c) == std::string_view::npos;
  });
}

const Command* take_command(std::string_view& text) {
  if (begins_with_word(text, "UID ")) take_word(text);
  const std::string_view word = take_word(text);
  for (const Command& command : kCommands) {
    if (is_word(word, command.name)) return &command;
  }
  return nullptr;
}

const Command* command_in(std::string_view line) {
  return is_tag(take_word(line)) ? take_command(line) : nullptr;
}

bool is_result(std::string_view line) {
  return is_tag(take_word(line)) && is_one_of(take_word(line), kResults);
}

bool is_state(std::string_view line) {
  if (!line.starts_with("* ")) return false;
  line.remove_prefix(2);
  return is_one_of(take_word(line), kStates);
}

bool is_untagged(std::string_view line) {
  if (!line.starts_with("* ")) return false;
  line.remove_prefix(2);
  const std::string_view word = take_word(line);
  return is_one_of(word, kStates) || is_one_of(word, kUntagged) ||
         (number_of(word) && is_one_of(take_word(line), kNumbered));
}

bool may_be_line(std::string_view line) {
  if (line.starts_with('*')) return line.size() == 1 || line[1] == ' ';
  std::string_view rest = line;
  const std::string_view tag = take_word(rest);
  if (!is_tag(tag)) return false;
  const std::string_view word = rest.substr(0, rest.find(' '));
  const auto may = [&](std::string_view capitals) { return may_become(word, capitals); };
  return may("UID") || std::any_of(std::begin(kResults), std::end(kResults), may) ||
         std::any_of(std::begin(kCommands), std::end(kCommands), [&](const Command& one) { return may(one.name); });
}

std::optional<Literal> literal_at_end(std::string_view line) {
  if (!line.ends_with('}')) return std::nullopt;
  line.remove_suffix(1);
  const bool at_once = line.ends_with('+');
  if (at_once) line.remove_suffix(1);
  const size_t begin = line.rfind('{');
  if (begin == std::string_view::npos) return std::nullopt;
  const std::optional<uint64_t> octets = number_of(line.substr(begin + 1));
  if (!octets) return std::nullopt;
  return Literal{*octets, at_once};
}

std::optional<std::string> first_argument(std::string_view text) {
  if (!text.starts_with('"')) {
    const std::string_view word = take_word(text);
    if (word.empty() || word.starts_with('{')) return std::nullopt;
    return std::string(word);
  }
  std::string value;
  for (size_t at = 1; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\' && at + 1 < text.size()) ++at;
    value.push_back(text[at]);
  }
  return value;
}

}  // namespace microcloud::imap_lines
