// Start lines and header fields of HTTP/1.x messages (RFC 9112, 2 to 6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/cursor.h"

namespace microcloud {

/// What a message says before its body, as far as anybody asks. Values as sent, without blanks around them.
struct HttpHead {
  bool is_request = true;
  bool is_whole = true;       // read up to the empty line
  bool is_cut = false;        // a line was longer than what is kept of one
  bool is_forwarded = false;  // through a proxy that says so: the client is somebody else
  bool is_chunked = false;    // the last transfer coding
  bool has_coding = false;    // any transfer coding
  bool has_bad_length = false;
  uint16_t status = 0;  // of a response
  std::optional<uint64_t> length;
  std::string method, target;                                                    // of a request
  std::optional<std::string> host, user_agent, referer, content_type, platform;  // the last: Sec-CH-UA-Platform
};

/// A start line without its end. False, and nothing said of `head`: it is none.
bool read_http_start_line(std::string_view line, HttpHead& head);

/// Is this field one that read_http_field() takes? `line` may be any beginning of it that holds its name.
bool is_http_field_of_interest(std::string_view line);
/// One field line, folded ones joined by a blank.
void read_http_field(std::string_view line, HttpHead& head);

/// How a beginning of bytes goes together with a start line.
enum class HttpLook : uint8_t {
  Never,  // no start line begins so
  Maybe,  // what is there goes together with one
  Surely  // there is a whole request line, or a status line up to its code
};
HttpLook look_for_http(Bytes bytes);
/// As look_for_http(), but takes only methods of RFC 9110 and RFC 4918: for bytes from the middle of anything.
HttpLook look_for_known_http(Bytes bytes);

}  // namespace microcloud
