// A SIP message (RFC 3261, section 7): its start line, the header fields that records and calls need, and its body.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace microcloud {

/// Views of the head that it was read from, or of the room that read_sip_head() was given.
struct SipMessage {
  std::string_view method;  // of a response: the CSeq's
  uint16_t status = 0;      // 0: a request
  std::string_view call_id;
  std::string_view from;  // URIs, with parameters of their own, without those of the header field
  std::string_view to;
  std::string_view from_tag;
  std::string_view to_tag;
  std::string_view user_agent;  // User-Agent, else Server
  std::string_view reason;      // RFC 3326
  std::string_view content_type;
  std::optional<uint32_t> cseq;
  std::optional<uint64_t> content_length;  // nothing: none, or no number
  std::string_view body;
  bool malformed = false;  // a line of the head is no header field

  bool is_request() const { return status == 0; }
  bool is_provisional() const { return status >= 100 && status < 200; }
  bool is_success() const { return status >= 200 && status < 300; }
};

/// "INVITE sip:ann@example.test SIP/2.0", "SIP/2.0 200 OK"; without the line's end.
bool is_sip_start(std::string_view line);
/// Whether it may yet become one: `line` is its beginning.
bool may_be_sip_start(std::string_view line);

/// One with a method that this program knows, or a response: behind a hole, where a line's beginning may be missing.
bool is_usual_sip_start(std::string_view line);

/// Where the body begins: behind the first empty line. Nothing: the head does not end in `text`.
std::optional<size_t> sip_body_at(std::string_view text);

/// `head` begins with the start line; folded lines are put together in `room`. The first field of a kind counts. False:
/// it does not begin with a start line of SIP.
bool read_sip_head(std::string_view head, std::string& room, SipMessage& message);

}  // namespace microcloud
