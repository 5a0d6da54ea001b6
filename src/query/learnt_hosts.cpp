#include "query/learnt_hosts.h"

namespace microcloud {

void LearntHosts::put(const RecordRef& record) {
  const Common& common = *record.common;
  if (record.type->teach == nullptr && common.source_user.empty() && common.destination_user.empty()) return;
  const std::lock_guard lock(mutex_);
  if (!common.source_user.empty()) users_.at(common.source) = common.source_user;
  if (!common.destination_user.empty()) users_.at(common.destination) = common.destination_user;
  if (record.type->teach != nullptr) record.type->teach(record, *this);
}

void LearntHosts::name(const IpAddress& host, std::string_view name) {
  if (!name.empty()) names_.at(host) = name;
}

void LearntHosts::system(const IpAddress& host, HostSystem system) {
  systems_.at(host).add(system);
}

LearntHosts::Host LearntHosts::look(const IpAddress& host) const {
  Host learnt;
  const std::lock_guard lock(mutex_);
  if (const std::string* name = names_.find(host)) learnt.name = *name;
  if (const std::string* user = users_.find(host)) learnt.user = *user;
  if (const SystemSamples* systems = systems_.find(host)) learnt.systems = *systems;
  return learnt;
}

}  // namespace microcloud
