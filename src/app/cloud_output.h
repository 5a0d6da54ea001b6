// The MicroCloud as an output of the probe, and the options that it has.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "app/cloud_access.h"
#include "app/command.h"
#include "app/readiness.h"
#include "base/metrics.h"
#include "base/prefix_set.h"
#include "cloud/alert_rules.h"
#include "cloud/writer.h"
#include "probe/output.h"
#include "probe/probe.h"
#include "record/json.h"

namespace microcloud {

/// As the command line gives them.
struct CloudOptions : CloudAccessOptions {
  std::string hosts = "all";
  std::vector<std::string> events;  // kinds that are published: record types, `probe`, or `all`
  std::vector<std::string> alerts;  // rules by which alerts are raised; `all`, as when it is empty, or `none`
  uint32_t flush_ms = 10;
  uint64_t memory_bytes = uint64_t{64} << 20;
  std::string spill_directory;  // empty: what memory has no room for is given up
  std::optional<uint64_t> spill_bytes;
  uint32_t ttl_s = 3'600;
  uint32_t new_keys = 2'000;
  uint64_t most_keys = 2'000'000;
};

/// Checks all that can be checked without connecting. Throws UsageError.
WriterSettings writer_settings(const CloudOptions& options, const std::string& probe_id);

/// What the rest of the probe says about it.
struct CloudSurroundings {
  std::string probe_id;
  std::string source;  // interfaces or file
  PrefixSet local;     // -L
  uint32_t sampling = 1;
  bool live = false;
  std::chrono::seconds drain{30};  // the end of a run waits so long, one that was told to end a few seconds
  const std::atomic<const Probe*>* metering = nullptr;  // set before start()
  /// The ladder of losses of all but the cloud itself, as probe.<id> tells it; any thread from start() to stop().
  std::function<LossLadder()> ladder = {};
  /// Where Redis clients are answered; any thread from start() to stop(). Empty: nowhere.
  std::function<std::string()> listen = {};
  bool has_face = false;
  std::shared_ptr<const CloudCredentials> credentials = {};
};

/// What probe.<id> tells of the probe itself.
std::vector<std::pair<std::string, std::string>> heartbeat(const CloudSurroundings& around);
/// Those of a probe that has no cloud, too.
AccountingSettings accounting_settings(const CloudOptions& options, const CloudSurroundings& around);

class CloudOutput final : public Output {
 public:
  CloudOutput(const CloudOptions& options, const CloudSurroundings& around);
  ~CloudOutput() override { writer_.stop(); }  // its thread calls what goes before it
  /// From here to stop() the heartbeat is asked what it tells.
  void start() {
    writer_.start();
    tell_event("started");
  }
  void stop() { writer_.stop(); }
  /// Until the list of watched hosts is known, where it is wanted; or time is over.
  void wait_for_list(std::chrono::steady_clock::time_point until) const;

  void put(const RecordRef& record) override;
  void flush() override { writer_.sweep(); }
  void finish() override;
  std::string error() const override;
  /// Any thread.
  LossStage stage() const;
  const CloudWriter& writer() const { return writer_; }
  void tell_metrics(MetricsPage& page) const;
  void add_checks(Readiness& readiness) const;

 private:
  bool publishes(std::string_view kind) const;
  void tell_event(std::string_view what);
  void tell_alerts(MetricsPage& page) const;
  WriterSettings surrounded(WriterSettings settings, const CloudOptions& options, const CloudSurroundings& around);

  std::vector<std::string> events_;
  std::string probe_id_;
  JsonWriter json_;
  std::string line_;
  std::string where_;
  std::chrono::seconds drain_;
  bool live_;
  const std::atomic<const Probe*>& metering_;
  CloudWriter writer_;
  LossRules loss_rules_;
  std::optional<WatchedHosts> watched_;
  std::string not_taken_;
};

}  // namespace microcloud
