// The response to one command of MySQL's client/server protocol, packet by packet: where it ends, and what it says
// ("Command Phase" of MySQL's documentation).
#pragma once

#include <cstdint>
#include <optional>

#include "protocols/wire/mysql_messages.h"
#include "protocols/wire/mysql_packets.h"

namespace microcloud {

/// How a command is answered.
enum class MysqlAnswer : uint8_t {
  None,      // not at all
  One,       // one packet: success, the end of something, or an error
  Text,      // one packet of text, or an error
  Results,   // success, an error, a request for a file, or sets of rows
  Rows,      // rows up to their end
  Fields,    // definitions up to their end
  Prepared,  // a statement and definitions of its parameters and columns
  Login,     // as many packets as the method of authentication takes, then success or an error
  Stream     // without end
};

class MysqlResponse {
 public:
  enum class Step : uint8_t { More, Over, Broken };

  /// What both sides agreed on. Where the login was not seen: MariaDB's way, as only old clients of MySQL have neither.
  struct Terms {
    bool flag_behind_count = true;   // MariaDB: whether definitions follow stands behind the number of columns
    bool flag_before_count = false;  // MySQL: before it
  };

  void begin(MysqlAnswer answer, const Terms& terms);
  /// Over: this was the last packet. Broken: it is no packet of such a response.
  Step take(const MysqlPackets::Packet& packet);

  std::optional<uint16_t> error;
  std::optional<uint64_t> rows;       // of all sets
  std::optional<uint64_t> affected;   // of all results without rows
  std::optional<uint32_t> statement;  // that was prepared: its number
  std::optional<uint16_t> status;     // the server's flags, the last that were told
  bool has_hole = false;              // octets that count are missing

 private:
  enum class Expects : uint8_t { First, Definitions, BehindDefinitions, Rows };

  Step take_first(const MysqlPackets::Packet& packet);
  Step take_columns(const MysqlPackets::Packet& packet);
  Step take_prepared(const MysqlPackets::Packet& packet);
  Step take_login(const MysqlPackets::Packet& packet);
  Step take_row(const MysqlPackets::Packet& packet);
  Step take_end(const MysqlPackets::Packet& packet);
  Step take_error(const MysqlPackets::Packet& packet);

  MysqlAnswer answer_ = MysqlAnswer::None;
  Terms terms_;
  Expects expects_ = Expects::First;
  uint64_t definitions_ = 0;  // to come
};

}  // namespace microcloud
