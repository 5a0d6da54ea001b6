#include "protocols/wire/dns_message.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/address.h"
#include "base/hash.h"
#include "protocols/wire/text_words.h"

namespace microcloud {
namespace {

constexpr uint8_t kLongestLabel = 63;
constexpr uint8_t kPointer = 0xc0;
constexpr unsigned kMaxJumps = 127;  // as many as a name can have labels: a chain of pointers must not cost more

/// A table, as labels are too short for vectors of reckoning.
constexpr auto kLower = [] {
  std::array<uint8_t, 256> lower{};
  for (unsigned octet = 0; octet < 256; ++octet)
    lower[octet] = static_cast<uint8_t>(octet >= 'A' && octet <= 'Z' ? octet | 0x20U : octet);
  return lower;
}();

/// Whether the octet stands for itself in a name's text.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (size_t octet = 0x21; octet < 0x7f; ++octet) plain[octet] = octet != '\\' && octet != '.';
  return plain;
}();
bool is_plain(uint8_t octet) {
  return kPlain[octet];
}

void append_octet(std::string& out, uint8_t octet, bool blanks_stay, bool dots_stay) {
  if (octet == '\\' || (octet == '.' && !dots_stay)) {
    out += '\\';
    out += static_cast<char>(octet);
  } else if ((octet > 0x20 && octet < 0x7f) || (octet == 0x20 && blanks_stay)) {
    out += static_cast<char>(octet);
  } else {
    out += '\\';
    out += static_cast<char>('0' + octet / 100);
    out += static_cast<char>('0' + octet / 10 % 10);
    out += static_cast<char>('0' + octet % 10);
  }
}

bool skip_name(Cursor& in) {
  for (;;) {
    const uint8_t length = in.u8();
    if (!in.ok()) return false;
    if (length == 0) return true;
    if ((length & kPointer) == kPointer) return in.skip(1);
    if (length > kLongestLabel || !in.skip(length)) return false;
  }
}

/// What stands before the data of a resource record.
struct RecordHead {
  uint16_t type = 0;
  uint16_t klass = 0;
  uint32_t ttl = 0;
  uint16_t length = 0;
};

bool read_record_head(Cursor& in, RecordHead& head) {
  if (!skip_name(in)) return false;
  head.type = in.u16();
  head.klass = in.u16();
  head.ttl = in.u32();
  head.length = in.u16();
  return in.ok();
}

DnsEdns read_edns(const RecordHead& head) {
  return {.udp_size = head.klass,
          .extended_code = static_cast<uint8_t>(head.ttl >> 24),
          .version = static_cast<uint8_t>(head.ttl >> 16 & 0xff),
          .dnssec_ok = (head.ttl & 0x8000) != 0};
}

/// Walks all records behind the questions, for the OPT record and to see that they are whole.
void read_sections(Cursor& in, DnsMessage& message) {
  const uint32_t before = uint32_t{message.answers} + message.authorities;
  const uint32_t all = before + message.additionals;
  for (uint32_t at = 0; at < all; ++at) {
    RecordHead head;
    if (!read_record_head(in, head) || !in.skip(head.length)) {
      message.cut = true;
      return;
    }
    if (head.type != dns_type::kOpt || at < before || message.edns) continue;
    message.edns = read_edns(head);
    message.edns_options = message.whole.subspan(message.whole.size() - in.left() - head.length, head.length);
  }
  message.left_over = in.left();
}

/// `raw`: from the name on. One with a pointer in it, which questions have no use for, counts as one without capitals.
uint32_t case_mark_of(Bytes raw, const DnsName& name) {
  constexpr HashSeed kSeed;
  const Bytes lowered = name.bytes();
  if (raw.size() < lowered.size() || std::memcmp(raw.data(), lowered.data(), lowered.size()) == 0) return 0;
  const bool differs_by_case = std::equal(lowered.begin(), lowered.end(), raw.begin(),
                                          [](uint8_t low, uint8_t octet) { return low == kLower[octet]; });
  if (!differs_by_case) return 0;
  return static_cast<uint32_t>(hash_text(kSeed, text_of(raw.first(lowered.size())))) | 1U;
}

bool read_question(Bytes bytes, Cursor& in, DnsMessage& message) {
  const Bytes raw = in.rest();
  if (!read_dns_name(bytes, in, message.name)) return false;
  message.case_mark = case_mark_of(raw, message.name);
  message.type = in.u16();
  message.klass = in.u16();
  message.has_question = in.ok();
  return in.ok();
}

template <typename Address>
std::string address_text(Bytes data) {
  Address address;
  std::copy_n(data.begin(), address.bytes.size(), address.bytes.begin());
  std::array<char, kAddressTextSize> room;
  return {room.data(), write_text(room.data(), address)};
}

/// The texts of one record; `data` reaches to the message's end, as names in it may be compressed.
template <typename Take>
void read_answer(Bytes message, const RecordHead& head, Cursor data, const Take& take) {
  const Bytes own = data.rest().first(head.length);
  DnsName name;
  std::string text;
  switch (head.type) {
    case dns_type::kA:
      if (own.size() == 4 && head.klass == dns_class::kInternet) take(address_text<Ipv4>(own));
      return;
    case dns_type::kAaaa:
      if (own.size() == 16 && head.klass == dns_class::kInternet) take(address_text<Ipv6>(own));
      return;
    case dns_type::kMx:
      data.skip(2);  // the preference
      [[fallthrough]];
    case dns_type::kCname:
    case dns_type::kNs:
    case dns_type::kPtr:
      if (!read_dns_name(message, data, name)) return;
      append_name_text(text, name.bytes());
      take(text);
      return;
    case dns_type::kTxt:
      for (Cursor strings(own); strings.left() != 0;) {
        const Bytes string = strings.bytes(strings.u8());
        if (!strings.ok()) return;
        text.clear();
        append_string_text(text, string);
        take(text);
      }
      return;
    default:
      return;
  }
}

constexpr uint64_t every_octet(uint8_t octet) {
  return uint64_t{octet} * 0x0101010101010101;
}

/// Eight octets at once, capitals in lower case: the upper bit of an octet says that it is one.
uint64_t lower_word(uint64_t word) {
  const uint64_t seven_bits = word & every_octet(0x7f);
  const uint64_t from_a = seven_bits + every_octet(0x80 - 'A');
  const uint64_t behind_z = seven_bits + every_octet(0x80 - 'Z' - 1);
  return word | (((from_a & ~behind_z & ~word) & every_octet(0x80)) >> 2);
}

/// Octets of the name that begins with these, up to its final empty label; 0 when it is not whole in them, or not
/// plain: it has a pointer, or labels or octets too many.
size_t plain_name(Bytes bytes) {
  const size_t most = std::min<size_t>(bytes.size(), DnsName::kMaxOctets);
  for (size_t at = 0; at < most;) {
    const uint8_t length = bytes[at];
    if (length == 0) return at + 1;
    if (length > kLongestLabel) return 0;
    at += size_t{1} + length;
  }
  return 0;
}

/// Lengths of labels, which are below any letter, stay as they are.
void write_lower(Bytes rest, size_t count, uint8_t* to) {
  const size_t words = (count + 7) / 8;
  if (rest.size() < words * 8) {
    for (size_t octet = 0; octet < count; ++octet) to[octet] = kLower[rest[octet]];
    return;
  }
  for (size_t at = 0; at < words * 8; at += 8) {
    const uint64_t word = lower_word(load_raw<uint64_t>(rest.data() + at));
    std::memcpy(to + at, &word, 8);
  }
}

}  // namespace

