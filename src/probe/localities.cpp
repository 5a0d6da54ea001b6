#include "probe/localities.h"

#include <algorithm>

namespace microcloud {

void Localities::add(const Common& common, const FlowRecord& flow) {
  const auto source = local_.find(common.source);
  const auto destination = local_.find(common.destination);
  const uint64_t flows = flow.slice == 1 ? 1 : 0;
  const size_t from = source ? 2 : 0, to = destination ? 1 : 0;
  ways_[from + to] += {flow.octets, flow.packets, flows};
  ways_[2 * to + from / 2] += {flow.reverse_octets, flow.reverse_packets, 0};
  if (source) {
    networks_[*source].sent += flow.octets;
    networks_[*source].received += flow.reverse_octets;
    networks_[*source].flows += flows;
  }
  if (destination) {
    networks_[*destination].sent += flow.reverse_octets;
    networks_[*destination].received += flow.octets;
    if (destination != source) networks_[*destination].flows += flows;
  }
}

std::string Localities::text() const {
  static constexpr std::array<const char*, 4> kWays = {"remote to remote", "remote to local", "local to remote",
                                                       "local to local"};
  constexpr size_t kRows = 8;
  std::vector<std::pair<std::string, TrafficSums>> ways;
  uint64_t all_octets = 0;
  for (size_t way = kWays.size(); way > 0; --way) {
    const TrafficSums& sums = ways_[way - 1];
    all_octets += sums.octets;
    if (sums.packets > 0) ways.emplace_back(kWays[way - 1], sums);
  }
  if (ways.empty()) return {};
  std::vector<std::pair<std::string, HostSums>> networks;
  for (size_t at = 0; at < networks_.size(); ++at) {
    if (networks_[at].weight() > 0) networks.emplace_back(local_.text(at), networks_[at]);
  }
  std::stable_sort(networks.begin(), networks.end(),
                   [](const auto& a, const auto& b) { return a.second.weight() > b.second.weight(); });
  if (networks.size() > kRows) networks.resize(kRows);
  std::string out;
  append_sums_table(out, "Localities", ways, all_octets);
  append_hosts_table(out, "Local networks", networks);
  return out;
}

}  // namespace microcloud
