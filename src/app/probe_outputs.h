// The outputs that microcloud probe was asked for, and what they tell of themselves while it runs.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "app/capture_report.h"
#include "app/cloud_output.h"
#include "app/enriched_outputs.h"
#include "app/export_output.h"
#include "app/face_output.h"
#include "app/probe_options.h"
#include "app/progress.h"
#include "app/service.h"
#include "inspect/inspector.h"
#include "probe/json_output.h"
#include "probe/summary.h"

namespace microcloud {

/// Made before the probe and there until its threads and those of the service have ended.
class ProbeOutputs {
 public:
  /// Opens what is written to. Throws UsageError, and std::runtime_error when that cannot be.
  ProbeOutputs(const ProbeOptions& options, const std::string& probe_id);

  const std::vector<Output*>& all() const { return all_; }
  /// Of `probe` and its capture they tell from now on.
  void watch(const Probe& probe, const CaptureReport& report);
  /// Before the probe starts: what its flows know of one another, they know of other probes', too.
  void join(const InspectSettings& inspect);
  /// Before it starts, `probe` is opened to questions, where it was asked for. Throws std::runtime_error.
  void listen(Probe& probe);
  /// Metrics, readiness, reloads.
  void set_up(Service& service) const;
  /// Something happened that whoever looks at a live summary should know.
  void notice(const std::string& sentence) const;
  /// Around the probe's run.
  void start();
  void stop();
  /// After the run: what a summary would not have said.
  void log_end(const Probe& probe) const;

 private:
  void add_exports(const ProbeOptions& options, const std::string& probe_id);
  void add_cloud(const ProbeOptions& options);
  /// Before all outputs that there are by now, where the MicroCloud is one that can be asked.
  void add_enrichment(const ProbeOptions& options);
  void add_summary(const ProbeOptions& options);

  LossLadder ladder() const;

  std::atomic<const Probe*> metering_{nullptr};
  const CaptureReport* report_ = nullptr;
  bool insecure_;
  CloudAccessOptions cloud_access_;
  std::shared_ptr<CloudCredentials> credentials_ = std::make_shared<CloudCredentials>();
  CloudSurroundings around_;
  AccountingSettings accounting_;
  std::unique_ptr<ExportOutput> exports_;
  std::unique_ptr<JsonOutput> json_;
  std::unique_ptr<CloudOutput> cloud_;
  std::unique_ptr<EnrichedOutputs> enriched_;
  std::unique_ptr<SummaryOutput> summary_;
  std::unique_ptr<FaceOutput> face_;
  Progress progress_;
  std::vector<Output*> all_;
};

}  // namespace microcloud
