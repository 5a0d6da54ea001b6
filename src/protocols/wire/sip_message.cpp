#include "protocols/wire/sip_message.h"

#include <algorithm>
#include <array>

#include "protocols/wire/text_words.h"

namespace microcloud {
namespace {

constexpr std::string_view kVersion = "SIP/2.0";

/// For each octet: may it stand in a token (RFC 3261, 25.1)?
constexpr std::array<bool, 256> kToken = [] {
  std::array<bool, 256> may{};
  for (const char c : std::string_view("-.!%*_+`'~0123456789")) may[static_cast<uint8_t>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) may[static_cast<uint8_t>(c)] = may[static_cast<uint8_t>(upper(c))] = true;
  return may;
}();

bool is_token(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return kToken[static_cast<uint8_t>(c)]; });
}

bool is_scheme(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '-' ||
           c == '.';
  });
}

std::string_view without_end(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  return line;
}

/// The next line, without its end; `text` goes on behind it.
std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return without_end(line);
}

/// Lines that go on with a blank become one (RFC 3261, 7.3.1).
std::string_view unfolded(std::string_view head, std::string& room) {
  if (head.find("\n ") == std::string_view::npos && head.find("\n\t") == std::string_view::npos) return head;
  room = head;
  for (size_t at = 1; at < room.size(); ++at) {
    if ((room[at] != ' ' && room[at] != '\t') || room[at - 1] != '\n') continue;
    room[at - 1] = ' ';
    if (at > 1 && room[at - 2] == '\r') room[at - 2] = ' ';
  }
  return room;
}

/// Behind a display name in quotes, in which anything may stand.
size_t behind_quotes(std::string_view text) {
  if (!text.starts_with('"')) return 0;
  for (size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '\\')
      ++at;
    else if (text[at] == '"')
      return at + 1;
  }
  return 0;
}

/// name-addr or addr-spec, and the field's tag (RFC 3261, 20.20).
void read_party(std::string_view value, std::string_view& uri, std::string_view& tag) {
  value.remove_prefix(behind_quotes(value));
  std::string_view parameters;
  if (const size_t open = value.find('<'); open != std::string_view::npos) {
    const size_t close = value.find('>', open);
    uri = trimmed(value.substr(open + 1, close == std::string_view::npos ? close : close - open - 1));
    if (close != std::string_view::npos) parameters = value.substr(close + 1);
  } else {
    const size_t end = value.find(';');
    uri = trimmed(value.substr(0, end));
    if (end != std::string_view::npos) parameters = value.substr(end);
  }
  while (!parameters.empty()) {
    const size_t begin = parameters.find(';');
    if (begin == std::string_view::npos) break;
    parameters.remove_prefix(begin + 1);
    const std::string_view one = trimmed(parameters.substr(0, parameters.find(';')));
    if (begins_with_word(one, "TAG=")) tag = trimmed(one.substr(4));
  }
}

enum class Name : uint8_t { CallId, CSeq, From, To, UserAgent, Server, Reason, ContentType, ContentLength };

struct Known {
  std::string_view name;  // in capitals
  Name means;
};
constexpr std::array<Known, 14> kKnown = {{{"CALL-ID", Name::CallId},
                                           {"I", Name::CallId},
                                           {"CSEQ", Name::CSeq},
                                           {"FROM", Name::From},
                                           {"F", Name::From},
                                           {"TO", Name::To},
                                           {"T", Name::To},
                                           {"USER-AGENT", Name::UserAgent},
                                           {"SERVER", Name::Server},
                                           {"REASON", Name::Reason},
                                           {"CONTENT-TYPE", Name::ContentType},
                                           {"C", Name::ContentType},
                                           {"CONTENT-LENGTH", Name::ContentLength},
                                           {"L", Name::ContentLength}}};

void keep_first(std::string_view& to, std::string_view value) {
  if (to.empty()) to = value;
}

void take_cseq(std::string_view value, SipMessage& message) {
  if (message.cseq) return;
  const std::optional<uint64_t> number = number_of(take_word(value));
  if (!number || *number > UINT32_MAX || value.empty() || !is_token(value)) {
    message.malformed = true;
    return;
  }
  message.cseq = static_cast<uint32_t>(*number);
  if (!message.is_request()) message.method = value;
}

