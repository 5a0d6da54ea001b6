// What stands in packets of MySQL's client/server protocol: greeting, login, change of user, a query behind its
// attributes ("Connection Phase" and "Command Phase" of MySQL's documentation; MariaDB's extended capabilities).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/cursor.h"

namespace microcloud {

namespace mysql {

/// Capability flags.
inline constexpr uint32_t kLongPassword = 1U << 0;  // not set: the other side is MariaDB, with extended flags
inline constexpr uint32_t kConnectWithDb = 1U << 3, kCompress = 1U << 5, kProtocol41 = 1U << 9, kTls = 1U << 11,
                          kSecureConnection = 1U << 15, kConnectAttributes = 1U << 20, kLongAuthData = 1U << 21,
                          kOptionalMetadata = 1U << 25, kZstd = 1U << 26, kQueryAttributes = 1U << 27;
inline constexpr uint32_t kMariadbCacheMetadata = 1U << 4;  // of the extended ones

/// Status flags of the server.
inline constexpr uint16_t kMoreResults = 1U << 3, kCursorExists = 1U << 6, kNoBackslashEscapes = 1U << 9;

/// First octet of a response.
inline constexpr uint8_t kOk = 0, kMoreAuthData = 1, kLocalFile = 0xfb, kEnd = 0xfe, kError = 0xff;

}  // namespace mysql

/// Numbers with the low octet first.
uint16_t read_low16(Cursor& in);
uint32_t read_low24(Cursor& in);
uint32_t read_low32(Cursor& in);
/// A number of one to nine octets; NULL reads as 0.
uint64_t read_length(Cursor& in);
/// Up to the octet 0, which is passed over; up to the end where there is none.
std::string_view read_text(Cursor& in);

/// Texts point into the packet.
struct MysqlGreeting {
  std::string_view version;
  uint32_t connection_id = 0;
  uint32_t capabilities = 0;
  uint32_t extended = 0;  // MariaDB's
};
/// False: it is none (protocol 10; 9 has no more than version and connection).
bool read_mysql_greeting(Bytes packet, MysqlGreeting& greeting);

struct MysqlLogin {
  uint32_t capabilities = 0;
  uint32_t extended = 0;
  bool asks_for_tls = false;  // and nothing else: the login follows, encrypted
  std::string_view user;
  std::string_view schema;   // empty: none
  std::string_view program;  // of the connection attributes; empty: not said
};
bool read_mysql_login(Bytes packet, MysqlLogin& login);

struct MysqlChangeUser {
  std::string_view user;
  std::string_view schema;
};
/// `body`: behind the octet of the command.
bool read_mysql_change_user(Bytes body, uint32_t capabilities, MysqlChangeUser& change);

/// The query behind its attributes (since MySQL 8.0.23); `body`: behind the octet of the command. Nothing: the
/// attributes cannot be read.
std::optional<std::string_view> mysql_query_text(Bytes body, uint32_t capabilities);

struct MysqlError {
  uint16_t code = 0;
};
/// A packet that begins with kError. False: it is cut, or tells of progress (MariaDB).
bool read_mysql_error(Bytes packet, MysqlError& error);

/// The end of rows, or success; `packet` begins with kOk or kEnd.
struct MysqlEnd {
  std::optional<uint64_t> affected;
  uint16_t status = 0;
};
bool read_mysql_end(Bytes packet, uint64_t octets, MysqlEnd& end);

/// Of a packet that begins with kEnd: the end of rows in its form before CLIENT_DEPRECATE_EOF.
inline constexpr uint64_t kMysqlOldEndOctets = 5;

}  // namespace microcloud
