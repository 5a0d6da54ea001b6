// The probe: workers, the rings between them, and the thread that serves the outputs.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/wake_up.h"
#include "probe/cut.h"
#include "probe/output.h"
#include "probe/worker.h"

namespace microcloud {

struct ProbeSettings {
  unsigned workers = 1;
  bool live = false;
  int64_t started_us = 0;                               // wall clock, for live capture
  int64_t longest_hold_us = TimeOrder::kLongestHoldUs;  // live: see TimeOrder
  bool every_checksum = false;
  uint32_t sampling = 1;       // one packet in so many is metered
  uint64_t sampling_seed = 0;  // a file is sampled alike each time, and the same checksums are checked
  FlowSettings flows;          // capacity is for all workers together
  InspectSettings inspect;
  std::vector<uint32_t> interfaces;  // the kernel's index of ports 1, 2, ...
  std::string probe_id;
};

/// All counters of a probe, added up over its workers.
struct ProbeTotals {
  uint64_t read = 0;
  uint64_t read_octets = 0;
  uint64_t ignored[static_cast<size_t>(Ignored::kCount)] = {};
  uint64_t anomalies[static_cast<size_t>(Anomaly::kCount)] = {};
  uint64_t not_sampled = 0;
  uint32_t sampling = 1;
  bool every_checksum = false;
  uint32_t active_s = 0;  // the timeouts
  uint32_t idle_s = 0;
  uint64_t offered = 0;  // live: by the kernel's own count
  uint64_t decoded = 0;  // read, sampled and not ignored; fragments that wait, or lost their first one, are among them
  uint64_t kernel_drops = 0;
  uint64_t loopback_copies = 0;
  uint64_t filtered = 0;
  uint64_t handed_over = 0;
  uint64_t handover_drops = 0;
  uint64_t record_drops = 0;
  uint64_t flows = 0;
  uint64_t open_flows = 0;
  uint64_t records = 0;
  uint64_t records_put = 0;    // into the rings before the outputs
  uint64_t records_taken = 0;  // given to every output
  uint64_t packets_told = 0;   // that flow records tell of
  uint64_t evicted = 0;
  uint64_t pieces = 0;  // datagrams and parts of streams for parsers: see InspectCounters
  uint64_t pieces_read = 0;
  uint64_t pieces_refused = 0;
  uint64_t tcp_gaps = 0;
  uint64_t not_joined[static_cast<size_t>(NotJoined::kCount)] = {};
  int64_t first_us = 0;
  int64_t last_us = 0;
  uint64_t position = 0;  // of a file: octets read
  uint64_t size = 0;      // 0: not known (a pipe)
  bool stopped = false;   // told to end

  uint64_t ignored_in_all() const;
  /// Packets that are in flows: all that were read, less those not sampled, ignored or dropped on the way.
  uint64_t metered() const { return read - not_sampled - ignored_in_all() - handover_drops; }
};

class Probe {
 public:
  /// `inputs[w]` are those of worker w. On a file there is one list with one input: with several workers a further
  /// thread reads it.
  Probe(ProbeSettings settings, std::vector<std::vector<Input>> inputs, std::vector<Output*> outputs);
  ~Probe();

  /// Before start(): the flows that are open may be asked about, of each worker with a table by its mailbox.
  /// `answered`: see Mailbox.
  std::vector<Mailbox*> open_mailboxes(const std::function<void(unsigned lane)>& answered);
  /// Any thread. Of an exact question to all workers: `then` comes at the moment at which the answers stand.
  void cut(uint64_t question, Cuts::Then then);
  /// In the call that a cut makes: records that outputs have got and not taken yet. None when the run is at its end.
  void each_waiting(const std::function<void(const RecordRef&)>& look) const;

  void start();
  /// Any thread, and signal handlers: read no more, tell what is open, end.
  void stop() { stop_.store(true, std::memory_order_relaxed); }
  /// Any thread: whether the run was told to end, or an output that cannot go on ended it.
  bool stopped() const { return stop_.load(std::memory_order_relaxed); }
  /// Waits for the end. Returns the first error of an input or output, or an empty text.
  std::string wait();

  /// Any thread, one at a time: reads the file of --ndpi-protocols again. Throws std::runtime_error, and changes
  /// nothing, when something is wrong with it.
  void reload_applications();

  /// Any thread. What stands later on a packet's way is read first, so that no stage seems to give more than it got.
  ProbeTotals totals() const;
  bool live() const { return settings_.live; }
  const CutCounters& cuts() const { return cuts_.counters(); }
  const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }

 private:
  void serve_outputs();
  bool drain_records();
  bool drain_ring(size_t worker);
  uint64_t decoded(const ProbeTotals& totals) const;
  void add_parsers(ProbeTotals& totals) const;

  ProbeSettings settings_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<Handover>> handovers_;
  std::vector<Output*> outputs_;
  std::vector<std::thread> threads_;
  std::thread output_thread_;
  Cuts cuts_;
  WakeUp wake_;  // of the output thread
  std::atomic<bool> stop_{false};
  mutable std::atomic<uint64_t> decoded_{0};
  std::atomic<bool> workers_done_{false};
  std::atomic<bool> ending_{false};  // no records come any more
  uint64_t size_ = 0;
};

}  // namespace microcloud
