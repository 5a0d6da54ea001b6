#include "protocols/wire/sdp.h"

#include <algorithm>
#include <string>

#include "protocols/wire/text_words.h"

namespace microcloud {
namespace {

std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::optional<uint16_t> port_of(std::string_view text) {
  const std::optional<uint64_t> number = number_of(text);
  if (!number || *number > UINT16_MAX) return std::nullopt;
  return static_cast<uint16_t>(*number);
}

bool is_nowhere(const IpAddress& address) {
  return address.version != 0 && address.bytes == std::array<uint8_t, 16>{};
}

/// "IN IP4 192.0.2.1/127": the address; version 0 for a name.
IpAddress read_connection(std::string_view value) {
  take_word(value);
  take_word(value);
  const std::string_view address = take_word(value);
  return parse_address(address.substr(0, address.find('/'))).value_or(IpAddress{});
}

/// "audio 49170 RTP/AVP 0 8": nothing where it is not RTP.
std::optional<SdpMedia> read_media(std::string_view value, bool& cut) {
  take_word(value);
  const std::string_view port = take_word(value);
  const std::string_view transport = take_word(value);
  const std::optional<uint16_t> number = port_of(port.substr(0, port.find('/')));
  if (!number || transport.find("RTP/") == std::string_view::npos) return std::nullopt;
  SdpMedia media;
  media.port = *number;
  while (!value.empty()) {
    const std::optional<uint64_t> type = number_of(take_word(value));
    if (!type || *type > 127) continue;
    cut |= !media.formats.push(static_rtp_format(static_cast<uint8_t>(*type)));
  }
  return media;
}

/// "97 iLBC/8000/1".
void read_rtpmap(std::string_view value, SdpMedia& media) {
  const std::optional<uint64_t> type = number_of(take_word(value));
  for (size_t at = 0; at < media.formats.count; ++at) {
    RtpFormat& format = media.formats.items[at];
    if (!type || format.payload_type != *type) continue;
    const size_t slash = value.find('/');
    format.codec.assign(value.substr(0, slash));
    std::transform(format.codec.bytes.begin(), format.codec.bytes.begin() + format.codec.length,
                   format.codec.bytes.begin(), upper);
    if (slash == std::string_view::npos) return;
    const std::string_view rest = value.substr(slash + 1);
    const std::optional<uint64_t> clock = number_of(rest.substr(0, rest.find('/')));
    if (clock && *clock <= 1'000'000) format.clock_rate = static_cast<uint32_t>(*clock);
  }
}

/// "candidate:1 1 UDP 2130706431 192.0.2.7 45664 typ host" behind its colon.
void read_candidate(std::string_view value, SdpMedia& media) {
  take_word(value);
  const bool of_rtp = take_word(value) == "1";
  const bool over_udp = is_word(take_word(value), "UDP");
  take_word(value);
  const std::optional<IpAddress> address = parse_address(take_word(value));
  const std::optional<uint16_t> port = port_of(take_word(value));
  if (of_rtp && over_udp && address && port && *port != 0) media.candidates.push({*address, *port});
}

/// What an a= line says of the direction: is nothing to be sent to who says it?
std::optional<bool> held_by(std::string_view attribute) {
  if (attribute == "inactive" || attribute == "sendonly") return true;
  if (attribute == "sendrecv" || attribute == "recvonly") return false;
  return std::nullopt;
}

void read_attribute(std::string_view attribute, SdpMedia& media) {
  const size_t colon = attribute.find(':');
  const std::string_view name = attribute.substr(0, colon);
  const std::string_view value = colon == std::string_view::npos ? "" : attribute.substr(colon + 1);
  if (name == "rtpmap") read_rtpmap(value, media);
  if (name == "candidate") read_candidate(value, media);
}

/// A boundary of at most 70 characters (RFC 2046, 5.1.1), with the dashes before it.
std::string delimiter_of(std::string_view content_type) {
  for (size_t at = content_type.find(';'); at != std::string_view::npos; at = content_type.find(';', at + 1)) {
    const std::string_view parameter = trimmed(content_type.substr(at + 1));
    if (!begins_with_word(parameter, "BOUNDARY=")) continue;
    std::string_view value = parameter.substr(9);
    value =
        value.starts_with('"') ? value.substr(1, value.find('"', 1) - 1) : trimmed(value.substr(0, value.find(';')));
    if (value.empty() || value.size() > 70) return {};
    return "--" + std::string(value);
  }
  return {};
}

bool is_sdp_type(std::string_view content_type) {
  return is_word(trimmed(content_type.substr(0, content_type.find(';'))), "APPLICATION/SDP");
}

}  // namespace

std::optional<Sdp> read_sdp(std::string_view text) {
  if (!text.starts_with("v=")) return std::nullopt;
  Sdp sdp;
  IpAddress session_address;
  std::optional<bool> session_held;
  SdpMedia* media = nullptr;
  bool skipping = false;  // a medium that is not RTP
  const auto end_of_media = [&] {
    if (media != nullptr && is_nowhere(media->address)) media->held = true;
  };
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.size() < 2 || line[1] != '=') continue;
    const std::string_view value = line.substr(2);
    if (line[0] == 'm') {
      end_of_media();
      media = nullptr;
      std::optional<SdpMedia> one = read_media(value, sdp.cut);
      skipping = !one;
      if (!one) continue;
      one->address = session_address;
      one->held = session_held.value_or(false);
      skipping = !sdp.media.push(*one);
      sdp.cut |= skipping;
      if (!skipping) media = &sdp.media.items[sdp.media.count - size_t{1}];
    } else if (skipping) {
      continue;
    } else if (line[0] == 'c') {
      (media != nullptr ? media->address : session_address) = read_connection(value);
    } else if (line[0] == 'a') {
      if (const std::optional<bool> held = held_by(value)) {
        if (media != nullptr) {
          media->held = *held;
        } else {
          session_held = held;
        }
      } else if (media != nullptr) {
        read_attribute(value, *media);
      }
    }
  }
  end_of_media();
  return sdp;
}

std::string_view sdp_in(std::string_view content_type, std::string_view body) {
  if (is_sdp_type(content_type)) return body;
  if (!begins_with_word(content_type, "MULTIPART/")) return {};
  const std::string delimiter = delimiter_of(content_type);
  if (delimiter.empty()) return {};
  for (size_t at = body.find(delimiter); at != std::string_view::npos;) {
    const size_t next = body.find(delimiter, at + delimiter.size());
    std::string_view part = body.substr(at, next == std::string_view::npos ? next : next - at);
    at = next;
    take_line(part);
    bool is_sdp = false;
    while (!part.empty()) {
      const std::string_view line = take_line(part);
      if (line.empty()) break;
      const size_t colon = line.find(':');
      if (colon == std::string_view::npos) continue;
      const std::string_view name = trimmed(line.substr(0, colon));
      if (is_word(name, "CONTENT-TYPE") || is_word(name, "C")) is_sdp = is_sdp_type(trimmed(line.substr(colon + 1)));
    }
    if (is_sdp) return part;
  }
  return {};
}

}  // namespace microcloud
