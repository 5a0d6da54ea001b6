// The UDP ports behind which a tunnel may be.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "packet/geneve.h"
#include "packet/gtpu.h"
#include "packet/l2tp.h"
#include "packet/teredo.h"
#include "packet/vxlan.h"

namespace microcloud {

namespace tunnel_ports {
inline constexpr std::array<uint16_t, 6> kAll{kL2tpPort,  kGtpuPort,   kTeredoPort,
                                              kVxlanPort, kGenevePort, kVxlanLinuxPort};
constexpr size_t place(uint16_t port) {
  return port >> 8 & 7;  // where no two of them fall together
}
/// Where none belongs stands one that belongs elsewhere: nothing is equal to it there.
constexpr std::array<uint16_t, 8> by_place() {
  std::array<uint16_t, 8> table{};
  for (size_t at = 0; at < table.size(); ++at) table[at] = at == place(kAll[0]) ? kAll[1] : kAll[0];
  for (const uint16_t port : kAll) table[place(port)] = port;
  return table;
}
inline constexpr std::array<uint16_t, 8> kByPlace = by_place();
}  // namespace tunnel_ports

/// One comparison, as each packet is asked for both of its ports.
constexpr bool is_tunnel_port(uint16_t port) {
  return tunnel_ports::kByPlace[tunnel_ports::place(port)] == port;
}
static_assert(std::ranges::all_of(tunnel_ports::kAll, is_tunnel_port));

}  // namespace microcloud
