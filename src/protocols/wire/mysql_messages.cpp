#include "protocols/wire/mysql_messages.h"

#include <algorithm>

#include "protocols/wire/text_words.h"

namespace microcloud {
namespace {

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

/// Passes over a value of an attribute, in its binary form. False: nobody knows how long it is.
bool skip_value(uint8_t type, Cursor& in) {
  switch (type) {
    case 0x01:  // tiny
      return in.skip(1);
    case 0x02:  // short
    case 0x0d:  // year
      return in.skip(2);
    case 0x03:  // long
    case 0x04:  // float
    case 0x09:  // int24
      return in.skip(4);
    case 0x05:  // double
    case 0x08:  // longlong
      return in.skip(8);
    case 0x06:  // null
      return true;
    case 0x07:  // timestamp, date, time, datetime
    case 0x0a:
    case 0x0b:
    case 0x0c:
      return in.skip(in.u8());
    default:
      return in.skip(read_length(in));
  }
}

std::string_view program_of(Cursor attributes) {
  while (attributes.left() > 0) {
    const std::string_view name = text_of(attributes.bytes(read_length(attributes)));
    const std::string_view value = text_of(attributes.bytes(read_length(attributes)));
    if (attributes.ok() && name == "program_name") return value;
  }
  return {};
}

/// Before 4.1.
bool read_old_login(Cursor in, MysqlLogin& login) {
  login.capabilities = read_low16(in);
  in.skip(3);
  login.user = read_text(in);
  if ((login.capabilities & mysql::kConnectWithDb) != 0) {
    read_text(in);
    login.schema = read_text(in);
  }
  return in.ok();
}

}  // namespace

uint16_t read_low16(Cursor& in) {
  return __builtin_bswap16(in.u16());
}
uint32_t read_low24(Cursor& in) {
  return __builtin_bswap32(in.u24() << 8);
}
uint32_t read_low32(Cursor& in) {
  return __builtin_bswap32(in.u32());
}

uint64_t read_length(Cursor& in) {
  const uint8_t first = in.u8();
  switch (first) {
    case 0xfb:
    case 0xff:
      return 0;
    case 0xfc:
      return read_low16(in);
    case 0xfd:
      return read_low24(in);
    case 0xfe:
      return __builtin_bswap64(in.u64());
    default:
      return first;
  }
}

std::string_view read_text(Cursor& in) {
  const std::string_view rest = text_of(in.rest());
  const size_t end = rest.find('\0');
  in.skip(end == std::string_view::npos ? rest.size() : end + 1);
  return rest.substr(0, end);
}

bool read_mysql_greeting(Bytes packet, MysqlGreeting& greeting) {
  Cursor in(packet);
  const uint8_t protocol = in.u8();
  greeting.version = read_text(in);
  greeting.connection_id = read_low32(in);
  const bool is_named = in.ok() && !greeting.version.empty() && is_printable(greeting.version);
  if (protocol == 9) return is_named;
  in.skip(8);  // of what the password is mixed with
  const bool has_filler = in.peek() == 0;
  in.skip(1);
  greeting.capabilities = read_low16(in);
  if (protocol != 10 || !is_named || !has_filler || !in.ok()) return false;
  if (in.left() == 0) return true;  // before 3.23
  in.skip(3);                       // character set, status
  greeting.capabilities |= uint32_t{read_low16(in)} << 16;
  in.skip(7);  // length of the rest of what the password is mixed with, zeros
  greeting.extended = read_low32(in);
  if ((greeting.capabilities & mysql::kLongPassword) != 0) greeting.extended = 0;
  return true;
}

bool read_mysql_login(Bytes packet, MysqlLogin& login) {
  constexpr size_t kTlsRequestOctets = 32;
  Cursor in(packet);
  login.capabilities = read_low32(in);
  if ((login.capabilities & mysql::kProtocol41) == 0) return read_old_login(Cursor(packet), login);
  in.skip(4 + 1 + 19);  // the longest packet, character set, zeros
  login.extended = read_low32(in);
  if (!in.ok()) return false;
  if ((login.capabilities & mysql::kLongPassword) != 0) login.extended = 0;
  login.asks_for_tls = (login.capabilities & mysql::kTls) != 0 && packet.size() == kTlsRequestOctets;
  if (login.asks_for_tls) return true;
  login.user = read_text(in);
  if ((login.capabilities & mysql::kLongAuthData) != 0) {
    in.skip(read_length(in));
  } else if ((login.capabilities & mysql::kSecureConnection) != 0) {
    in.skip(in.u8());
  } else {
    read_text(in);
  }
  if ((login.capabilities & mysql::kConnectWithDb) != 0) login.schema = read_text(in);
  const bool is_whole = in.ok();
  if ((login.capabilities & (1U << 19)) != 0) read_text(in);  // method of authentication
  if ((login.capabilities & mysql::kConnectAttributes) != 0) {
    const uint64_t octets = read_length(in);
    in.keep(std::min<uint64_t>(octets, in.left()));
    login.program = program_of(in);
  }
  return is_whole;
}

bool read_mysql_change_user(Bytes body, uint32_t capabilities, MysqlChangeUser& change) {
  Cursor in(body);
  change.user = read_text(in);
  if ((capabilities & mysql::kSecureConnection) != 0 || (capabilities & mysql::kProtocol41) != 0) {
    in.skip(in.u8());
  } else {
    read_text(in);
  }
  change.schema = read_text(in);
  return in.ok();
}

std::optional<std::string_view> mysql_query_text(Bytes body, uint32_t capabilities) {
  Cursor in(body);
  if ((capabilities & mysql::kQueryAttributes) == 0) return text_of(in.rest());
  const uint64_t count = read_length(in);
  read_length(in);  // of sets: 1
  if (count == 0) return in.ok() ? std::optional(text_of(in.rest())) : std::nullopt;
  constexpr uint64_t kMost = 64;
  if (count > kMost) return std::nullopt;
  const Bytes nulls = in.bytes((count + 7) / 8);
  uint8_t types[kMost] = {};
  if (in.u8() != 1) return std::nullopt;  // types must be there
  for (uint64_t at = 0; at < count; ++at) {
    types[at] = static_cast<uint8_t>(read_low16(in) & 0xff);
    in.skip(read_length(in));
  }
  for (uint64_t at = 0; in.ok() && at < count; ++at) {
    const bool is_null = (nulls[at / 8] >> (at % 8) & 1) != 0;
    if (!is_null) skip_value(types[at], in);
  }
  return in.ok() ? std::optional(text_of(in.rest())) : std::nullopt;
}

bool read_mysql_error(Bytes packet, MysqlError& error) {
  constexpr uint16_t kProgress = 0xffff;
  Cursor in(packet);
  in.skip(1);
  error.code = read_low16(in);
  return in.ok() && error.code != kProgress;
}

bool read_mysql_end(Bytes packet, uint64_t octets, MysqlEnd& end) {
  Cursor in(packet);
  const bool is_old_end = in.u8() == mysql::kEnd && octets == kMysqlOldEndOctets;
  if (is_old_end) {
    in.skip(2);  // warnings
  } else {
    end.affected = read_length(in);
    read_length(in);  // the row that was inserted last
  }
  end.status = read_low16(in);
  return in.ok();
}

}  // namespace microcloud
