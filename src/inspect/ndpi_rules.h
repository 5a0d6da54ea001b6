// A file of custom protocols for nDPI, in the format of its ndpiReader, every line checked: nDPI itself takes broken
// lines, hangs on some and prints about others to stdout.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace microcloud {

/// One element of a line, normalised. Which members count, Kind says.
struct NdpiRule {
  enum class Kind : uint8_t {
    Application,      // text: "tcp:81", "udp:5061-5062", "ip:192.0.2.0/24:443" or "host:\"name\"", as nDPI reads it
    IpRiskMask,       // text: address[/bits]
    HostRiskMask,     // text: host
    TrustedIssuerDn,  // text: distinguished name
  };
  Kind kind = Kind::Application;
  unsigned line = 0;
  std::string text;
  std::string application;  // Application: the name that flows get; may be one of nDPI's own
  std::string host;         // Application: of a host element, lower case; else empty
  uint64_t mask = 0;        // risk masks: the risks that are told
};

/// All rules of a file in its order. Throws std::runtime_error "FILE:LINE: what is wrong and what is accepted".
/// nDPI 4.2 knows no IPv6 addresses here, and never comes back from port 65535: both are refused.
std::vector<NdpiRule> read_ndpi_rules(const std::string& path);

/// The same of one line without its end of line; `where` begins a message. Nothing of comments and empty lines.
std::vector<NdpiRule> parse_ndpi_rules(std::string_view line, const std::string& where);

}  // namespace microcloud
