// The operating system that an HTTP client says it runs on: Sec-CH-UA-Platform (W3C User-Agent Client Hints) and
// User-Agent (RFC 9110, 10.1.5).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/host_system.h"

namespace microcloud {

enum class SystemConfidence : uint8_t {
  Low,     // others say the same: an iPad calls itself a Macintosh, a phone that asks for desktop pages X11
  Medium,  // a User-Agent
  High     // a client hint
};

struct ClientSystem {
  std::string_view name;  // lives as long as the program
  HostSystem family;
  SystemConfidence confidence;
};

/// Nothing where neither names one. `platform`: with its quotes, as sent.
std::optional<ClientSystem> read_client_system(std::string_view platform, std::string_view user_agent);

}  // namespace microcloud
