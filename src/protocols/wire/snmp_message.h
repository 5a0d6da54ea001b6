// An SNMP message: versions 1 (RFC 1157), 2c (RFC 1901, 3416) and 3 (RFC 3412, 3414), as bytes.
#pragma once

#include <cstdint>
#include <optional>

#include "protocols/wire/ber.h"

namespace microcloud {

/// Types of PDUs by the number of their context-specific tag (RFC 3416, section 3).
namespace snmp_pdu {
inline constexpr uint8_t kGet = 0, kGetNext = 1, kResponse = 2, kSet = 3, kTrapV1 = 4, kGetBulk = 5, kInform = 6,
                         kTrap = 7, kReport = 8;
}

namespace snmp_version {
inline constexpr uint8_t k1 = 0, k2c = 1, k3 = 3;
}

/// All Bytes point into the datagram.
struct SnmpMessage {
  static constexpr uint8_t kReportable = 4;  // in `flags`: the sender waits for a response (RFC 3412, 6.4)

  uint8_t version = 0;                  // snmp_version
  std::optional<Bytes> community;       // versions 1 and 2c
  std::optional<int32_t> message_id;    // version 3
  uint8_t flags = 0;                    // version 3: msgFlags
  std::optional<Bytes> user;            // version 3 with the user-based security model
  bool encrypted = false;               // version 3: nothing below is known
  std::optional<uint8_t> pdu;           // snmp_pdu
  std::optional<int32_t> request_id;    // not of a trap of version 1
  std::optional<int32_t> error_status;  // of GetBulk: non-repeaters
  std::optional<int32_t> error_index;   // of GetBulk: max-repetitions
  Bytes enterprise;                     // of a trap of version 1, as are:
  std::optional<int64_t> generic_trap;
  std::optional<int64_t> specific_trap;
  Bytes bindings;          // the variable bindings, as far as they are there
  bool whole = false;      // all of it was there and fits together, but for single bindings
  uint32_t left_over = 0;  // octets in the datagram behind it
};

/// `octets`: of the datagram on the wire. False when it cannot be one: the outermost element, the version, or what
/// begins a message of that version is wrong. What is wrong or cut behind that makes it not `whole`.
bool read_snmp_message(Bytes datagram, uint32_t octets, SnmpMessage& message);

/// Calls take(name, value) for each variable binding: the content of its OBJECT IDENTIFIER, and the element bound to
/// it. False when one is malformed or cut: those before it were given.
template <typename Take>
bool for_each_binding(Bytes bindings, const Take& take) {
  for (Cursor in(bindings); in.left() > 0;) {
    BerElement binding, name, value;
    if (!read_ber(in, binding) || binding.tag != ber_tag::kSequence) return false;
    Cursor inside(binding.content);
    if (!read_ber(inside, name) || name.tag != ber_tag::kOid || !name.whole) return false;
    const bool bound = read_ber(inside, value);
    take(name.content, value);
    if (!bound || !value.whole || !binding.whole) return false;
  }
  return true;
}

}  // namespace microcloud
