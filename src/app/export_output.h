// The exports as an output of the probe, and the options that they have.
#pragma once

#include <string>
#include <vector>

#include "app/command.h"
#include "app/readiness.h"
#include "base/metrics.h"
#include "export/exports.h"
#include "probe/output.h"

namespace microcloud {

/// As the command line gives them.
struct ExportOptions {
  std::vector<std::string> collectors;
  std::vector<std::string> templates;  // "flow: %IN_BYTES ..."; without a type: of flows
  uint32_t version = 10;
  bool uniflow = false;
  bool all_collectors = false;
  std::string elements = "ntop";
  uint32_t pen = 0;  // 0: none
  uint32_t domain = 0;
  bool has_domain = false;
  uint32_t template_refresh_s = 60;
  uint32_t sampling = 1;  // of -S
  TlsSettings tls;
  bool insecure = false;
  uint32_t drain_s = 30;

  /// Whether records go anywhere by -n: `none` stands alone.
  bool exports() const { return !collectors.empty() && collectors != std::vector<std::string>{"none"}; }
};

/// Checks all that can be checked without opening anything. Throws UsageError.
ExportPlan export_plan(const ExportOptions& options, const std::string& probe_id, bool live);

/// One line that names the elements that have no number in these exports; empty when all have one.
std::string left_out_text(const ExportPlan& plan);

/// Whether a collector is reached over TLS.
bool uses_tls(const ExportOptions& options);

class ExportOutput final : public Output {
 public:
  explicit ExportOutput(const ExportPlan& plan) : exports_(plan) {}
  void put(const RecordRef& record) override { exports_.put(record); }
  void flush() override { exports_.flush(); }
  void finish() override { exports_.finish(); }
  std::string error() const override { return exports_.error(); }
  /// Any thread. Stage `export` of each collector.
  std::vector<LossStage> stages() const;
  void tell_metrics(MetricsPage& page) const;
  /// A line a collector that did not get everything.
  void log_losses() const;
  /// Whether each collector can be reached, as /readyz tells it.
  void add_checks(Readiness& readiness) const;

 private:
  Exports exports_;
};

}  // namespace microcloud
