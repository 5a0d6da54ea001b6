#include "probe/loss_ladder.h"

#include <fmt/format.h>

#include <array>

namespace microcloud {
namespace {

uint64_t ignored(const ProbeTotals& totals, Ignored reason) {
  return totals.ignored[static_cast<size_t>(reason)];
}

double rate(uint64_t now, uint64_t before, double seconds) {
  return seconds > 0 && now > before ? static_cast<double>(now - before) / seconds : 0;
}

void tell_packets(const Probe& probe, const ProbeTotals& totals, MetricsPage& page) {
  for (const LossStage& stage : loss_ladder(totals, probe.live())) page.ladder(stage);
  for (size_t at = 0; at < std::size(totals.anomalies); ++at) {
    page.counter(
        "microcloud_probe_anomalies_total",
        "What was odd in packets that were metered all the same; TCP and UDP checksums: of one packet in 64 by "
        "chance, or of all with --checksums.",
        {{"kind", anomaly_name(static_cast<Anomaly>(at))}}, totals.anomalies[at]);
  }
  page.counter("microcloud_probe_octets_total", "Bytes of all frames read, as on the wire.", {}, totals.read_octets);
  page.counter("microcloud_probe_handed_over_packets_total", "Packets that belonged to another worker.", {},
               totals.handed_over);
}

/// What was looked into, and what parsers did not get to see or could not read.
void tell_inspection(const Probe& probe, MetricsPage& page) {
  uint64_t shown = 0, recognised = 0, named = 0, transactions = 0, malformed = 0, missing = 0, no_memory = 0,
           joined = 0;
  for (const auto& worker : probe.workers()) {
    const Inspector* inspector = worker->inspector();
    if (inspector == nullptr) continue;
    const InspectCounters& of = inspector->counters();
    shown += of.shown.get();
    recognised += of.recognised.get();
    named += of.named.get();
    transactions += of.transactions.get();
    malformed += of.malformed.get();
    no_memory += of.no_memory.get();
    missing += of.streams.missing.get();
    joined += inspector->reassembly().joined.get();
  }
  page.counter("microcloud_probe_shown_packets_total", "Packets shown to nDPI.", {}, shown);
  page.counter("microcloud_probe_recognised_flows_total", "Flows whose protocol has a parser.", {}, recognised);
  page.counter("microcloud_probe_named_flows_total", "Of them, those that only nDPI recognised.", {}, named);
  page.counter("microcloud_probe_transactions_total", "Records of parsers.", {}, transactions);
  page.counter("microcloud_probe_malformed_flows_total", "Flows that their parser gave up.", {}, malformed);
  page.counter("microcloud_probe_unnamed_flows_total", "Flows that there was no memory to name the application of.", {},
               no_memory);
  page.counter("microcloud_probe_tcp_missing_octets_total", "Octets in the holes of TCP streams that parsers read.", {},
               missing);
  page.counter("microcloud_probe_joined_datagrams_total", "IP fragments put together for parsers.", {}, joined);
}

/// A hole, and a datagram that lacks a fragment, come in as one piece that is dropped.
LossStage parser_stage(const ProbeTotals& totals) {
  LossStage stage{"parser", totals.pieces + totals.tcp_gaps, totals.pieces_read, {}};
  stage.dropped = {{"not_understood", totals.pieces_refused}, {"tcp_gap", totals.tcp_gaps}};
  for (size_t at = 0; at < std::size(totals.not_joined); ++at) {
    stage.in += totals.not_joined[at];
    stage.dropped.emplace_back(not_joined_name(static_cast<NotJoined>(at)), totals.not_joined[at]);
  }
  return stage;
}

}  // namespace

std::vector<LossStage> loss_ladder(const ProbeTotals& totals, bool live) {
  LossStage ring{"ring", totals.offered, totals.read, {}};
  if (live) {
    ring.dropped = {{"full", totals.kernel_drops}, {"loopback_copy", totals.loopback_copies}};
  } else {
    ring.in = totals.read + totals.filtered;
    ring.dropped = {{"filter", totals.filtered}};
  }

  // A later fragment waits for its flow's key: it belongs to the next stage, and so does one whose key never came.
  LossStage decode{"decode", totals.decoded, totals.decoded, {}};
  for (size_t at = 0; at < std::size(totals.ignored); ++at) {
    if (static_cast<Ignored>(at) == Ignored::LostFragment) continue;
    decode.dropped.emplace_back(ignored_name(static_cast<Ignored>(at)), totals.ignored[at]);
    decode.in += totals.ignored[at];
  }
  decode.dropped.emplace_back("not_sampled", totals.not_sampled);
  decode.in += totals.not_sampled;
  const LossStage table{"table",
                        decode.out,
                        totals.packets_told,
                        {{ignored_name(Ignored::LostFragment), ignored(totals, Ignored::LostFragment)},
                         {"handover_full", totals.handover_drops}}};
  const LossStage queue{"queue", totals.records_put, totals.records_taken, {{"record_ring_full", totals.record_drops}}};
  return {ring, decode, table, parser_stage(totals), queue};
}

void tell_metrics(const Probe& probe, MetricsPage& page) {
  const ProbeTotals totals = probe.totals();
  tell_packets(probe, totals, page);
  page.gauge("microcloud_probe_sampling_interval", "One packet in so many is metered.", {}, totals.sampling);
  page.gauge("microcloud_probe_flows", "Flows open now.", {}, static_cast<double>(totals.open_flows));
  page.counter("microcloud_probe_flows_total", "Flows begun.", {}, totals.flows);
  page.counter("microcloud_probe_evicted_flows_total", "Flows ended early because the table was full.", {},
               totals.evicted);
  page.counter("microcloud_probe_records_total", "Records made, of every type.", {}, totals.records_put);
  tell_inspection(probe, page);
}

std::string progress_line(const ProbeTotals& now, const ProbeTotals& before, double seconds, bool live) {
  std::string line =
      fmt::format("{} packets ({:.0f}/s, {:.2f} Mbit/s), {} flows open ({:.0f} new/s), {} records ({:.0f}/s)", now.read,
                  rate(now.read, before.read, seconds), rate(now.read_octets, before.read_octets, seconds) * 8 / 1e6,
                  now.open_flows, rate(now.flows, before.flows, seconds), now.records_put,
                  rate(now.records_put, before.records_put, seconds));
  std::string lost;
  for (const LossStage& stage : loss_ladder(now, live)) {
    if (stage.stage == "decode") continue;  // what is not IP, or was left out by sampling, is no loss
    for (const auto& [reason, count] : stage.dropped) {
      if (count == 0 || reason == "loopback_copy" || reason == "filter") continue;
      lost += fmt::format("{}{} {} {}", lost.empty() ? "" : ", ", stage.stage, reason, count);
    }
  }
  return line + "; dropped: " + (lost.empty() ? "none" : lost);
}

}  // namespace microcloud
