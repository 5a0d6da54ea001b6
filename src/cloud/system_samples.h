// Which operating system a host has, by samples that may differ: behind one address may be several.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/host_system.h"

namespace microcloud {

/// A single sample does not turn a host into another: the system with the most samples counts, the older one of two
/// that have as many.
class SystemSamples {
 public:
  /// True: it is another one now.
  bool add(HostSystem system) {
    uint8_t& samples = samples_[static_cast<size_t>(system)];
    if (samples == UINT8_MAX) std::for_each(samples_.begin(), samples_.end(), [](uint8_t& one) { one /= 2; });
    ++samples;
    if (system == system_ || samples <= samples_[static_cast<size_t>(system_)]) return false;
    system_ = system;
    return true;
  }
  /// Unknown: there was no sample.
  HostSystem system() const { return system_; }

 private:
  HostSystem system_ = HostSystem::Unknown;
  std::array<uint8_t, static_cast<size_t>(HostSystem::kCount)> samples_{};
};

}  // namespace microcloud
