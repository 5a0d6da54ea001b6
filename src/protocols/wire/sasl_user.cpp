#include "protocols/wire/sasl_user.h"

#include "protocols/wire/text_words.h"

namespace microcloud {
namespace {

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/// What stands between `before` (the beginning of the text, or behind `separator`) and the next separator.
std::optional<std::string> attribute(std::string_view text, std::string_view before, char separator) {
  while (true) {
    const size_t end = text.find(separator);
    if (text.starts_with(before)) return std::string(text.substr(before.size(), end - before.size()));
    if (end == std::string_view::npos) return std::nullopt;
    text.remove_prefix(end + 1);
  }
}

std::optional<std::string> unless_empty(std::string_view name) {
  if (name.empty()) return std::nullopt;
  return std::string(name);
}

}  // namespace

std::optional<std::string> decode_base64(std::string_view text, bool cut) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  std::string decoded;
  unsigned bits = 0, count = 0;
  for (const char c : text) {
    const int digit = base64_digit(c);
    if (digit < 0) return std::nullopt;
    bits = (bits << 6 | static_cast<unsigned>(digit)) & 0xffffU;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    decoded.push_back(static_cast<char>(bits >> count & 0xffU));
  }
  if (count == 6 && !cut) return std::nullopt;
  return decoded;
}

std::optional<std::string> SaslUser::begin(std::string_view mechanism, std::string_view initial, bool cut) {
  first_ = true;
  left_ = 1;
  if (is_word(mechanism, "PLAIN")) {
    mechanism_ = Mechanism::Plain;
  } else if (is_word(mechanism, "LOGIN")) {
    mechanism_ = Mechanism::Login;
    left_ = 2;
  } else if (is_word(mechanism, "XOAUTH2")) {
    mechanism_ = Mechanism::Xoauth2;
  } else if (is_word(mechanism, "OAUTHBEARER")) {
    mechanism_ = Mechanism::OauthBearer;
  } else if (is_word(mechanism, "CRAM-MD5")) {
    mechanism_ = Mechanism::CramMd5;
  } else if (begins_with_word(mechanism, "SCRAM-")) {
    mechanism_ = Mechanism::Scram;
    left_ = 2;
  } else {
    mechanism_ = Mechanism::Other;
  }
  if (initial.empty()) return std::nullopt;
  return response(initial, cut);
}

std::optional<std::string> SaslUser::response(std::string_view line, bool cut) {
  if (left_ > 0) --left_;
  if (!first_) return std::nullopt;
  first_ = false;
  return name_in(line, cut);
}

std::optional<std::string> SaslUser::name_in(std::string_view line, bool cut) const {
  if (mechanism_ == Mechanism::Other || mechanism_ == Mechanism::None) return std::nullopt;
  const std::optional<std::string> decoded = decode_base64(line, cut);
  if (!decoded) return std::nullopt;
  const std::string_view text = *decoded;
  switch (mechanism_) {
    case Mechanism::Plain: {  // whom to act as, NUL, who it is, NUL, password
      const size_t name = text.find('\0') + 1;
      const size_t end = text.find('\0', name);
      if (name == 0 || end == std::string_view::npos) return std::nullopt;
      return unless_empty(text.substr(name, end - name));
    }
    case Mechanism::Login:
      return unless_empty(text);
    case Mechanism::Xoauth2:
      return attribute(text, "user=", '\x01');
    case Mechanism::OauthBearer:  // GS2 header: n,a=NAME,
      return attribute(text.substr(0, text.find('\x01')), "a=", ',');
    case Mechanism::CramMd5: {  // name, blank, digest
      const size_t end = text.rfind(' ');
      if (end == std::string_view::npos) return std::nullopt;
      return unless_empty(text.substr(0, end));
    }
    case Mechanism::Scram:
      return attribute(text, "n=", ',');
    default:
      return std::nullopt;
  }
}

}  // namespace microcloud