bool operator==(const DnsName& a, const DnsName& b) {
  return a.length == b.length && std::memcmp(a.octets.data(), b.octets.data(), a.length) == 0;
}

bool read_dns_name(Bytes message, Cursor& in, DnsName& name) {
  if (const size_t octets = plain_name(in.rest()); octets != 0) {
    write_lower(in.rest(), octets, name.octets.data());
    name.length = static_cast<uint8_t>(octets);
    return in.skip(octets);
  }
  size_t before = message.size() - in.left();
  Cursor elsewhere;
  Cursor* at = &in;
  name.length = 0;
  for (unsigned jumps = 0;;) {
    const uint8_t length = at->u8();
    if ((length & kPointer) == kPointer) {
      const size_t target = static_cast<size_t>(length & ~kPointer & 0xff) << 8 | at->u8();
      if (!at->ok() || target >= before || ++jumps > kMaxJumps) return false;
      before = target;
      elsewhere = Cursor(message.subspan(target));
      at = &elsewhere;
      continue;
    }
    const Bytes label = at->bytes(length);
    if (!at->ok() || length > kLongestLabel || name.length + 1U + length > DnsName::kMaxOctets) return false;
    name.octets[name.length++] = length;
    uint8_t* const to = name.octets.data() + name.length;
    for (size_t octet = 0; octet < label.size(); ++octet) to[octet] = kLower[label[octet]];
    name.length = static_cast<uint8_t>(name.length + length);
    if (length == 0) return true;
  }
}

