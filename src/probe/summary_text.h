// Figures and tables of a summary as text.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace microcloud {

struct TrafficSums {
  uint64_t octets = 0;
  uint64_t packets = 0;
  uint64_t flows = 0;
  uint64_t weight() const { return octets; }
  TrafficSums& operator+=(const TrafficSums& other) {
    octets += other.octets;
    packets += other.packets;
    flows += other.flows;
    return *this;
  }
};

struct HostSums {
  uint64_t sent = 0;
  uint64_t received = 0;
  uint64_t flows = 0;
  uint64_t weight() const { return sent + received; }
};

/// As printf; at most 511 characters.
[[gnu::format(printf, 2, 3)]] void append(std::string& out, const char* format, ...);

/// 1234567 as "1.23 M", three significant digits.
std::string scaled(double value);
std::string scaled(uint64_t value);

/// Tables with these rows in their order. `all_octets` is what a share is of.
void append_sums_table(std::string& out, const std::string& head,
                       const std::vector<std::pair<std::string, TrafficSums>>& rows, uint64_t all_octets);
void append_hosts_table(std::string& out, const std::string& head,
                        const std::vector<std::pair<std::string, HostSums>>& rows);

}  // namespace microcloud
