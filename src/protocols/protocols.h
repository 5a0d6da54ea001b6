// Every protocol that the probe reads: the lines of list.inc.
#pragma once

#include <span>

#include "inspect/parser.h"

namespace microcloud {

namespace protocol {
#define PROTOCOL(name) extern const Protocol name;
#include "protocols/list.inc"
#undef PROTOCOL
}  // namespace protocol

/// In the order of list.inc.
std::span<const Protocol* const> protocols();

}  // namespace microcloud
