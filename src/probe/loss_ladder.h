// Where packets and records are lost on their way through a probe, stage by stage, and all that its metrics page tells.
#pragma once

#include <vector>

#include "base/metrics.h"
#include "probe/probe.h"

namespace microcloud {

/// Packets: ring (the kernel's, or a file), decode, table (from the headers to the flow records that tell of them).
/// Datagrams and parts of streams: parser, from reassembly to what a parser understood.
/// Records: queue (from the workers to the outputs). What a stage holds at the end of a run is 0.
std::vector<LossStage> loss_ladder(const ProbeTotals& totals, bool live);

/// Any thread, while the probe exists.
void tell_metrics(const Probe& probe, MetricsPage& page);

/// One line: totals, and the rates since `before`, `seconds` ago.
std::string progress_line(const ProbeTotals& now, const ProbeTotals& before, double seconds, bool live);

}  // namespace microcloud
