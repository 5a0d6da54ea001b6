// Packets of TNS for tests.
#pragma once

#include <cstdint>
#include <string>

namespace microcloud::tns_bytes {

inline std::string number(uint64_t value, size_t octets) {
  std::string bytes;
  for (size_t at = octets; at > 0; --at) bytes += static_cast<char>(value >> (8 * (at - 1)) & 0xff);
  return bytes;
}

inline std::string packet(unsigned type, const std::string& body, bool is_long = false) {
  const size_t octets = 8 + body.size();
  return (is_long ? number(octets, 4) : number(octets, 2) + number(0, 2)) + number(type, 1) + number(0, 3) + body;
}

inline std::string descriptor(const std::string& connect_data) {
  return "(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=db.example.test)(PORT=1521))(CONNECT_DATA=" + connect_data + "))";
}
inline const std::string kClient = "(CID=(PROGRAM=sqlplus)(HOST=ws1)(USER=scott))";

/// `follows`: in a data packet of its own.
inline std::string connect(const std::string& text, bool follows = false) {
  const unsigned offset = 8 + 62;
  return packet(1, number(319, 2) + number(300, 2) + std::string(12, '\0') + number(text.size(), 2) +
                       number(offset, 2) + std::string(42, '\0') + (follows ? "" : text)) +
         (follows ? packet(6, number(0, 2) + text) : "");
}
inline std::string accept(unsigned version, unsigned unit) {
  const std::string sizes = version < 315 ? "" : number(0, 8) + number(unit, 4) + number(0x200000, 4) + number(0, 1);
  return packet(2, number(version, 2) + number(0, 2) + number(version < 315 ? unit : 0, 2) + number(0, 2) +
                       number(1, 2) + number(0, 2) + number(32, 2) + number(0, 2) + sizes);
}
inline std::string refuse(const std::string& text) {
  return packet(4, number(0x2200, 2) + number(text.size(), 2) + text);
}
inline std::string redirect(const std::string& text, bool follows = false) {
  return packet(5, number(text.size(), 2) + (follows ? "" : text)) + (follows ? packet(6, number(0, 2) + text) : "");
}
inline std::string data(const std::string& payload, bool is_long = false) {
  return packet(6, number(0, 2) + payload, is_long);
}
/// A call with a statement behind its length.
inline std::string call(const std::string& sql) {
  return std::string("\x03\x5e\x05\x02\x80\x61", 6) + std::string(20, '\0') + number(sql.size(), 1) + sql +
         std::string("\x01\0\0", 3);
}

}  // namespace microcloud::tns_bytes
