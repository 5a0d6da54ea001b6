#include "protocols/wire/mysql_look.h"

#include <algorithm>

#include "protocols/wire/mysql_messages.h"
#include "protocols/wire/mysql_packets.h"
#include "protocols/wire/sql_text.h"
#include "protocols/wire/text_words.h"

namespace microcloud {
namespace {

constexpr MysqlCommand kCommands[] = {
    {1, MysqlAnswer::None},       {2, MysqlAnswer::One},      {3, MysqlAnswer::Results},
    {4, MysqlAnswer::Fields},     {5, MysqlAnswer::One},      {6, MysqlAnswer::One},
    {7, MysqlAnswer::One},        {8, MysqlAnswer::One},      {9, MysqlAnswer::Text},
    {10, MysqlAnswer::Results},   {12, MysqlAnswer::One},     {13, MysqlAnswer::One},
    {14, MysqlAnswer::One},       {0x11, MysqlAnswer::Login}, {0x12, MysqlAnswer::Stream},
    {0x13, MysqlAnswer::Stream},  {0x15, MysqlAnswer::One},   {0x16, MysqlAnswer::Prepared},
    {0x17, MysqlAnswer::Results}, {0x18, MysqlAnswer::None},  {0x19, MysqlAnswer::None},
    {0x1a, MysqlAnswer::One},     {0x1b, MysqlAnswer::One},   {0x1c, MysqlAnswer::Rows},
    {0x1e, MysqlAnswer::Stream},  {0x1f, MysqlAnswer::One},   {0x20, MysqlAnswer::Stream},
    {0xfa, MysqlAnswer::Results},
};

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

/// Protocol, version up to an octet 0, number of the connection, eight octets, another 0.
MysqlLook look_for_greeting(Bytes body, size_t octets) {
  constexpr size_t kLongest = 512, kBehindVersion = 4 + 8 + 1;
  if (body[0] != 9 && body[0] != 10) return MysqlLook::No;
  const std::string_view text = text_of(body.subspan(1));
  const std::string_view version = text.substr(0, text.find('\0'));
  if (octets > kLongest || octets < kBehindVersion || !is_printable(version)) return MysqlLook::No;
  if (version.size() == text.size() || text.size() - version.size() - 1 < kBehindVersion) return MysqlLook::Maybe;
  const bool is_version = version.find('.') != std::string_view::npos;
  return is_version && text[version.size() + kBehindVersion] == '\0' ? MysqlLook::Greeting : MysqlLook::No;
}

MysqlLook look_for_refusal(Bytes body, size_t octets) {
  constexpr size_t kLongest = 512, kCode = 3;
  if (body[0] != mysql::kError || octets <= kCode || octets > kLongest || body.size() > octets) return MysqlLook::No;
  if (body.size() > kCode && !is_printable(text_of(body.subspan(kCode)))) return MysqlLook::No;
  return body.size() < octets ? MysqlLook::Maybe : MysqlLook::Refusal;
}

MysqlLook look_for_login(Bytes body, size_t octets) {
  constexpr size_t kZerosAt = 9, kZeros = 19, kHead = 32, kLongest = 16'384;
  if (octets < kHead || octets > kLongest) return MysqlLook::No;
  if (body.size() > 1 && (body[1] & (mysql::kProtocol41 >> 8)) == 0) return MysqlLook::No;
  if (body.size() > kZerosAt) {
    const Bytes zeros = body.subspan(kZerosAt, std::min(kZeros, body.size() - kZerosAt));
    if (std::any_of(zeros.begin(), zeros.end(), [](uint8_t octet) { return octet != 0; })) return MysqlLook::No;
  }
  return body.size() < kHead ? MysqlLook::Maybe : MysqlLook::Login;
}

SqlLook look_for_query(Bytes body) {
  if (body[0] != mysql_command::kQuery && body[0] != mysql_command::kPrepare) return SqlLook::No;
  const bool has_attributes = body.size() > 2 && body[1] == 0 && body[2] == 1;  // none of them, in one set
  return look_for_sql(text_of(body.subspan(has_attributes ? 3 : 1)));
}

MysqlLook look_for_command(Bytes body, size_t octets) {
  const SqlLook sql = look_for_query(body);
  if (sql == SqlLook::Surely) return MysqlLook::Command;
  if (body.size() < octets) return sql == SqlLook::Maybe ? MysqlLook::Maybe : MysqlLook::No;
  return mysql_command_of(body[0]) == nullptr ? MysqlLook::No : MysqlLook::Command;
}

}  // namespace

const MysqlCommand* mysql_command_of(uint8_t code) {
  const auto* found = std::find_if(std::begin(kCommands), std::end(kCommands),
                                   [code](const MysqlCommand& command) { return command.code == code; });
  return found == std::end(kCommands) ? nullptr : found;
}

std::string_view mysql_schema_in_use(std::string_view query) {
  std::string_view name = query.substr(0, query.find(';'));
  if (!is_word(take_word(name), "USE") || name.find_first_of(" \t\r\n") != std::string_view::npos) return {};
  if (name.size() > 1 && name.front() == '`' && name.back() == '`') name = name.substr(1, name.size() - 2);
  return name;
}

MysqlLook look_for_mysql(Bytes bytes) {
  constexpr uint8_t kLastOfLogin = 2;  // sequence number, when TLS was refused before
  if (bytes.size() > 3 && bytes[3] > kLastOfLogin) return MysqlLook::No;
  if (bytes.size() <= MysqlHead::kOctets) return MysqlLook::Maybe;
  const size_t octets = bytes[0] | size_t{bytes[1]} << 8 | size_t{bytes[2]} << 16;
  const Bytes body = bytes.subspan(MysqlHead::kOctets);
  if (octets == 0) return MysqlLook::No;
  if (bytes[3] != 0) return look_for_login(body, octets);
  if (const MysqlLook look = look_for_greeting(body, octets); look != MysqlLook::No) return look;
  if (const MysqlLook look = look_for_refusal(body, octets); look != MysqlLook::No) return look;
  return look_for_command(body, octets);
}

bool has_mysql_query(Bytes bytes) {
  return bytes.size() > MysqlHead::kOctets && look_for_query(bytes.subspan(MysqlHead::kOctets)) == SqlLook::Surely;
}

}  // namespace microcloud
