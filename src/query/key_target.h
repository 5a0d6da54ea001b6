// What a key of the MicroCloud stands for, as far as a probe's open flows can tell of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/address.h"

namespace microcloud {

struct KeyTarget {
  enum class Kind : uint8_t {
    Nothing,  // of no name that a probe knows
    Host,
    HostSet,     // .peers, .ports, .protocols
    OtherHosts,  // ip.other4, ip.other6
    Mac,
    Vlan,
    Application,
    Port,
    Flow,
    Probe,
    Schema,
  };
  Kind kind = Kind::Nothing;
  IpAddress host;
  Mac mac;
  uint16_t number = 0;    // VLAN, port
  uint8_t protocol = 0;   // of a port
  std::string_view name;  // application, Community ID, probe: in the key

  bool is_host() const { return kind == Kind::Host || kind == Kind::HostSet; }
  /// Answered by a walk through the whole table.
  bool needs_walk() const {
    return kind == Kind::Mac || kind == Kind::Vlan || kind == Kind::Application || kind == Kind::Port ||
           kind == Kind::Flow || kind == Kind::OtherHosts;
  }
};

/// Only names as the MicroCloud writes them: ip.010.0.0.1 is none. `realm`: empty for the default one.
KeyTarget parse_key(std::string_view key, std::string_view realm);

/// Which trees a pattern of KEYS may match.
struct PatternTrees {
  bool hosts = true, host_sets = true, macs = true, vlans = true, applications = true, ports = true, flows = true;
  bool any_flow() const { return hosts || host_sets || macs || vlans || applications || ports || flows; }
};
PatternTrees trees_of(std::string_view pattern, std::string_view realm);

}  // namespace microcloud
