// What records teach about the hosts that they name, beyond what those sent.
#pragma once

#include <string_view>

#include "base/address.h"
#include "base/host_system.h"

namespace microcloud {

class HostLessons {
 public:
  virtual ~HostLessons() = default;
  /// Somebody used this name for the host. Lower case, no final dot.
  virtual void name(const IpAddress& host, std::string_view name) = 0;
  /// One sample: a host may be several behind one address.
  virtual void system(const IpAddress& host, HostSystem system) = 0;
};

}  // namespace microcloud
