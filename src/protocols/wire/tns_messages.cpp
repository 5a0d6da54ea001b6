#include "protocols/wire/tns_messages.h"

#include <algorithm>

#include "protocols/wire/sql_text.h"
#include "protocols/wire/text_words.h"

namespace microcloud {
namespace {

constexpr size_t kHeadOctets = 8;  // of a packet: offsets in it count from there

bool is_of_text(uint8_t octet) {
  return octet >= 0x20 ? octet != 0x7f : octet == '\t' || octet == '\n' || octet == '\r';
}

/// Behind its list of keys and values, or where the text ends.
size_t end_of_value(std::string_view text, size_t from) {
  size_t depth = 0;
  for (size_t at = from; at < text.size(); ++at) {
    if (text[at] == '(') {
      ++depth;
    } else if (text[at] == ')') {
      if (depth == 0) return at;
      --depth;
    }
  }
  return text.size();
}

/// A text in the form of TTC: one octet of length, or 0xfe and pieces with such lengths up to an empty one. In newer
/// versions the length of a piece is a number with its own length before it.
struct Piecewise {
  static constexpr uint8_t kPieces = 0xfe, kLongestShort = 0xfd;

  static std::optional<std::string> short_form(Bytes bytes, size_t at) {
    const size_t octets = bytes[at];
    if (octets == 0 || octets > kLongestShort || octets > bytes.size() - at - 1) return std::nullopt;
    return text(bytes.subspan(at + 1, octets));
  }

  /// `at`: of the first piece's length. `wide`: lengths have a length of their own.
  static std::optional<std::string> pieces(Bytes bytes, size_t at, bool wide) {
    Cursor in(bytes.subspan(at));
    std::string all;
    while (true) {
      size_t octets = in.u8();
      if (wide) {
        const size_t size = octets;
        if (size > 4) return std::nullopt;
        octets = 0;
        for (size_t count = 0; count < size; ++count) octets = octets << 8 | in.u8();
      }
      if (!in.ok()) return std::nullopt;
      if (octets == 0) break;
      const std::optional<std::string> piece = text(in.bytes(octets));
      if (!in.ok() || !piece) return std::nullopt;
      all += *piece;
    }
    return all.empty() ? std::nullopt : std::optional(all);
  }

  static std::optional<std::string> text(Bytes bytes) {
    if (!std::all_of(bytes.begin(), bytes.end(), is_of_text)) return std::nullopt;
    return std::string(text_of(bytes));
  }
};

/// The statement whose text begins at `at`, by the lengths before it.
TnsStatement statement_at(Bytes bytes, size_t at) {
  for (const size_t length : {1U, 2U, 3U, 4U, 5U}) {
    if (at < length + 1 || bytes[at - length - 1] != Piecewise::kPieces) continue;
    if (const auto text = Piecewise::pieces(bytes, at - length, length > 1)) return {*text, true};
  }
  if (at >= 1) {
    if (const auto text = Piecewise::short_form(bytes, at - 1)) return {*text, true};
  }
  const auto end = std::find_if_not(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end(), is_of_text);
  const auto octets = static_cast<size_t>(end - bytes.begin()) - at;
  return {std::string(text_of(bytes.subspan(at, octets))), false};
}

}  // namespace

std::optional<TnsConnect> read_tns_connect(Bytes body) {
  TnsConnect connect;
  Cursor in(body);
  connect.version = in.u16();
  in.skip(14);  // lowest version, options, sizes of units, flags of the line, byte order
  const size_t octets = in.u16();
  const size_t offset = in.u16();
  if (!in.ok() || offset < kHeadOctets + 18) return std::nullopt;
  const std::string_view text = text_of(body);
  const size_t at = offset - kHeadOctets;
  connect.follows = at >= text.size() && octets != 0;
  if (at < text.size()) connect.data = text.substr(at, octets);
  return connect;
}

std::string_view tns_refusal(Bytes body) {
  Cursor in(body);
  in.skip(2);
  const size_t octets = in.u16();
  return text_of(in.rest()).substr(0, octets);
}

std::string_view tns_redirection(Bytes body) {
  Cursor in(body);
  const size_t octets = in.u16();
  return text_of(in.rest()).substr(0, octets);
}

std::string_view tns_value(std::string_view descriptor, std::string_view key, std::string_view within) {
  if (!within.empty()) {
    descriptor = tns_value(descriptor, within);
    if (descriptor.empty()) return {};
  }
  for (size_t at = descriptor.find('('); at != std::string_view::npos; at = descriptor.find('(', at + 1)) {
    const size_t equals = descriptor.find_first_of("=()", at + 1);
    if (equals == std::string_view::npos) return {};
    if (descriptor[equals] != '=' || !is_word(trimmed(descriptor.substr(at + 1, equals - at - 1)), key)) continue;
    return trimmed(descriptor.substr(equals + 1, end_of_value(descriptor, equals + 1) - equals - 1));
  }
  return {};
}

std::optional<uint32_t> tns_error(std::string_view descriptor) {
  for (const std::string_view key : {"ERR", "CODE"}) {
    const auto number = number_of(tns_value(descriptor, key));
    if (number && *number != 0 && *number <= UINT32_MAX) return static_cast<uint32_t>(*number);
  }
  return std::nullopt;
}

std::optional<TnsStatement> find_tns_statement(Bytes bytes) {
  constexpr size_t kVerbOctets = 16;
  for (size_t at = 0; at < bytes.size(); ++at) {
    const uint8_t first = bytes[at];
    const bool is_letter = (first | 0x20U) >= 'a' && (first | 0x20U) <= 'z';
    if (!is_letter && first != '(' && first != '/' && first != '-') continue;
    if (look_for_sql(text_of(bytes.subspan(at, std::min(bytes.size() - at, kVerbOctets)))) == SqlLook::No) continue;
    TnsStatement statement = statement_at(bytes, at);
    // What no length proves may be a word within other text.
    const bool within_text = at > 0 && is_of_text(bytes[at - 1]);
    if (!statement.is_whole && (within_text || first == '(')) continue;  // 40 may be the length of what follows
    if (look_for_sql(statement.text + " ") == SqlLook::Surely) return statement;
  }
  return std::nullopt;
}

std::optional<uint32_t> find_oracle_error(Bytes bytes) {
  const std::string_view text = text_of(bytes);
  constexpr std::string_view kBegin = "ORA-";
  constexpr size_t kDigits = 5;
  for (size_t at = text.find(kBegin); at != std::string_view::npos; at = text.find(kBegin, at + 1)) {
    const std::string_view message = text.substr(at + kBegin.size());
    if (message.size() <= kDigits) break;
    const auto number = number_of(message.substr(0, kDigits));
    if (number && message[kDigits] == ':') return static_cast<uint32_t>(*number);
  }
  return std::nullopt;
}

}  // namespace microcloud
