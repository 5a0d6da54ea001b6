#include "app/capture_report.h"

#include "base/log.h"

namespace microcloud {

std::unique_ptr<Source> CaptureReport::watch(std::unique_ptr<Source> source, const Interface& interface,
                                             unsigned worker) {
  if (interfaces_.empty() || interfaces_.back().interface.name != interface.name)
    interfaces_.push_back({interface, interface_counts(interface.name)});
  while (directions_.size() <= worker) directions_.push_back(std::make_shared<DirectionWatch>());
  auto watched = std::make_unique<WatchedSource>(std::move(source), interface.longest_frame(), directions_[worker]);
  sources_.push_back({interfaces_.size() - 1, worker, watched.get()});
  return watched;
}

void CaptureReport::tell(const Probe& probe, MetricsPage& page) const {
  for (const Watched& one : sources_) {
    page.counter("microcloud_probe_packets_total", "Packets read.",
                 {{"interface", interfaces_[one.interface].interface.name}, {"worker", std::to_string(one.worker)}},
                 one.source->counts().frames.get());
  }
  for (size_t worker = 0; sources_.empty() && worker < probe.workers().size(); ++worker) {
    page.counter("microcloud_probe_packets_total", "Packets read.",
                 {{"interface", "file"}, {"worker", std::to_string(worker)}},
                 probe.workers()[worker]->intake().read.get());
  }
  for (const LossStage& stage : stages()) page.ladder(stage);
  for (size_t at = 0; at < Traps::kinds().size(); ++at) {
    page.gauge("microcloud_probe_trap", "1: the capture's set-up makes figures wrong; the log says how to mend it.",
               {{"trap", Traps::kinds()[at]}}, found_[at].load(std::memory_order_relaxed) ? 1 : 0);
  }
}

std::vector<LossStage> CaptureReport::stages() const {
  std::vector<LossStage> stages;
  for (const Place& place : interfaces_) {
    const InterfaceCounts now = interface_counts(place.interface.name);
    const uint64_t received = now.received - std::min(now.received, place.at_start.received);
    const uint64_t dropped = now.dropped - std::min(now.dropped, place.at_start.dropped);
    stages.push_back({"nic", received + dropped, received, {{"interface", dropped}}});
  }
  return stages;
}

void CaptureReport::look(const Probe& probe, uint32_t snap_length, bool every_checksum,
                         const std::function<void(const std::string&)>& notice) {
  TrapSample sample;
  for (const Place& place : interfaces_) {
    const InterfaceCounts now = interface_counts(place.interface.name);
    sample.interfaces.push_back({.name = place.interface.name,
                                 .mtu = place.interface.mtu,
                                 .received = std::max(now.received, place.at_start.received),
                                 .dropped = std::max(now.dropped, place.at_start.dropped)});
  }
  for (const Watched& one : sources_) {
    const WatchedSource::Counts& counts = one.source->counts();
    TrapSample::Interface& sums = sample.interfaces[one.interface];
    sums.frames += counts.frames.get();
    sums.longer_received += counts.longer_received.get();
    sums.longer_sent += counts.longer_sent.get();
    sums.cut += counts.cut.get();
  }
  for (const auto& watch : directions_) {
    sample.one_way += watch->one_way.get();
    sample.two_way += watch->two_way.get();
  }
  const ProbeTotals totals = probe.totals();
  sample.snap_length = snap_length;
  sample.workers = static_cast<unsigned>(directions_.size());
  sample.read = totals.read - totals.not_sampled;
  sample.bad_checksums = totals.anomalies[static_cast<size_t>(Anomaly::BadTransportChecksum)];
  sample.every_checksum = every_checksum;
  sample.offered = totals.offered;
  sample.ring_drops = totals.kernel_drops;
  for (const auto& [trap, sentence] : traps_.look(sample)) {
    log_warning(sentence);
    notice(sentence);
    for (size_t at = 0; at < Traps::kinds().size(); ++at) {
      if (Traps::kinds()[at] == trap) found_[at].store(true, std::memory_order_relaxed);
    }
  }
}

void CaptureReport::add_checks(Readiness& readiness) const {
  for (const Place& place : interfaces_) {
    const std::string& name = place.interface.name;
    readiness.add("capture on " + name, [name] { return interface_trouble(name); });
  }
}

}  // namespace microcloud