namespace {

/// False where it is not all of a name, or something in it wants to be escaped: what was appended is of no use then.
bool append_plain(std::string& out, Bytes name) {
  const size_t begin = out.size();
  const size_t last = name.size() - 1;
  out.append(text_of(name.subspan(1, last - 1)));
  bool plain = name[last] == 0;
  for (size_t at = 0; at < last;) {
    const size_t next = at + name[at] + 1U;
    if (next > last) return false;
    for (++at; at < next; ++at) plain &= is_plain(name[at]);
    if (at < last) out[begin + at - 1] = '.';
  }
  return plain;
}

}  // namespace

void append_name_text(std::string& out, Bytes name) {
  // Mostly each octet stands for itself, and the length of a label becomes a dot.
  const size_t begin = out.size();
  if (name.size() > 1 && append_plain(out, name)) return;
  out.resize(begin);
  Cursor in(name);
  for (bool first = true;; first = false) {
    const Bytes label = in.bytes(in.u8());
    if (label.empty()) return;
    if (!first) out += '.';
    if (std::ranges::all_of(label, is_plain)) [[likely]] {
      out += text_of(label);
    } else {
      for (const uint8_t octet : label) append_octet(out, octet, false, false);
    }
  }
}

void append_string_text(std::string& out, Bytes character_string) {
  for (const uint8_t octet : character_string) append_octet(out, octet, true, true);
}

bool is_dns_message(Bytes bytes) {
  Cursor in(bytes);
  in.skip(4);
  const uint16_t questions = in.u16();
  in.skip(6);
  if (!in.ok()) return false;
  if (questions == 0) return true;
  const size_t name = plain_name(in.rest());
  if (questions == 1 && name != 0) return in.has(name + 4);
  DnsMessage message;
  return read_dns_message(bytes, message);
}

bool read_dns_message(Bytes bytes, DnsMessage& message) {
  Cursor in(bytes);
  message.whole = bytes;
  message.id = in.u16();
  message.flags = in.u16();
  message.questions = in.u16();
  message.answers = in.u16();
  message.authorities = in.u16();
  message.additionals = in.u16();
  message.has_question = false;
  message.case_mark = 0;
  message.edns.reset();
  message.edns_options = {};
  message.cut = false;
  message.left_over = 0;
  if (!in.ok()) return false;
  if (message.questions != 0 && !read_question(bytes, in, message)) return false;
  for (uint32_t further = 1; further < message.questions; ++further) {
    if (!skip_name(in) || !in.skip(4)) return false;
  }
  message.answers_at = bytes.size() - in.left();
  read_sections(in, message);
  return true;
}

void for_each_answer(const DnsMessage& message, void (*take)(void* to, const std::string& text), void* to) {
  Cursor in(message.whole.subspan(message.answers_at));
  for (uint32_t at = 0; at < message.answers; ++at) {
    RecordHead head;
    if (!read_record_head(in, head)) return;
    const Cursor data = in;
    if (!in.skip(head.length)) return;
    read_answer(message.whole, head, data, [&](const std::string& text) { take(to, text); });
  }
}

}  // namespace microcloud
