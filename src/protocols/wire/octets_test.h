// Octets of messages for tests, put together from parts.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/cursor.h"

namespace microcloud {

using Octets8 = std::vector<uint8_t>;

inline void append(Octets8& out, Bytes more) {
  out.insert(out.end(), more.begin(), more.end());
}
inline Octets8 octets(std::string_view text) {
  return {text.begin(), text.end()};
}
inline Octets8 joined(const std::vector<Octets8>& parts) {
  Octets8 all;
  for (const Octets8& part : parts) append(all, part);
  return all;
}

}  // namespace microcloud
