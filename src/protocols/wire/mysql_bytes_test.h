// Packets of MySQL's client/server protocol for tests.
#pragma once

#include <cstdint>
#include <string>

namespace microcloud::mysql_bytes {

inline std::string number(uint64_t value, size_t octets) {
  std::string bytes;
  for (size_t at = 0; at < octets; ++at) bytes += static_cast<char>(value >> (8 * at) & 0xff);
  return bytes;
}

inline std::string packet(unsigned sequence, const std::string& payload) {
  return number(payload.size(), 3) + number(sequence, 1) + payload;
}

// Flags: connection with a database, protocol 4.1, TLS, passwords with a length, method of authentication, attributes.
inline constexpr uint32_t kDb = 8, kFlags = 1U | 0x200U | 0x8000U | 0x80000U, kTls = 0x800, kCompress = 0x20,
                          kNewEnds = 1U << 24, kAttributes = 1U << 20, kQueryAttributes = 1U << 27;

inline std::string greeting(const std::string& version, uint32_t flags = 0xffffffff) {
  return packet(0, "\x0a" + version + '\0' + number(77, 4) + "12345678" + '\0' + number(flags & 0xffff, 2) + "\x21" +
                       number(2, 2) + number(flags >> 16, 2) + "\x15" + std::string(10, '\0') + "123456789012" + '\0' +
                       "mysql_native_password" + '\0');
}

inline std::string login(const std::string& user, const std::string& schema = "", uint32_t flags = kFlags,
                         const std::string& attributes = "") {
  std::string text = number(flags | (schema.empty() ? 0 : kDb), 4) + number(1U << 24, 4) + "\x21" +
                     std::string(23, '\0') + user + '\0' + "\x14" + std::string(20, 'p');
  if (!schema.empty()) text += schema + '\0';
  text += std::string("mysql_native_password") + '\0';
  if ((flags & kAttributes) != 0) text += number(attributes.size(), 1) + attributes;
  return packet(1, text);
}

inline std::string ok(unsigned sequence, unsigned affected = 0, unsigned status = 2) {
  return packet(sequence, number(0, 1) + number(affected, 1) + number(0, 1) + number(status, 2) + number(0, 2));
}
inline std::string error(unsigned sequence, unsigned code, const std::string& text = "no") {
  return packet(sequence, "\xff" + number(code, 2) + "#42000" + text);
}
/// The end of rows: as it was, and as it is.
inline std::string old_end(unsigned sequence, unsigned status = 2) {
  return packet(sequence, "\xfe" + number(0, 2) + number(status, 2));
}
inline std::string new_end(unsigned sequence, unsigned status = 2) {
  return packet(sequence, "\xfe" + number(0, 2) + number(status, 2) + number(0, 2));
}
inline std::string column(unsigned sequence) {
  return packet(sequence, std::string("\x03") + "def" + std::string(6, '\0') + "\x0c" + std::string(12, '\0'));
}
/// A set with one column and so many rows, which ends as it was before, or as it is now.
inline std::string rows(unsigned count, bool is_new, unsigned sequence = 1, unsigned status = 2) {
  std::string text = packet(sequence, "\x01") + column(sequence + 1);
  sequence += 2;
  if (!is_new) text += old_end(sequence++);
  for (unsigned row = 0; row < count; ++row)
    text += packet(sequence++,
                   "\x03"
                   "abc");
  return text + (is_new ? new_end(sequence, status) : old_end(sequence, status));
}

inline std::string command(unsigned code, const std::string& body = "") {
  return packet(0, static_cast<char>(code) + body);
}
inline std::string query(const std::string& sql) {
  return command(3, sql);
}

}  // namespace microcloud::mysql_bytes
