// The flow table: packets in, flow records out. One per worker, used by its thread alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "base/counter.h"
#include "base/huge_array.h"
#include "base/read_ahead.h"
#include "flow/flow.h"
#include "flow/flow_follower.h"
#include "flow/flow_index.h"
#include "flow/flow_observer.h"
#include "flow/flow_record.h"
#include "flow/timing_wheel.h"
#include "packet/packet.h"
#include "record/record.h"

namespace microcloud {

struct FlowSettings {
  uint32_t capacity = 1'000'000;  // flows at once; memory is taken as they come
  uint32_t active_ms = 120'000;   // a longer flow is told in slices
  uint32_t idle_ms = 30'000;      // a flow without packets for so long has ended
  HashSeed seed;
  uint64_t flow_id_step = 1;         // flow ids are first, first + step, ... (name_flows)
  std::vector<uint32_t> interfaces;  // the kernel's index of ports 1, 2, ...
  uint16_t community_seed = 0;       // of the Community IDs of what is peeked at
  bool tell_systems = false;         // FlowRecord::initiator_system, which somebody learns from
  bool sampled = false;              // packets are missing: what only all of them could say is not told
};

/// The first flow id of a run that begins at this time: 41 bits of milliseconds and 4,096 flows for each of them, so
/// that ids are unique over restarts unless more than 4 M flows a second begin all the time. Below 2^53.
inline uint64_t first_flow_id(int64_t time_us) {
  return (static_cast<uint64_t>(time_us) / 1000 & ((uint64_t{1} << 41) - 1)) << 12;
}

inline constexpr uint32_t kLingerMs = 2000;  // a closed TCP flow takes late packets for so long

/// Read by any thread.
struct FlowCounters {
  Counter created;
  Counter records;
  Counter evicted;  // ended before their time because the table was full (flowEndReason 5)
  Counter open;
};

class FlowTable {
 public:
  FlowTable(FlowSettings settings, RecordSink& sink);

  /// Meters packets; the more at once, the more their cache misses overlap. Their key, times and frame must be set; the
  /// hash is computed here.
  /// `ahead`, if there is one, is stepped once a packet.
  void meter(std::span<Packet> packets, ReadAhead* ahead = nullptr);
  /// The first flow's id. Called once, before the first packet.
  void name_flows(uint64_t first_id) { next_flow_id_ = first_id; }
  /// Before the first packet.
  void watch(FlowObserver& observer) { observer_ = &observer; }
  /// Ends what is due by `tick_ms`, at most `most` flows.
  void expire(uint32_t tick_ms, uint32_t most);
  /// Ends every flow, those not due with flowEndReason 4.
  void finish(uint32_t tick_ms);

  const FlowCounters& counters() const { return counters_; }

  // The live view. Slots 0 .. slots() - 1 were used; a flow keeps its slot.
  /// nullptr: nobody. Costs nothing then.
  void follow(FlowFollower* follower) { follower_ = follower; }
  uint32_t slots() const { return used_high_; }
  /// nullptr: no flow is open there.
  const FlowKey* key(uint32_t slot) const {
    return (hot_[slot].state & flow_state::kUsed) == 0 ? nullptr : &hot_[slot].key;
  }
  void prefetch_key(uint32_t slot) const { __builtin_prefetch(&hot_[slot]); }
  void prefetch_all(uint32_t slot) const {
    prefetch(slot);
    __builtin_prefetch(&cold_[slot], 1);
    wheel_.prefetch(slot);
  }
  /// The record that a slice would get if it ended now, without an end reason; nothing changes. False: no packet has
  /// come since the last record, or no flow is open there.
  bool peek(uint32_t slot, Common& common, FlowRecord& flow) const;

 private:
  // Packets go through three steps in groups: while one group is added to its flows, the slots of the next one and the
  // index lines of the one after are on their way.
  static constexpr size_t kGroup = 16;
  void look_up(std::span<Packet> group);
  void fetch(std::span<const Packet> group, uint32_t* candidates) const;
  void fetch_more(std::span<const Packet> group, const uint32_t* candidates) const;
  void meter_one(const Packet& packet, uint32_t candidate);
  void prefetch(uint32_t slot) const {
    __builtin_prefetch(&hot_[slot], 1);
    __builtin_prefetch(&hot_[slot].first_us, 1);
  }
  uint32_t find(const Packet& packet) const;
  bool ends_before(uint32_t slot, const Packet& packet);
  uint32_t begin(const Packet& packet);
  /// The slot that the `ahead`-th flow begun from now on will take, should none end before.
  uint32_t free_slot(uint32_t ahead) const {
    const auto recycled = static_cast<uint32_t>(free_.size());
    return ahead < recycled ? free_[recycled - 1 - ahead]
                            : std::min(used_high_ + ahead - recycled, settings_.capacity - 1);
  }
  void begin_slice(FlowHot& hot, const Packet& packet);
  void add(uint32_t slot, const Packet& packet);
  void track_phases(uint32_t slot, const Packet& packet);
  void show(uint32_t slot, const Packet& packet);
  void move_in_wheel(uint32_t slot);
  void remember_around(uint32_t slot, const Packet& packet);

  /// Tells the slices and the end that are due by `tick_ms`; true when the flow has ended (it is still in the table).
  bool settle(uint32_t slot, uint32_t tick_ms);
  uint32_t deadline(const FlowHot& hot) const;
  void tell(uint32_t slot, EndReason reason);
  void fill(uint32_t slot, Common& common, FlowRecord& flow) const;
  void next_slice(uint32_t slot);
  uint32_t tag(const FlowHot& hot) const { return FlowIndex::tag_of(hot.key.hash(settings_.seed)); }
  void release(uint32_t slot);
  void end(uint32_t slot, EndReason reason);
  void evict_oldest();
  static bool idle_longer(const FlowHot& hot, const FlowHot& than);

  FlowSettings settings_;
  RecordSink& sink_;
  FlowObserver* observer_ = nullptr;
  FlowFollower* follower_ = nullptr;
  FlowIndex index_;
  HugeArray<FlowHot> hot_;
  HugeArray<FlowCold> cold_;
  HugeArray<OuterEnds> outer_;
  TimingWheel wheel_;
  std::vector<uint32_t> free_;
  std::vector<uint32_t> free_outer_;
  uint32_t used_high_ = 0;  // slots ever used
  uint32_t outer_high_ = 0;
  uint32_t open_ = 0;
  uint64_t next_flow_id_ = 1;
  bool started_ = false;
  FlowCounters counters_;
};

}  // namespace microcloud
