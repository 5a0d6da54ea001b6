// A worker: its sources of frames, its flow table, and rings to and from the other workers.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "capture/source.h"
#include "flow/flow_table.h"
#include "inspect/inspector.h"
#include "probe/flow_teller.h"
#include "probe/handover.h"
#include "probe/intake.h"
#include "probe/mailbox.h"
#include "probe/record_ring.h"
#include "probe/time_order.h"

namespace microcloud {

/// A source and what the worker needs to know of it.
struct Input {
  std::unique_ptr<Source> source;
  uint16_t port = 0;  // which of the probe's interfaces: 1, 2, ...; 0: a file
};

class Worker {
 public:
  struct Settings {
    unsigned index = 0;      // of the flows that are this worker's own
    unsigned workers = 1;    // that have a table
    bool live = false;       // drop rather than wait, follow the wall clock when no packet comes
    int64_t started_us = 0;  // wall clock, for live capture
    int64_t longest_hold_us = TimeOrder::kLongestHoldUs;  // live
    Intake::Settings intake;
    InspectSettings inspect;
  };

  /// A worker without `flows` only reads and hands on; without a ring (0 bytes) its records go nowhere. `outboxes`: one
  /// a worker with a table, null for itself.
  Worker(Settings settings, std::vector<Input> inputs, const FlowSettings* flows, size_t record_ring_bytes);

  void connect(std::vector<Handover*> inboxes, std::vector<Handover*> outboxes);
  /// Before run(), of a worker with a table: its open flows may be asked about. `answered`: see Mailbox.
  Mailbox& open_mailbox(std::function<void(unsigned lane)> answered);
  /// Until every input has ended or `stop`, and every other worker that hands packets to it has ended. On its own
  /// thread.
  void run(const std::atomic<bool>& stop);

  RecordRing& records() { return records_; }
  const IntakeCounters& intake() const { return intake_.counters(); }
  const Inspector* inspector() const { return inspector_.get(); }  // null: nothing is looked into
  Inspector* inspector() { return inspector_.get(); }
  const FlowCounters* flows() const { return table_ ? &table_->counters() : nullptr; }
  const std::vector<Input>& inputs() const { return inputs_; }
  const Mailbox* mailbox() const { return mailbox_.get(); }  // null: it was not opened
  const FlowTeller* teller() const { return teller_.get(); }
  /// Any thread: bytes of the input read, and what its sources dropped, as of the last burst; packets handed to others;
  /// those dropped because a ring was full.
  const Counter& position() const { return position_; }
  SourceDrops source_drops() const;
  const Counter& handed_over() const { return handed_over_; }
  const Counter& handover_dropped() const { return handover_dropped_; }

 private:
  bool read_inputs(bool stopping);
  ReadResult read(size_t input, bool stopping);
  void note_time(size_t input, ReadResult result, int64_t asked_us);
  void follow_wall_clock();
  void take(size_t input, std::span<const Frame> frames);
  void route(size_t input, std::span<Packet> packets, ReadAhead* ahead);
  void meter(size_t input, std::span<Packet> packets, ReadAhead* ahead);
  void hand_over(const Packet& packet, unsigned owner);
  void begin_order();
  bool meter_in_order();
  bool drain_inboxes();
  bool drain(size_t inbox);
  bool say_end();
  void publish_outboxes();
  bool inboxes_ended() const;
  void name_flows(int64_t first_us);
  void note_sources();
  unsigned owner(const Packet& packet) const;
  /// Of flows: that of the packets read, or metered in order.
  FlowClock& clock() { return order_ ? order_clock_ : intake_.clock(); }

  Settings settings_;
  std::vector<Input> inputs_;
  std::vector<FirstHeader> first_headers_;
  std::vector<bool> ended_;
  std::vector<int64_t> complete_us_;  // live: how far each input is, as in Handover
  size_t open_inputs_;
  Intake intake_;
  std::array<Frame, Intake::kBurst> frames_;
  std::array<Packet, Intake::kBurst> packets_;  // of the burst at hand
  RecordRing records_;
  RecordsDropped dropped_{records_};
  std::unique_ptr<FlowTable> table_;
  uint32_t capacity_ = 0;
  HashSeed seed_;
  std::unique_ptr<Mailbox> mailbox_;
  std::unique_ptr<FlowTeller> teller_;
  std::unique_ptr<Inspector> inspector_;
  std::vector<Handover*> inboxes_;
  std::vector<bool> inbox_open_;  // of a file's worker
  size_t open_inboxes_ = 0;
  std::unique_ptr<TimeOrder> order_;  // live, once packets of one flow may come by several ways
  FlowClock order_clock_;
  std::vector<Handover*> outboxes_;
  std::vector<bool> told_end_;
  uint32_t tick_ms_ = 0;
  bool idle_ = false;
  bool named_ = false;
  std::optional<std::chrono::steady_clock::time_point> stop_seen_;
  uint32_t reads_after_stop_ = 0;
  Counter position_;
  Counter filtered_;
  Counter handed_over_;
  Counter handover_dropped_;
};

}  // namespace microcloud
