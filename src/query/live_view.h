// What a live view is made of, beside the flows themselves.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "cloud/accounting.h"
#include "cloud/writer.h"
#include "query/learnt_hosts.h"

namespace microcloud {

struct LiveView {
  AccountingSettings accounting;        // as of the writer, or as it would be
  const CloudWriter* writer = nullptr;  // nullptr: what is told goes to no node
  std::string probe_id;
  std::string incarnation;  // of the writer
  /// What probe.<id> tells beside the batch.
  std::function<std::vector<std::pair<std::string, std::string>>()> heartbeat;
  const LearntHosts* learnt = nullptr;  // nullptr: nothing is known of hosts but their traffic
  HashSeed seed;
};

/// The system field of each hash: up to the batch of this number the node has all of the key that is not told, and what
/// is above is told. Of a cluster, where each key has numbers of its own, it is a member of each sorted set too, the
/// number its negative score. That is not known now: -1, of a cluster 0.
inline constexpr std::string_view kBatchField = "_batch";
inline constexpr int64_t kUnknownBatch = -1, kUnknownUnit = 0;
/// The same of a cluster: the key's master has said that it has this one, and may still lose it. A key of which nothing
/// else is told has these two alone.
inline constexpr std::string_view kAppliedField = "_applied";

}  // namespace microcloud
