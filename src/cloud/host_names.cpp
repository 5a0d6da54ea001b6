#include "cloud/host_names.h"

namespace microcloud {

void HostNames::remember(const IpAddress& host, std::string_view name) {
  const auto [at, is_new] = names_.try_emplace(host, name);
  if (!is_new) {
    at->second = name;
    return;
  }
  order_.push_back(host);
  if (order_.size() <= most_) return;
  names_.erase(order_.front());
  order_.pop_front();
}

std::string_view HostNames::find(const IpAddress& host) const {
  const auto found = names_.find(host);
  return found == names_.end() ? std::string_view() : found->second;
}

}  // namespace microcloud
