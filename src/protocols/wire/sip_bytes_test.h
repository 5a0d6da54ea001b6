// SIP messages and RTP packets for unit tests, built part by part.
#pragma once

#include <string>
#include <vector>

#include "base/cursor.h"

namespace microcloud {

/// "m=audio" of an address and a port; more lines behind it.
inline std::string sdp_text(const std::string& address, unsigned port, const std::string& more = "") {
  return "v=0\r\no=- 1 1 IN IP4 " + address + "\r\ns=-\r\nc=IN IP4 " + address + "\r\nt=0 0\r\nm=audio " +
         std::to_string(port) + " RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n" + more;
}

/// `start`: a request line, or a status line. `cseq`: "1 INVITE".
inline std::string sip_text(const std::string& start, const std::string& call, const std::string& cseq,
                            const std::string& body = "", const std::string& more = "") {
  return start + "\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:ann@example.test>;tag=a\r\n" +
         "To: <sip:bob@example.test>" + (cseq.starts_with("1 ") ? "" : ";tag=b") + "\r\nCall-ID: " + call +
         "\r\nCSeq: " + cseq + "\r\n" + more + (body.empty() ? "" : "Content-Type: application/sdp\r\n") +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

inline std::string invite(const std::string& call, const std::string& body, const std::string& cseq = "1 INVITE") {
  return sip_text("INVITE sip:bob@example.test SIP/2.0", call, cseq, body);
}
inline std::string sip_request(const std::string& method, const std::string& call, unsigned cseq,
                               const std::string& more = "") {
  return sip_text(method + " sip:bob@example.test SIP/2.0", call, std::to_string(cseq) + " " + method, "", more);
}
inline std::string sip_answer(unsigned status, const std::string& call, const std::string& cseq,
                              const std::string& body = "") {
  return sip_text("SIP/2.0 " + std::to_string(status) + " Reason", call, cseq, body);
}

/// The message with other tags; an empty one: none.
inline std::string sip_tagged(std::string text, const std::string& from, const std::string& to) {
  const auto set = [&](const std::string& party, const std::string& tag) {
    const size_t at = text.find(party) + party.size();
    text.replace(at, text.find("\r\n", at) - at, tag.empty() ? "" : ";tag=" + tag);
  };
  set("From: <sip:ann@example.test>", from);
  set("To: <sip:bob@example.test>", to);
  return text;
}

struct RtpBytes {
  uint8_t payload_type = 8;
  bool marker = false;
  uint16_t sequence = 0;
  uint32_t timestamp = 0;
  uint32_t ssrc = 7;
  size_t payload = 160;

  operator std::vector<uint8_t>() const {
    std::vector<uint8_t> bytes = {0x80, static_cast<uint8_t>(payload_type | (marker ? 0x80U : 0U))};
    const auto put = [&](uint64_t value, unsigned octets) {
      for (unsigned at = octets; at > 0; --at) bytes.push_back(static_cast<uint8_t>(value >> 8 * (at - 1)));
    };
    put(sequence, 2);
    put(timestamp, 4);
    put(ssrc, 4);
    bytes.resize(bytes.size() + payload, 0x55);
    return bytes;
  }
};

}  // namespace microcloud
