// Names that hosts were called by, kept until their flows are told: a name is asked for before it is connected to.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "cloud/address_hash.h"

namespace microcloud {

/// One thread. The last name of each address; of the `most` addresses that were named first among those kept the oldest
/// goes.
class HostNames {
 public:
  HostNames(size_t most, HashSeed seed) : most_(most), names_(0, IpAddressHash{seed}) {}

  void remember(const IpAddress& host, std::string_view name);
  /// Empty: none is known. Valid until the next call of remember().
  std::string_view find(const IpAddress& host) const;
  size_t size() const { return names_.size(); }

 private:
  size_t most_;
  std::unordered_map<IpAddress, std::string, IpAddressHash> names_;
  std::deque<IpAddress> order_;  // as they were first named
};

}  // namespace microcloud
