// What a client of MySQL asks for, read from the packets of its commands.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "protocols/wire/mysql_packets.h"
#include "protocols/wire/mysql_session.h"

namespace microcloud {

/// Of one connection. Prepared statements are executed by their numbers: their texts are kept.
class MysqlCommands {
 public:
  static constexpr size_t kMostStatements = 128;  // whose text is kept

  /// `capabilities`: of both sides; nothing: the login was not seen. `keep_literals`: values are told, too. Nothing:
  /// the packet is no command.
  std::optional<MysqlAsked> read(const MysqlPackets::Packet& packet, std::optional<uint32_t> capabilities,
                                 bool keep_literals);
  /// The server's number of a statement; `text`: as it is told.
  void keep_statement(uint32_t number, std::string text);
  /// As the server said last.
  void set_backslash_escapes(bool escapes) { escapes_ = escapes; }

 private:
  void read_query(MysqlAsked& asked, const MysqlPackets::Packet& packet, std::optional<uint32_t> capabilities,
                  bool keep_literals);
  void read_statement(MysqlAsked& asked, uint32_t number) const;

  std::map<uint32_t, std::string> statements_;
  std::string prepared_last_;
  bool escapes_ = true;  // the backslash is no character like others
};

}  // namespace microcloud
