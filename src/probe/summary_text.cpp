#include "probe/summary_text.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <iterator>

namespace microcloud {

void append(std::string& out, const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (length > 0) out.append(line, std::min(static_cast<size_t>(length), sizeof line - 1));
}

std::string scaled(double value) {
  static constexpr const char* kPrefixes[] = {"", " k", " M", " G", " T", " P"};
  size_t at = 0;
  while (value >= 999.5 && at + 1 < std::size(kPrefixes)) {
    value /= 1000;
    ++at;
  }
  char text[32];
  const int decimals = at == 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  snprintf(text, sizeof text, "%.*f%s", decimals, value, kPrefixes[at]);
  return text;
}

std::string scaled(uint64_t value) {
  return scaled(static_cast<double>(value));
}

void append_sums_table(std::string& out, const std::string& head,
                       const std::vector<std::pair<std::string, TrafficSums>>& rows, uint64_t all_octets) {
  append(out, "\n%-40s %9s %10s %10s %7s\n", head.c_str(), "flows", "packets", "bytes", "share");
  for (const auto& [name, sums] : rows) {
    append(out, "  %-38.38s %9s %10s %10s %6.1f%%\n", name.c_str(), scaled(sums.flows).c_str(),
           scaled(sums.packets).c_str(), scaled(sums.octets).c_str(),
           all_octets > 0 ? 100.0 * static_cast<double>(sums.octets) / static_cast<double>(all_octets) : 0);
  }
}

void append_hosts_table(std::string& out, const std::string& head,
                        const std::vector<std::pair<std::string, HostSums>>& rows) {
  if (rows.empty()) return;
  append(out, "\n%-40s %9s %10s %10s\n", head.c_str(), "flows", "sent", "received");
  for (const auto& [name, sums] : rows) {
    append(out, "  %-38s %9s %10s %10s\n", name.c_str(), scaled(sums.flows).c_str(), scaled(sums.sent).c_str(),
           scaled(sums.received).c_str());
  }
}

}  // namespace microcloud
