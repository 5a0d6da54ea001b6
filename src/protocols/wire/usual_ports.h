// Is a flow at a port that a protocol usually has?
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "record/record.h"

namespace microcloud {

/// One of the flow's ends has one of these ports.
inline bool has_port(const Common& flow, std::span<const uint16_t> ports) {
  return std::any_of(ports.begin(), ports.end(),
                     [&](uint16_t port) { return flow.source_port == port || flow.destination_port == port; });
}

}  // namespace microcloud
