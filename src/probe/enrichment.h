// The stage between the rings and the outputs: adds to records what no single flow knows, the user (common element
// userName). What waits for an answer waits here, in a bounded list; packets and other records never do.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/counter.h"
#include "probe/output.h"
#include "record/owners.h"

namespace microcloud {

struct EnrichmentSettings {
  std::chrono::milliseconds patience{20};  // no record waits longer
  size_t most_waiting = 2'048;             // records
  bool wait_when_full = false;  // of a file: its reader waits; else the oldest record leaves without an answer
};

/// Why a record left without its user being known, though somebody may own it.
enum class Unanswered : uint8_t { Late, Full, Unavailable, kCount };
std::string_view to_text(Unanswered why);

/// An output that gives each record to the others, once. Records of one flow keep their order, and so do those that
/// wait; one that waits for nothing passes them. Both ends' owners are asked for.
class EnrichmentStage final : public Output {
 public:
  EnrichmentStage(EnrichmentSettings settings, Owners& owners, std::vector<Output*> outputs);

  void put(const RecordRef& record) override;
  bool turn() override;
  void each_waiting(const std::function<void(const RecordRef&)>& look) const override {
    for (const Waiting& one : waiting_) look(one.record());
  }
  void flush() override;
  void finish() override;
  std::string error() const override;

  /// Any thread.
  struct Counts {
    Counter in;
    Counter out;
    Counter with_user;
    Counter waited;
    Counters<Unanswered> unanswered;
  };
  const Counts& counts() const { return counts_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    Common common;
    const RecordType* type;
    std::unique_ptr<std::byte[]> body;
    Clock::time_point deadline;
    RecordRef record() const { return {type, &common, body.get()}; }
  };

  /// Who owns the two ends. The names are valid until they are asked for again.
  struct Ends {
    Owners::Known known;  // Asked: of one of them; Unknown: of none that waits
    std::string source;
    std::string destination;
  };
  const Ends& owners_of(const RecordRef& record);
  void give(const RecordRef& record, const Ends& ends);
  void hold(const RecordRef& record);
  void leave(const Ends& ends);
  void release(Clock::time_point now);
  void make_room();

  EnrichmentSettings settings_;
  Owners& owners_;
  Ends ends_;
  std::vector<Output*> outputs_;
  std::deque<Waiting> waiting_;
  std::unordered_map<uint64_t, uint32_t> flows_;  // how many records of each wait
  Counts counts_;
};

}  // namespace microcloud
