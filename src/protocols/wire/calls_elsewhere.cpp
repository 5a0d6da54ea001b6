#include "protocols/wire/calls_elsewhere.h"

#include <charconv>

namespace microcloud {
namespace {

template <typename Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string text_of(const RtpFormats& formats) {
  std::string text;
  for (const RtpFormat& one : formats) {
    if (!text.empty()) text += ',';
    text += std::to_string(one.payload_type);
    text += '=';
    text += one.codec.view();
    text += '/';
    text += std::to_string(one.clock_rate);
  }
  return text;
}

RtpFormats rtp_formats_of(std::string_view text, size_t most) {
  RtpFormats formats;
  while (!text.empty() && formats.size() < most) {
    const std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const size_t equals = one.find('='), slash = one.rfind('/');
    RtpFormat format;
    if (equals == std::string_view::npos || slash == std::string_view::npos || slash < equals) continue;
    if (!read_number(one.substr(0, equals), format.payload_type) || format.payload_type > 127) continue;
    if (!read_number(one.substr(slash + 1), format.clock_rate)) continue;
    format.codec.assign(one.substr(equals + 1, slash - equals - 1));
    formats.push_back(format);
  }
  return formats;
}

}  // namespace microcloud
