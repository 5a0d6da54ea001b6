// The stage before the outputs that tells records whose they are, with the MicroCloud that it asks, also of calls.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "app/cloud_access.h"
#include "app/cloud_calls.h"
#include "app/cloud_redirections.h"
#include "base/metrics.h"
#include "base/prefix_set.h"
#include "cloud/cloud_owners.h"
#include "probe/enrichment.h"

namespace microcloud {

struct EnrichedSettings {
  CloudAccess access;  // of a node, sentinels or a cluster
  std::string realm;
  PrefixSet local;  // only these addresses are asked for; empty: all
  bool live = false;
};

class EnrichedOutputs {
 public:
  /// `outputs` get each record after it has passed the stage.
  EnrichedOutputs(const EnrichedSettings& settings, std::vector<Output*> outputs);
  ~EnrichedOutputs() { stop(); }  // its thread calls what goes before it

  Output& stage() { return stage_; }
  /// Before the first packet: calls that other probes know are asked for on the same channel.
  CloudCalls& calls_for(CallBook& book) {
    calls_.serve(book);
    return calls_;
  }
  /// The same of connections that other probes expect.
  void announce_to(Announcements& announcements) { redirections_.serve(announcements); }
  /// From here to stop() questions are answered. Of a file: returns once they are, or that patience is over, so that
  /// its first records know their users too.
  void start(std::chrono::milliseconds patience);
  void stop() { owners_.stop(); }
  /// Any thread.
  void tell_metrics(MetricsPage& page) const;

 private:
  bool live_;
  CloudOwners owners_;
  CloudCalls calls_;
  CloudRedirections redirections_;
  EnrichmentStage stage_;
};

}  // namespace microcloud
