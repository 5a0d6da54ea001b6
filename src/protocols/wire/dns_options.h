// The options of EDNS that a record tells: client subnet (RFC 7871), cookies (RFC 7873), name server identifier (RFC
// 5001), extended errors (RFC 8914).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/cursor.h"
#include "record/value.h"

namespace microcloud {

/// What is malformed is left out. Views point into the message.
struct DnsOptions {
  std::string client_subnet;            // ADDRESS/PREFIX, as the client says it; empty: none
  std::optional<uint8_t> subnet_scope;  // for how long a prefix the answer holds
  Bytes client_cookie;                  // 8 octets
  Bytes server_cookie;                  // 8 to 32 octets
  std::optional<Bytes> identifier;      // of the name server; in a query empty: the client asks for it
  List<uint16_t, 8> errors;             // INFO-CODEs, in their order
  std::string_view error_text;          // the first EXTRA-TEXT
};

/// `options`: data of the OPT record (DnsMessage::edns_options).
DnsOptions read_dns_options(Bytes options);

}  // namespace microcloud
