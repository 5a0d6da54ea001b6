// A DNS message as it stands on the wire (RFC 1035, 4), with EDNS (RFC 6891): read once, nothing copied but a name.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/cursor.h"

namespace microcloud {

/// A domain name without compression, ASCII letters in lower case: names that DNS holds equal are equal bytes.
struct DnsName {
  static constexpr size_t kMaxOctets = 255;    // RFC 1035, 2.3.4
  uint8_t length = 0;                          // the final empty label included
  std::array<uint8_t, kMaxOctets + 8> octets;  // with room for whole words

  Bytes bytes() const { return {octets.data(), length}; }
  friend bool operator==(const DnsName& a, const DnsName& b);
};

/// Reads the name that begins where `in` stands; `in` must reach to the message's end, so that its place is known. A
/// pointer must lead to before all that was read of the name so far, and there are at most 127 of them, so reading
/// ends. False, and `in` latched or not, when the name is cut, longer than 255 octets, or has a label of unknown kind.
bool read_dns_name(Bytes message, Cursor& in, DnsName& name);

/// Appends a name (DnsName::bytes()) as text without final dot (the root is empty): a dot or backslash within a label
/// has a backslash before it, what is not printable ASCII or is a blank stands as \ddd (RFC 1035, 5.1; RFC 4343, 2.1).
void append_name_text(std::string& out, Bytes name);
/// The same for a character string (TXT): blanks and dots stay as they are.
void append_string_text(std::string& out, Bytes character_string);

inline constexpr size_t kDnsHeaderOctets = 12;

namespace dns_type {
inline constexpr uint16_t kA = 1, kNs = 2, kCname = 5, kPtr = 12, kMx = 15, kTxt = 16, kAaaa = 28, kOpt = 41;
}  // namespace dns_type

namespace dns_class {
inline constexpr uint16_t kInternet = 1;
}

namespace dns_flag {
inline constexpr uint16_t kResponse = 0x8000, kTruncated = 0x0200, kUnused = 0x0040;
}

namespace dns_opcode {
inline constexpr unsigned kQuery = 0, kNotify = 4, kUpdate = 5, kStateful = 6;
}

/// What the OPT record of a message says (RFC 6891, 6.1.3).
struct DnsEdns {
  uint16_t udp_size = 0;
  uint8_t extended_code = 0;  // the upper 8 of the 12 bits of the response code
  uint8_t version = 0;
  bool dnssec_ok = false;
};

struct DnsMessage {
  uint16_t id = 0;
  uint16_t flags = 0;
  uint16_t questions = 0;  // the counts as the header has them
  uint16_t answers = 0;
  uint16_t authorities = 0;
  uint16_t additionals = 0;
  bool has_question = false;  // of the first question:
  DnsName name;
  uint16_t type = 0;
  uint16_t klass = 0;
  uint32_t case_mark = 0;  // of the first question's name as it stands: equal where each letter is; 0: no capitals
  std::optional<DnsEdns> edns;
  Bytes edns_options;    // in `whole`: read_dns_options()
  bool cut = false;      // the records behind the questions are fewer than the header says, or broken
  size_t left_over = 0;  // octets behind the last record
  Bytes whole;
  size_t answers_at = 0;  // offset of the answer section in `whole`

  bool is_response() const { return (flags & dns_flag::kResponse) != 0; }
  bool truncated() const { return (flags & dns_flag::kTruncated) != 0; }
  unsigned opcode() const { return flags >> 11 & 0xfU; }
  /// 12 bits with EDNS, else 4.
  uint16_t response_code() const {
    return static_cast<uint16_t>((flags & 0xfU) | (edns ? static_cast<unsigned>(edns->extended_code) << 4 : 0U));
  }
};

/// False when the bytes are no DNS message: shorter than its header, or a question that cannot be read. What follows
/// the questions may be cut (`cut`): the message counts all the same. `message.whole` refers to `bytes`.
bool read_dns_message(Bytes bytes, DnsMessage& message);
/// Whether it would be true, for less.
bool is_dns_message(Bytes bytes);

/// Calls `take` with the text of each answer that has one: an address of class IN, a name of CNAME, NS, PTR, MX, each
/// string of a TXT. The text is valid during the call.
void for_each_answer(const DnsMessage& message, void (*take)(void* to, const std::string& text), void* to);

template <typename Take>
void for_each_answer(const DnsMessage& message, Take take) {
  for_each_answer(
      message, [](void* to, const std::string& text) { (*static_cast<Take*>(to))(text); }, &take);
}

}  // namespace microcloud
