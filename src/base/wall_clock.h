// The wall clock: for heartbeats, what people are told, and live capture. Metering goes by the packets' time.
#pragma once

#include <chrono>
#include <cstdint>

namespace microcloud {

/// Microseconds since 1970. May be set back.
inline int64_t wall_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

/// Milliseconds since 1970.
inline int64_t wall_ms() {
  return wall_us() / 1'000;
}

}  // namespace microcloud
