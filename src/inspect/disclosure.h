// What the user has said of how much parsers may tell.
#pragma once

#include "base/keyed_hash.h"

namespace microcloud {

/// The same for all flows of a run.
struct Disclosure {
  bool secrets = false;       // community strings of SNMP are told as they are, beside their hash
  KeyedHash hash;             // under which they are told in any case
  bool sql_literals = false;  // SQL texts are told as they are, but for passwords
};

}  // namespace microcloud
