#include "query/wanted_flows.h"

#include <algorithm>

namespace microcloud {
namespace {

using Kind = KeyTarget::Kind;

template <class T>
void sort_once(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

template <class T, class Wanted>
bool has(const std::vector<T>& sorted, const Wanted& value) {
  const auto found = std::lower_bound(sorted.begin(), sorted.end(), value);
  return found != sorted.end() && *found == value;
}

}  // namespace

WantedFlows::WantedFlows(const std::vector<KeyTarget>& targets) {
  for (const KeyTarget& target : targets) {
    if (target.is_host()) hosts_.push_back(target.host);
    if (target.kind == Kind::Port) ports_.push_back(port_word(target.protocol, target.number));
    if (target.kind == Kind::Vlan) vlans_.push_back(target.number);
    if (target.kind == Kind::Mac) macs_.push_back(target.mac);
    if (target.kind == Kind::Application) applications_.emplace_back(target.name);
    if (target.kind == Kind::Flow) flows_.emplace_back(target.name);
    all_ = all_ || target.kind == Kind::OtherHosts;
  }
  sort_once(hosts_);
  sort_once(ports_);
  sort_once(vlans_);
  sort_once(macs_);
  sort_once(applications_);
  sort_once(flows_);
  by_record_ = all_ || !vlans_.empty() || !macs_.empty() || !applications_.empty() || !flows_.empty();
}

bool WantedFlows::may_take(const FlowKey& key) const {
  if (by_record_) return true;
  if (!ports_.empty() &&
      (has(ports_, port_word(key.protocol, key.low_port)) || has(ports_, port_word(key.protocol, key.high_port))))
    return true;
  return !hosts_.empty() && (has(hosts_, key.address(true)) || has(hosts_, key.address(false)));
}

bool WantedFlows::takes(const Common& common, const FlowRecord& flow) const {
  if (all_) return true;
  if (!hosts_.empty() && (has(hosts_, common.source) || has(hosts_, common.destination))) return true;
  if (!ports_.empty() && has(ports_, port_word(common.protocol, common.destination_port))) return true;
  if (common.vlan && has(vlans_, *common.vlan)) return true;
  if (flow.source_mac && has(macs_, *flow.source_mac)) return true;
  if (flow.destination_mac && has(macs_, *flow.destination_mac)) return true;
  if (!applications_.empty() && has(applications_, flow.application.value_or("Unknown"))) return true;
  if (flows_.empty()) return false;
  const auto id = community_id_of(common);
  return has(flows_, std::string_view(id.data(), id.size()));
}

std::array<char, kCommunityIdSize> community_id_of(const Common& common) {
  std::array<char, kCommunityIdSize> text;
  write_community_id(common, text.data());
  return text;
}

}  // namespace microcloud