void take_field(Name name, std::string_view value, SipMessage& message) {
  switch (name) {
    case Name::CallId:
      return keep_first(message.call_id, value);
    case Name::CSeq:
      return take_cseq(value, message);
    case Name::From:
      if (message.from.empty()) read_party(value, message.from, message.from_tag);
      return;
    case Name::To:
      if (message.to.empty()) read_party(value, message.to, message.to_tag);
      return;
    case Name::UserAgent:
      message.user_agent = value;
      return;
    case Name::Server:
      return keep_first(message.user_agent, value);
    case Name::Reason:
      return keep_first(message.reason, value);
    case Name::ContentType:
      return keep_first(message.content_type, value);
    case Name::ContentLength:
      if (!message.content_length) message.content_length = number_of(value);
      message.malformed |= !message.content_length;
      return;
  }
}

bool read_start(std::string_view line, SipMessage& message) {
  if (!is_sip_start(line)) return false;
  if (line.starts_with(kVersion)) {
    message.status = static_cast<uint16_t>(*number_of(line.substr(kVersion.size() + 1, 3)));
  } else {
    message.method = line.substr(0, line.find(' '));
  }
  return true;
}

}  // namespace

bool is_sip_start(std::string_view line) {
  if (line.starts_with(kVersion)) {
    if (line.size() < kVersion.size() + 4 || line[kVersion.size()] != ' ') return false;
    if (line.size() > kVersion.size() + 4 && line[kVersion.size() + 4] != ' ') return false;
    const std::optional<uint64_t> code = number_of(line.substr(kVersion.size() + 1, 3));
    return code && *code >= 100 && *code < 700;
  }
  if (!line.ends_with(kVersion) || line.size() < kVersion.size() + 4 || line[line.size() - kVersion.size() - 1] != ' ')
    return false;
  return may_be_sip_start(line) && line.find(':') != std::string_view::npos;
}

bool is_usual_sip_start(std::string_view line) {
  static constexpr std::array<std::string_view, 14> kMethods = {"INVITE",  "ACK",   "BYE",     "CANCEL",   "REGISTER",
                                                                "OPTIONS", "PRACK", "UPDATE",  "NOTIFY",   "PUBLISH",
                                                                "INFO",    "REFER", "MESSAGE", "SUBSCRIBE"};
  if (!is_sip_start(line)) return false;
  return line.starts_with(kVersion) ||
         std::find(kMethods.begin(), kMethods.end(), line.substr(0, line.find(' '))) != kMethods.end();
}

bool may_be_sip_start(std::string_view line) {
  if (may_become(line.substr(0, kVersion.size()), kVersion))
    return std::all_of(line.begin() + static_cast<std::ptrdiff_t>(std::min(line.size(), kVersion.size())),
                       line.begin() + static_cast<std::ptrdiff_t>(std::min(line.size(), kVersion.size() + 4)),
                       [](char c) { return c == ' ' || (c >= '0' && c <= '9'); });
  const size_t blank = line.find(' ');
  if (!is_token(line.substr(0, blank)) || blank == 0) return false;
  if (blank == std::string_view::npos) return line.size() <= 32;
  const std::string_view uri = line.substr(blank + 1);
  return is_scheme(uri.substr(0, uri.find(':'))) && !uri.starts_with(':') && is_plain_text(line);
}

std::optional<size_t> sip_body_at(std::string_view text) {
  for (size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n', end + 1)) {
    size_t next = end + 1;
    if (next < text.size() && text[next] == '\r') ++next;
    if (next < text.size() && text[next] == '\n') return next + 1;
  }
  return std::nullopt;
}

bool read_sip_head(std::string_view head, std::string& room, SipMessage& message) {
  std::string_view rest = unfolded(head, room);
  if (!read_start(take_line(rest), message)) return false;
  while (!rest.empty()) {
    const std::string_view line = take_line(rest);
    if (line.empty()) break;
    const size_t colon = line.find(':');
    const std::string_view name = trimmed(line.substr(0, colon));
    if (colon == std::string_view::npos || name.empty()) {
      message.malformed = true;
      continue;
    }
    const auto* const known = std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& one) {
      return one.name.size() == name.size() && one.name.front() == upper(name.front()) && is_word(name, one.name);
    });
    if (known != kKnown.end()) {
      take_field(known->means, trimmed(line.substr(colon + 1)), message);
    } else {
      message.malformed |= !is_token(name);
    }
  }
  return true;
}

}  // namespace microcloud
