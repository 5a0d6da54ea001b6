#include "protocols/wire/http_head.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include "protocols/wire/text_words.h"

namespace microcloud {
namespace {

constexpr std::string_view kVersion = "HTTP/1.";
constexpr size_t kMostOfMethod = 32;  // longer tokens are words of something else
constexpr size_t kStatusLook = 12;    // "HTTP/1.1 200"
constexpr std::string_view kMethods[] = {"GET",     "POST",  "HEAD",  "PUT",      "DELETE",    "CONNECT",
                                         "OPTIONS", "TRACE", "PATCH", "PROPFIND", "PROPPATCH", "MKCOL",
                                         "COPY",    "MOVE",  "LOCK",  "UNLOCK"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// RFC 9110, 5.6.2.
bool is_token_character(char c) {
  return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_version(std::string_view text) {
  return text.size() == kVersion.size() + 1 && text.starts_with(kVersion) && is_digit(text.back());
}

/// Servers answer requests whose minor version is missing, too.
bool is_requested_version(std::string_view text) {
  return is_version(text) || text == kVersion;
}

bool read_status_line(std::string_view line, HttpHead& head) {
  if (line.size() < kStatusLook || !is_version(line.substr(0, kVersion.size() + 1))) return false;
  const std::string_view code = line.substr(kStatusLook - 3, 3);
  if (line[kStatusLook - 4] != ' ' || !std::all_of(code.begin(), code.end(), is_digit) || code[0] == '0') return false;
  if (line.size() > kStatusLook && line[kStatusLook] != ' ') return false;
  head.is_request = false;
  std::from_chars(code.data(), code.data() + code.size(), head.status);
  return true;
}

bool read_request_line(std::string_view line, HttpHead& head) {
  const size_t method = line.find(' ');
  const std::string_view end = trimmed(line);
  const size_t version = end.rfind(' ');
  if (method == std::string_view::npos || version == std::string_view::npos || version <= method) return false;
  const std::string_view name = line.substr(0, method);
  if (name.empty() || name.size() > kMostOfMethod || !std::all_of(name.begin(), name.end(), is_token_character))
    return false;
  const std::string_view target = trimmed(end.substr(method, version - method));
  if (target.empty() || !is_requested_version(end.substr(version + 1))) return false;
  head.is_request = true;
  head.method = name;
  head.target = target;
  return true;
}

enum class Name : uint8_t { Host, UserAgent, Referer, ContentType, Length, Coding, Platform, Forwarded, Other };

struct NamedField {
  std::string_view text;  // in capital letters
  Name name;
};
constexpr NamedField kFields[] = {{"HOST", Name::Host},
                                  {"USER-AGENT", Name::UserAgent},
                                  {"REFERER", Name::Referer},
                                  {"CONTENT-TYPE", Name::ContentType},
                                  {"CONTENT-LENGTH", Name::Length},
                                  {"TRANSFER-ENCODING", Name::Coding},
                                  {"SEC-CH-UA-PLATFORM", Name::Platform},
                                  {"VIA", Name::Forwarded},
                                  {"FORWARDED", Name::Forwarded},
                                  {"X-FORWARDED-FOR", Name::Forwarded}};

constexpr size_t kLongestField = 18;

/// No two of them have the same length.
constexpr auto kFieldsByLength = [] {
  std::array<NamedField, kLongestField + 1> fields{};
  for (NamedField& field : fields) field.name = Name::Other;
  for (const NamedField& field : kFields) fields[field.text.size()] = field;
  return fields;
}();
static_assert(std::ranges::all_of(kFields, [](const NamedField& field) {
  return kFieldsByLength[field.text.size()].name == field.name;
}));

Name name_of(std::string_view line) {
  const std::string_view text = trimmed(line.substr(0, line.find(':')));
  if (text.size() > kLongestField) return Name::Other;
  const NamedField& field = kFieldsByLength[text.size()];
  return is_word(text, field.text) ? field.name : Name::Other;
}

/// The first one counts.
void keep(std::optional<std::string>& to, std::string_view value) {
  if (!to) to.emplace(value);
}

/// A list of the same number is that number (RFC 9110, 8.6).
void read_length(std::string_view value, HttpHead& head) {
  while (!head.has_bad_length) {
    const size_t comma = value.find(',');
    const std::string_view one = trimmed(value.substr(0, comma));
    uint64_t length = 0;
    const auto read = std::from_chars(one.data(), one.data() + one.size(), length);
    const bool good =
        read.ec == std::errc() && read.ptr == one.data() + one.size() && head.length.value_or(length) == length;
    head.has_bad_length = !good;
    head.length = length;
    if (comma == std::string_view::npos) return;
    value.remove_prefix(comma + 1);
  }
}

void read_coding(std::string_view value, HttpHead& head) {
  const size_t comma = value.rfind(',');
  const std::string_view last = trimmed(comma == std::string_view::npos ? value : value.substr(comma + 1));
  if (last.empty() || is_word(last, "IDENTITY")) return;
  head.has_coding = true;
  head.is_chunked = is_word(trimmed(last.substr(0, last.find(';'))), "CHUNKED");
}

HttpLook look_for_status_line(std::string_view text) {
  constexpr std::string_view kForm = "HTTP/1.1 200";
  const size_t size = std::min(text.size(), kForm.size());
  for (size_t at = 0; at < size; ++at) {
    if (is_digit(kForm[at]) && at >= kVersion.size() ? !is_digit(text[at]) : text[at] != kForm[at])
      return HttpLook::Never;
  }
  return size == kForm.size() ? HttpLook::Surely : HttpLook::Maybe;
}

bool is_known_method(std::string_view name, bool whole) {
  return std::any_of(std::begin(kMethods), std::end(kMethods),
                     [&](std::string_view method) { return whole ? method == name : method.starts_with(name); });
}

HttpLook look(std::string_view text, bool known_only) {
  if (const HttpLook status = look_for_status_line(text); status != HttpLook::Never) return status;
  const size_t blank = text.substr(0, kMostOfMethod + 1).find(' ');
  const std::string_view method = text.substr(0, blank);
  if (method.empty() || method.size() > kMostOfMethod || !std::all_of(method.begin(), method.end(), is_token_character))
    return HttpLook::Never;
  if (known_only && !is_known_method(method, blank != std::string_view::npos)) return HttpLook::Never;
  const size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  if (end != std::string_view::npos && line.ends_with('\r')) line.remove_suffix(1);
  // A control character ends what can be a line; a CR may yet be its end.
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t'; };
  const auto control = std::find_if(line.begin(), line.end(), is_control);
  const bool last_cr =
      end == std::string_view::npos && control != line.end() && *control == '\r' && control + 1 == line.end();
  if (control != line.end() && !last_cr) return HttpLook::Never;
  if (end == std::string_view::npos) return HttpLook::Maybe;
  HttpHead head;
  return read_request_line(line, head) ? HttpLook::Surely : HttpLook::Never;
}

}  // namespace

bool read_http_start_line(std::string_view line, HttpHead& head) {
  return read_status_line(line, head) || read_request_line(line, head);
}

bool is_http_field_of_interest(std::string_view line) {
  return name_of(line) != Name::Other;
}

void read_http_field(std::string_view line, HttpHead& head) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string_view value = trimmed(line.substr(colon + 1));
  switch (name_of(line)) {
    case Name::Host:
      return keep(head.host, value);
    case Name::UserAgent:
      return keep(head.user_agent, value);
    case Name::Referer:
      return keep(head.referer, value);
    case Name::ContentType:
      return keep(head.content_type, value);
    case Name::Platform:
      return keep(head.platform, value);
    case Name::Length:
      return read_length(value, head);
    case Name::Coding:
      return read_coding(value, head);
    case Name::Forwarded:
      head.is_forwarded = true;
      return;
    case Name::Other:
      return;
  }
}

HttpLook look_for_http(Bytes bytes) {
  return look(text_of(bytes), false);
}

HttpLook look_for_known_http(Bytes bytes) {
  return look(text_of(bytes), true);
}

}  // namespace microcloud
