// What the kernel tells about a network interface before frames are captured on it.
#pragma once

#include <cstdint>
#include <string>

#include "capture/source.h"

namespace microcloud {

struct Interface {
  std::string name;
  int index = 0;
  LinkType link_type = LinkType::Ethernet;  // Ethernet, or Raw: packets begin with the IP header
  bool loopback = false;                    // every frame is seen twice: sent, and received
  uint32_t mtu = 0;

  /// Bytes of the longest frame that its MTU allows: with the Ethernet header and two VLAN tags.
  uint32_t longest_frame() const { return mtu + (link_type == LinkType::Ethernet ? 14U + 8U : 0U); }
};

/// Throws std::runtime_error, one sentence: no such interface, down, a kind of hardware that is not supported.
Interface find_interface(const std::string& name);

/// Why nothing can come from an interface right now, in one sentence; empty: it can. Any thread.
std::string interface_trouble(const std::string& name);

/// What the interface itself counts (/proc/net/dev): frames received, and those that it had no room for, which no
/// capture sees. Zeros when it exists no more. Any thread.
struct InterfaceCounts {
  uint64_t received = 0;
  uint64_t dropped = 0;
};
InterfaceCounts interface_counts(const std::string& name);

}  // namespace microcloud
