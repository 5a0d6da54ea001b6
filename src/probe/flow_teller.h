// The worker's side of its mailbox: looks flows up and walks through the table, in steps that are short enough to stand
// between two bursts of packets.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>

#include "base/counter.h"
#include "flow/flow_table.h"
#include "flow/host_index.h"
#include "probe/mailbox.h"
#include "probe/record_ring.h"

namespace microcloud {

/// Read by any thread.
struct TellerCounters {
  Counter steps;
  Counter flows;       // told
  Counter broken;      // answers that went wrong, as nobody took them
  Counter indexed;     // hosts in the index
  Counter longest_ns;  // of the thread's CPU, of a step
  Counter long_steps;  // that took more than kLongNs of it
};

class FlowTeller final : public FlowFollower {
 public:
  /// What a step may cost, in units of a slot that is passed over (some 10 ns); a flow that is told costs kTold.
  static constexpr uint32_t kStep = 64;
  static constexpr uint32_t kTold = 16;
  static constexpr uint64_t kLongNs = 100'000;

  FlowTeller(Mailbox& mailbox, FlowTable& table, RecordRing& records, uint32_t capacity, HashSeed seed)
      : mailbox_(mailbox), table_(table), records_(records), capacity_(capacity), seed_(seed) {}

  /// Once a turn of the worker. True: there is more to do; false also while nobody takes what is answered.
  bool step() {
    if ((active_ == 0 || waits_) && !mailbox_.has_news()) [[likely]]
      return false;
    return work();
  }
  /// The table has told all; nothing is answered any more.
  void finish();
  /// The worker's descriptor for waiting: readable when a question has come or is not answered yet.
  int wake_fd() const { return mailbox_.wake_fd(); }

  const TellerCounters& counters() const { return counters_; }

  void begun(uint32_t slot) override;
  void telling(uint32_t slot) override;
  void gone(uint32_t slot) override;

 private:
  struct Walk {
    Mailbox::Question question;  // nullptr: none
    bool is_begun = false;       // its place among the records; where one is wanted, is marked
    bool is_broken = false;
    bool is_through = false;  // nothing is left but to say so
    bool wants_room = false;  // nothing of it can be done before there is
    uint32_t slot = 0;        // the next one to look at, of a walk through the table
    size_t host = 0;          // of the question's
    HostIndex::Entry next;    // of this host's flows
  };

  bool work();
  void take_questions();
  void spend(uint32_t budget);
  void rest();
  bool build_index(uint32_t& budget);
  bool begin(Walk& walk, uint32_t& budget);
  void go_on(unsigned lane, uint32_t& budget);
  void walk_table(unsigned lane, Walk& walk, uint32_t& budget);
  void walk_hosts(unsigned lane, Walk& walk, uint32_t& budget);
  bool is_unseen(const Walk& walk, uint32_t slot) const;
  bool put(unsigned lane, Walk& walk, uint32_t slot);
  bool say_end(unsigned lane, Walk& walk);
  void follow_or_not();

  Mailbox& mailbox_;
  FlowTable& table_;
  RecordRing& records_;
  uint32_t capacity_;
  HashSeed seed_;
  std::array<Walk, Mailbox::kLanes> walks_;
  unsigned active_ = 0;
  bool waits_ = false;                // all that are active want room
  std::unique_ptr<HostIndex> index_;  // made when somebody first asks for a host
  uint32_t index_to_ = 0;             // slots below are in it
  TellerCounters counters_;
};

}  // namespace microcloud
