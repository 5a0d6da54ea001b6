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
};

/// Throws std::runtime_error, one sentence: no such interface, down, a kind of hardware that is not supported.
Interface find_interface(const std::string& name);

}  // namespace microcloud
