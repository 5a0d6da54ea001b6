// What a live capture tells of itself: its metrics, its readiness, and the traps that it stepped into.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/readiness.h"
#include "app/traps.h"
#include "base/metrics.h"
#include "capture/capture_watch.h"
#include "capture/interface.h"
#include "probe/probe.h"

namespace microcloud {

class CaptureReport {
 public:
  /// Opens nothing: wraps `source` so that it is watched, for worker `worker` of `interface`. Before the probe exists.
  std::unique_ptr<Source> watch(std::unique_ptr<Source> source, const Interface& interface, unsigned worker);

  /// Until the probe ends, as it owns the sources. Any thread.
  void tell(const Probe& probe, MetricsPage& page) const;
  /// Stage `nic`, one of each interface. Any thread.
  std::vector<LossStage> stages() const;
  /// Each second, on one thread: says what it finds to the log and to `notice`.
  void look(const Probe& probe, uint32_t snap_length, bool every_checksum,
            const std::function<void(const std::string&)>& notice);
  void add_checks(Readiness& readiness) const;

 private:
  struct Watched {
    size_t interface;
    unsigned worker;
    const WatchedSource* source;
  };
  struct Place {
    Interface interface;
    InterfaceCounts at_start;
  };

  std::vector<Place> interfaces_;
  std::vector<Watched> sources_;
  std::vector<std::shared_ptr<DirectionWatch>> directions_;  // one a worker
  Traps traps_;
  std::array<std::atomic<bool>, 8> found_{};  // in the order of Traps::kinds()
};

}  // namespace microcloud
