// The packets of MySQL's client/server protocol ("Protocol Basics: Packets" of MySQL's and MariaDB's documentation):
// three octets of length, low first, one of sequence, and the payload. Parts of 2^24-1 octets go on in the next one.
#pragma once

#include <utility>

#include "protocols/wire/framed_packets.h"

namespace microcloud {

struct MysqlHead {
  static constexpr size_t kOctets = 4;
  static constexpr uint32_t kFullPart = 0xffffff;

  static constexpr uint8_t kMostAtBeginning = 2;  // sequence number: a login, when TLS was refused before

  bool read(const uint8_t* octets, bool continues) {
    if (std::exchange(at_beginning, false) && octets[3] > kMostAtBeginning) return false;
    body = octets[0] | uint32_t{octets[1]} << 8 | uint32_t{octets[2]} << 16;
    goes_on = body == kFullPart;
    last_sequence = octets[3];
    if (!continues) sequence = octets[3];
    return true;
  }

  uint32_t body = 0;
  bool goes_on = false;
  bool at_beginning = true;  // of the stream
  uint8_t sequence = 0;      // of the first part, and of the last
  uint8_t last_sequence = 0;
};

using MysqlPackets = FramedPackets<MysqlHead>;

/// The octet that says what kind of packet it is; 0 where there is none.
inline uint8_t mysql_code(const MysqlPackets::Packet& packet) {
  return packet.bytes.empty() ? uint8_t{0} : packet.bytes[0];
}

/// Are these octets packets, one behind the other up to the last octet? Those of a client all begin anew at sequence 0;
/// those of a server go on, or begin anew at 0 or 1.
inline bool are_mysql_packets(Bytes bytes, bool of_client) {
  std::optional<uint8_t> before;
  MysqlHead head;
  head.at_beginning = false;
  while (bytes.size() > MysqlHead::kOctets) {
    head.read(bytes.data(), false);
    const size_t left = bytes.size() - MysqlHead::kOctets;
    if (head.body == 0 || head.body > left || (of_client && head.sequence != 0)) return false;
    if (before && head.sequence != static_cast<uint8_t>(*before + 1) && head.sequence > 1) return false;
    before = head.sequence;
    bytes = bytes.subspan(MysqlHead::kOctets + head.body);
  }
  return before && bytes.empty();
}

}  // namespace microcloud
