// What this probe's records have taught about hosts: their names, systems and users, for its own answers.
#pragma once

#include <mutex>
#include <string>

#include "cloud/recent_hosts.h"
#include "cloud/system_samples.h"
#include "record/record.h"

namespace microcloud {

/// Any thread. Bounded: of each of the three the `most` hosts that were told of first among those kept.
class LearntHosts final : private HostLessons {
 public:
  static constexpr size_t kMost = 32'768;
  explicit LearntHosts(HashSeed seed, size_t most = kMost)
      : names_(most, seed), users_(most, seed), systems_(most, seed) {}

  void put(const RecordRef& record);

  struct Host {
    std::string name;  // that it was last called by; empty: not known
    std::string user;  // whose the address was when its last record was told
    SystemSamples systems;
  };
  Host look(const IpAddress& host) const;

 private:
  void name(const IpAddress& host, std::string_view name) override;
  void system(const IpAddress& host, HostSystem system) override;

  mutable std::mutex mutex_;
  RecentHosts<std::string> names_;
  RecentHosts<std::string> users_;
  RecentHosts<SystemSamples> systems_;
};

}  // namespace microcloud
