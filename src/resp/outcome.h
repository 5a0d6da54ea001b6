// What became of commands, as far as can be known: whoever sent them decides by it whether to send them again.
#pragma once

#include <cstdint>

#include "resp/value.h"

namespace microcloud::resp {

enum class Outcome : uint8_t {
  Ok,             // answered, and not by an error
  Retry,          // provably not applied: may be sent again later
  Indeterminate,  // perhaps applied: the connection broke, or the deadline passed, after bytes had gone out
  Refused,        // answered by an error that sending again does not cure
};

/// Of one reply. An error that a script or function raised half-way (`... script: ...`) is Refused, as what it wrote
/// before stays applied.
Outcome outcome_of(const Value& reply);

/// An error that the server gives before it runs a command: nothing of that command was applied.
bool provably_unapplied(const Value& reply);

/// The first word of an error: `WRONGTYPE`; empty: it is none.
std::string_view error_code(const Value& reply);

}  // namespace microcloud::resp
