// Writes SNMP messages for tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/cursor.h"
#include "protocols/wire/octets_test.h"
#include "protocols/wire/snmp_message.h"

namespace microcloud::snmp_bytes {

/// Lengths of one octet below 128, of two else.
inline Octets8 element(uint8_t tag, const Octets8& content) {
  Octets8 all{tag};
  const size_t size = content.size();
  if (size > 127) all.push_back(0x82);
  if (size > 127) all.push_back(static_cast<uint8_t>(size >> 8));
  all.push_back(static_cast<uint8_t>(size & 0xff));
  all.insert(all.end(), content.begin(), content.end());
  return all;
}

inline Octets8 sequence(const std::vector<Octets8>& parts) {
  return element(ber_tag::kSequence, joined(parts));
}

inline Octets8 text(std::string_view content) {
  return element(ber_tag::kOctetString, Octets8(content.begin(), content.end()));
}

/// In as few octets as it needs.
inline Octets8 integer(int64_t number, uint8_t tag = ber_tag::kInteger) {
  Octets8 octets;
  do {
    octets.insert(octets.begin(), static_cast<uint8_t>(number & 0xff));
    number >>= 8;
  } while (number != (octets.front() < 128 ? 0 : -1));
  return element(tag, octets);
}

/// 1.3.6.1.2.1.1.LAST.0, and NULL bound to it.
inline Octets8 binding(uint8_t last) {
  return sequence({element(ber_tag::kOid, {0x2b, 6, 1, 2, 1, 1, last, 0}), element(ber_tag::kNull, {})});
}

struct Pdu {
  uint8_t type = snmp_pdu::kGet;
  int64_t request_id = 1;
  int64_t error_status = 0;
  int64_t error_index = 0;
  std::vector<Octets8> bindings = {binding(5)};

  Octets8 bytes() const {
    return element(ber_tag::context(type),
                   joined({integer(request_id), integer(error_status), integer(error_index), sequence(bindings)}));
  }
};

inline Octets8 message(uint8_t version, std::string_view community, const Octets8& pdu) {
  return sequence({integer(version), text(community), pdu});
}

inline Octets8 message(const Pdu& pdu) {
  return message(snmp_version::k2c, "public", pdu.bytes());
}

/// Version 1: enterprise 1.3.6.1.4.1.8072.
inline Octets8 trap_v1(int64_t generic, int64_t specific) {
  return message(snmp_version::k1, "public",
                 element(ber_tag::context(snmp_pdu::kTrapV1),
                         joined({element(ber_tag::kOid, {0x2b, 6, 1, 4, 1, 0xbf, 8}), element(0x40, {192, 0, 2, 1}),
                                 integer(generic), integer(specific), integer(77, 0x43), sequence({binding(3)})})));
}

struct Version3 {
  int64_t message_id = 9;
  uint8_t flags = SnmpMessage::kReportable;
  std::string_view user = "ann";
  int64_t model = 3;

  /// `data`: what stands behind the security parameters.
  Octets8 with(const Octets8& data) const {
    const Octets8 parameters =
        sequence({text("engine"), integer(1), integer(2), text(user), text("signature"), text("salt")});
    return sequence(
        {integer(snmp_version::k3),
         sequence({integer(message_id), integer(65507), element(ber_tag::kOctetString, {flags}), integer(model)}),
         element(ber_tag::kOctetString, parameters), data});
  }
  Octets8 plain(const Pdu& pdu) const { return with(sequence({text("engine"), text(""), pdu.bytes()})); }
  Octets8 encrypted() const {
    Version3 secret = *this;
    secret.flags |= 3;
    return secret.with(text("nobody can read this"));
  }
};

}  // namespace microcloud::snmp_bytes
