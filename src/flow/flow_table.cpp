#include "flow/flow_table.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "flow/tcp_track.h"
#include "packet/syn_system.h"

namespace microcloud {

using namespace flow_state;

FlowTable::FlowTable(FlowSettings settings, RecordSink& sink)
    : settings_(std::move(settings)),
      sink_(sink),
      hot_(settings_.capacity),
      cold_(settings_.capacity),
      outer_(settings_.capacity),
      wheel_(settings_.capacity) {}

uint32_t FlowTable::find(const Packet& packet) const {
  return index_.find(FlowIndex::tag_of(packet.hash), [&](uint32_t slot) { return hot_[slot].key == packet.key; });
}

/// Whether the flow was over when this packet came: it timed out, or it is closed and the packet opens another one.
bool FlowTable::ends_before(uint32_t slot, const Packet& packet) {
  const FlowHot& hot = hot_[slot];
  if (settle(slot, packet.tick_ms)) {
    release(slot);
    return true;
  }
  const bool opens = packet.has_tcp && (packet.tcp_flags & (tcp_flag::kSyn | tcp_flag::kAck)) == tcp_flag::kSyn;
  if ((hot.state & kClosed) == 0 || !opens) return false;
  end(slot, EndReason::Ended);
  return true;
}

uint32_t FlowTable::begin(const Packet& packet) {
  if (open_ == settings_.capacity) evict_oldest();
  uint32_t slot = used_high_;
  if (free_.empty()) {
    ++used_high_;
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  ++open_;
  counters_.open.set(open_);
  counters_.created.add();

  FlowHot& hot = hot_[slot];
  hot = FlowHot{};
  hot.key = packet.key;
  hot.state = static_cast<uint16_t>(kUsed | (packet.from_low ? 0 : kInitiatorHigh | kFirstFromHigh));
  if (packet.key.protocol != ip_protocol::kTcp) hot.state |= kWaitRequest;
  hot.next_sequence = {static_cast<uint32_t>(packet.hash), static_cast<uint32_t>(packet.hash)};

  FlowCold& cold = cold_[slot];
  cold = FlowCold{};
  cold.flow_id = next_flow_id_;
  next_flow_id_ += settings_.flow_id_step;
  cold.tunnels_slice = uint64_t{1} << kSliceShift;
  cold.client_latency_us = cold.server_latency_us = cold.application_latency_us = kUnknownLatency;
  cold.outer = kNoOuter;
  cold.tos = packet.tos;
  cold.port = packet.port;
  const Encapsulation& around = packet.around;
  cold.vlan = around.vlan;
  cold.customer_vlan = around.customer_vlan;
  if (packet.outgoing) hot.known |= flow_knows::kOutgoing;
  if (around.mac_at != 0xffff) {
    hot.known |= flow_knows::kMacs;
    std::memcpy(cold.macs.data(), packet.frame + around.mac_at, cold.macs.size());
  }
  if (packet.has_icmp) {
    hot.known |= flow_knows::kIcmp;
    cold.icmp_type = packet.icmp_type;
    cold.icmp_code = packet.icmp_code;
  }
  if (around.count > 0) remember_around(slot, packet);
  if (around.has_mpls) {
    hot.known |= flow_knows::kMpls;
    cold.mpls = {static_cast<uint8_t>(around.mpls >> 16), static_cast<uint8_t>(around.mpls >> 8),
                 static_cast<uint8_t>(around.mpls)};
  }

  hot.last_tick_ms = packet.tick_ms;
  begin_slice(hot, packet);
  if (observer_ != nullptr) {
    const FlowObserver::Watch watch = observer_->opened(FlowView(hot, cold));
    cold.watch = watch.handle;
    if (watch.more) hot.state |= kWatched;
  }
  index_.insert(FlowIndex::tag_of(packet.hash), slot);
  if (follower_ != nullptr) follower_->begun(slot);
  return slot;
}

/// Where a flow's packets are wrapped in different ways (one direction in a tunnel, the other not), the first one with
/// the most encapsulations is told.
void FlowTable::remember_around(uint32_t slot, const Packet& packet) {
  FlowHot& hot = hot_[slot];
  FlowCold& cold = cold_[slot];
  const Encapsulation& around = packet.around;
  constexpr unsigned kFlags = (1U << flow_knows::kDepthShift) - 1;
  hot.known = static_cast<uint16_t>((hot.known & kFlags & ~unsigned{flow_knows::kAroundFromHigh}) |
                                    (packet.from_low ? 0U : flow_knows::kAroundFromHigh) |
                                    unsigned{around.count} << flow_knows::kDepthShift);
  cold.tunnels_slice &= ~((uint64_t{1} << kSliceShift) - 1);
  for (unsigned at = 0; at < around.count; ++at) {
    cold.tunnels_slice |= static_cast<uint64_t>(around.tunnels[at]) << at * kTunnelBits;
  }
  if (cold.outer != kNoOuter) free_outer_.push_back(std::exchange(cold.outer, kNoOuter));
  if (around.outer_version == 0 && !around.has_id) return;
  if (free_outer_.empty()) {
    cold.outer = outer_high_++;
  } else {
    cold.outer = free_outer_.back();
    free_outer_.pop_back();
  }
  OuterEnds& outer = outer_[cold.outer];
  outer = OuterEnds{};
  outer.id = around.id;
  outer.has_id = around.has_id;
  const uint8_t* ends = packet.frame + around.outer_at;
  if (around.outer_version == 4) {
    outer.source = IpAddress::v4(ends);
    outer.destination = IpAddress::v4(ends + 4);
  } else if (around.outer_version == 6) {
    outer.source = IpAddress::v6(ends);
    outer.destination = IpAddress::v6(ends + 16);
  }
}

void FlowTable::begin_slice(FlowHot& hot, const Packet& packet) {
  hot.slice_tick_ms = packet.tick_ms;
  hot.first_us = hot.last_us = packet.time_us;
}

namespace {

/// Whether there is something for track_phases() to do.
bool has_phases(const FlowHot& hot, const Packet& packet) {
  constexpr uint16_t kAwaited = kWaitSynAck | kWaitAck | kWaitRequest | kWaitResponse | kWatched;
  constexpr uint16_t kTelling = tcp_flag::kSyn | tcp_flag::kFin | tcp_flag::kRst;
  return ((hot.state & kAwaited) | (packet.tcp_flags & kTelling)) != 0;
}

}  // namespace

[[gnu::always_inline]] inline void FlowTable::add(uint32_t slot, const Packet& packet) {
  FlowHot& hot = hot_[slot];
  const unsigned from = packet.from_low ? 0 : 1;
  const bool begins = (hot.packets[0] | hot.packets[1]) == 0;
  if (begins) begin_slice(hot, packet);
  hot.last_tick_ms = packet.tick_ms;
  if (packet.time_us < hot.first_us) [[unlikely]]
    hot.first_us = packet.time_us;
  if (packet.time_us >= hot.last_us) [[likely]]
    hot.last_us = packet.time_us;
  hot.octets[from] += packet.octets;
  if (packet.around.count > hot.known >> flow_knows::kDepthShift) [[unlikely]]
    remember_around(slot, packet);
  ++hot.packets[from];
  if (begins) [[unlikely]] {
    if (cold_[slot].tunnels_slice >> kSliceShift > 1) wheel_.remove(slot);  // stands where its last slice left it
    wheel_.add(slot, deadline(hot));
  }
  if (hot.packets[from] == 0xffffffff) [[unlikely]] {  // the counter is full: a slice ends early
    tell(slot, EndReason::Active);
    next_slice(slot);
  }
  // What is not TCP has no flags here, and its protocol's flows no sequence: for it all of this finds nothing to do.
  // That costs less than a branch on the protocol, which mixed traffic mispredicts.
  hot.tcp_flags[from] |= packet.tcp_flags;
  track_sequence(hot, cold_[slot], from, packet);
  if (has_phases(hot, packet)) track_phases(slot, packet);
}

namespace {

/// Of the first SYN that tells it: a connection's initiator does not change.
void remember_system(FlowHot& hot, const Packet& packet) {
  constexpr unsigned kSystem = ((1U << flow_knows::kSystemBits) - 1) << flow_knows::kSystemShift;
  if ((hot.known & kSystem) != 0) return;
  hot.known |= static_cast<uint16_t>(static_cast<unsigned>(system_of_syn(packet)) << flow_knows::kSystemShift);
}

}  // namespace

/// To where its deadline has it now.
[[gnu::noinline]] void FlowTable::move_in_wheel(uint32_t slot) {
  wheel_.remove(slot);
  wheel_.add(slot, deadline(hot_[slot]));
}

/// The beginning and the end of a connection, its handshake, the first answer; and what is watched.
void FlowTable::track_phases(uint32_t slot, const Packet& packet) {
  FlowHot& hot = hot_[slot];
  FlowCold& cold = cold_[slot];
  const unsigned from = packet.from_low ? 0 : 1;
  if ((hot.state & (kWaitAck | kWaitSynAck)) != 0 || (packet.tcp_flags & tcp_flag::kSyn) != 0) {
    track_handshake(hot, cold, from, packet.tcp_flags, packet.time_us);
    if (settings_.tell_systems && (packet.tcp_flags & (tcp_flag::kSyn | tcp_flag::kAck)) == tcp_flag::kSyn)
      remember_system(hot, packet);
  }
  if ((packet.tcp_flags & (tcp_flag::kFin | tcp_flag::kRst)) != 0 &&
      track_end(hot, from, packet.tcp_flags, packet.tick_ms)) {
    move_in_wheel(slot);
  }
  if ((hot.state & (kWaitRequest | kWaitResponse)) != 0 && packet.payload_octets > 0) {
    track_first_answer(hot, cold, from, packet.time_us);
  }
  if ((hot.state & kWatched) != 0) show(slot, packet);
}

[[gnu::noinline]] void FlowTable::show(uint32_t slot, const Packet& packet) {
  FlowHot& hot = hot_[slot];
  FlowCold& cold = cold_[slot];
  const FlowObserver::Watch watch = observer_->packet(cold.watch, packet, FlowView(hot, cold));
  cold.watch = watch.handle;
  if (!watch.more) hot.state = static_cast<uint16_t>(hot.state & ~kWatched);
}

[[gnu::always_inline]] inline void FlowTable::meter_one(const Packet& packet, uint32_t candidate) {
  uint32_t slot = candidate;
  // A candidate is a guess: flows may have begun and ended since, and tags may be equal by chance.
  if (slot == FlowIndex::kNone || !(hot_[slot].key == packet.key)) slot = find(packet);
  if (slot != FlowIndex::kNone) {
    FlowHot& hot = hot_[slot];
    const uint32_t idle = packet.tick_ms - hot.last_tick_ms;
    const uint32_t age = packet.tick_ms - hot.slice_tick_ms;
    if (idle >= settings_.idle_ms || age >= settings_.active_ms || (hot.state & kClosed) != 0) [[unlikely]] {
      if (ends_before(slot, packet)) slot = FlowIndex::kNone;
    }
  }
  if (slot == FlowIndex::kNone) slot = begin(packet);
  add(slot, packet);
}

// Loops over a burst as short as these are unrolled: counting is a sixth of their instructions.
void FlowTable::look_up(std::span<Packet> group) {
#pragma GCC unroll 4
  for (Packet& packet : group) {
    packet.hash = packet.key.hash(settings_.seed);
    index_.prefetch(FlowIndex::tag_of(packet.hash));
  }
}

void FlowTable::fetch(std::span<const Packet> group, uint32_t* candidates) const {
  uint32_t begun = 0;
#pragma GCC unroll 4
  for (size_t at = 0; at < group.size(); ++at) {
    candidates[at] = index_.find(FlowIndex::tag_of(group[at].hash), [](uint32_t) { return true; });
    if (candidates[at] == FlowIndex::kNone) {
      prefetch_all(free_slot(begun++));
    } else {
      prefetch(candidates[at]);
    }
  }
}

/// What track_phases() will touch. No branch: which packets those are is hard to predict, and add() asks again.
void FlowTable::fetch_more(std::span<const Packet> group, const uint32_t* candidates) const {
#pragma GCC unroll 4
  for (size_t at = 0; at < group.size(); ++at) {
    const uint32_t slot = candidates[at] == FlowIndex::kNone ? 0 : candidates[at];
    const bool wanted = has_phases(hot_[slot], group[at]);
    __builtin_prefetch(wanted ? static_cast<const void*>(&cold_[slot]) : &hot_[slot], 1);
    wheel_.prefetch(wanted ? slot : 0);
  }
}

void FlowTable::meter(std::span<Packet> packets, ReadAhead* ahead) {
  if (packets.empty()) return;
  ReadAhead steps =
      ahead == nullptr ? ReadAhead{} : *ahead;  // a local, as stores might change it for all the compiler knows
  if (!started_) {
    started_ = true;
    wheel_.start(packets.front().tick_ms);
  }
  look_up(packets);
  const size_t groups = (packets.size() + kGroup - 1) / kGroup;
  const auto group = [&](size_t number) {
    return packets.subspan(number * kGroup, std::min(kGroup, packets.size() - number * kGroup));
  };
  uint32_t candidates[3][kGroup];
  for (size_t step = 0; step < groups + 2; ++step) {
    if (step < groups) fetch(group(step), candidates[step % 3]);
    if (step >= 1 && step <= groups) fetch_more(group(step - 1), candidates[(step - 1) % 3]);
    if (step < 2) continue;
    const std::span<Packet> ready = group(step - 2);
    const uint32_t* const slots = candidates[(step - 2) % 3];
    if (ahead == nullptr) {
      for (size_t at = 0; at < ready.size(); ++at) meter_one(ready[at], slots[at]);
      continue;
    }
    for (size_t at = 0; at < ready.size(); ++at) {
      steps.step();
      meter_one(ready[at], slots[at]);
    }
  }
  if (ahead != nullptr) *ahead = steps;
}

/// The earliest tick at which something may be due. Ticks wrap: only differences to other ticks mean something.
uint32_t FlowTable::deadline(const FlowHot& hot) const {
  const uint32_t idle = hot.last_tick_ms + ((hot.state & kClosed) != 0 ? 0 : settings_.idle_ms);
  const uint32_t end = (hot.state & kClosed) != 0 ? static_cast<uint32_t>(hot.mark_us) + kLingerMs : idle;
  if ((hot.packets[0] | hot.packets[1]) == 0) return end;
  const uint32_t active = hot.slice_tick_ms + settings_.active_ms;
  return static_cast<int32_t>(active - end) < 0 ? active : end;
}

bool FlowTable::settle(uint32_t slot, uint32_t tick_ms) {
  FlowHot& hot = hot_[slot];
  const bool closed = (hot.state & kClosed) != 0;
  const uint32_t end = closed ? static_cast<uint32_t>(hot.mark_us) + kLingerMs : hot.last_tick_ms + settings_.idle_ms;
  const uint32_t active = hot.slice_tick_ms + settings_.active_ms;
  const bool has_packets = (hot.packets[0] | hot.packets[1]) != 0;
  if (has_packets && static_cast<int32_t>(tick_ms - active) >= 0 && static_cast<int32_t>(end - active) > 0) {
    tell(slot, EndReason::Active);
    next_slice(slot);
  }
  if (static_cast<int32_t>(tick_ms - end) < 0) return false;
  tell(slot, closed ? EndReason::Ended : EndReason::Idle);
  return true;
}

void FlowTable::next_slice(uint32_t slot) {
  FlowHot& hot = hot_[slot];
  FlowCold& cold = cold_[slot];
  hot.packets = {};
  hot.octets = {};
  hot.tcp_flags = {};
  hot.retransmitted = cold.out_of_order = 0;
  cold.tunnels_slice += uint64_t{1} << kSliceShift;
}

void FlowTable::release(uint32_t slot) {
  FlowHot& hot = hot_[slot];
  if (follower_ != nullptr) follower_->gone(slot);
  index_.erase(tag(hot), slot);
  wheel_.remove(slot);
  if (const uint32_t outer = cold_[slot].outer; outer != kNoOuter) free_outer_.push_back(outer);
  if (cold_[slot].watch != 0) observer_->closed(cold_[slot].watch);
  hot.state = 0;
  hot.key = FlowKey{};  // like no packet's
  free_.push_back(slot);
  --open_;
  counters_.open.set(open_);
}

void FlowTable::end(uint32_t slot, EndReason reason) {
  tell(slot, reason);
  release(slot);
}

void FlowTable::expire(uint32_t tick_ms, uint32_t most) {
  constexpr uint32_t kAtOnce = 16;
  uint32_t slots[kAtOnce];
  while (most > 0) {
    const uint32_t count = wheel_.take_due(tick_ms, slots, std::min(most, kAtOnce));
    if (count == 0) return;
    for (uint32_t at = 0; at < count; ++at) prefetch_all(slots[at]);
    for (uint32_t at = 0; at < count; ++at) index_.prefetch(tag(hot_[slots[at]]));
    for (uint32_t at = 0; at < count; ++at) {
      const uint32_t slot = slots[at];
      if (settle(slot, tick_ms)) {
        release(slot);
      } else {
        wheel_.add(slot, deadline(hot_[slot]));
      }
    }
    most -= count;
  }
}

/// The flow without packets for the longest time goes (to a quarter of a second, the width of a bucket). A flow stands
/// in the wheel at or before its real deadline, so the oldest of the nearest ones is the oldest of all when its own
/// deadline is not behind theirs. If it is, they move to where they belong now, and others are the nearest.
void FlowTable::evict_oldest() {
  constexpr uint32_t kCandidates = 32;
  constexpr int kRounds = 8;
  constexpr int32_t kBucketMs = 1 << TimingWheel::kBucketShift;
  uint32_t slots[kCandidates] = {};
  uint32_t oldest = 0;
  for (int round = 0; round < kRounds; ++round) {
    uint32_t horizon_ms = 0;
    const uint32_t count = wheel_.nearest(slots, kCandidates, horizon_ms);
    assert(count > 0);
    oldest = slots[0];
    for (uint32_t at = 1; at < count; ++at) {
      if (idle_longer(hot_[slots[at]], hot_[oldest])) oldest = slots[at];
    }
    const FlowHot& hot = hot_[oldest];
    if ((hot.state & kClosed) != 0 ||
        static_cast<int32_t>(hot.last_tick_ms + settings_.idle_ms - horizon_ms) <= kBucketMs)
      break;
    for (uint32_t at = 0; at < count; ++at) move_in_wheel(slots[at]);
  }
  if ((hot_[oldest].state & kClosed) != 0) {
    end(oldest, EndReason::Ended);
    return;
  }
  counters_.evicted.add();
  end(oldest, EndReason::LackOfResources);
}

/// A closed flow only waits for late packets: it goes before any other.
bool FlowTable::idle_longer(const FlowHot& hot, const FlowHot& than) {
  const bool closed = (hot.state & kClosed) != 0;
  if (closed != ((than.state & kClosed) != 0)) return closed;
  const auto later = static_cast<int32_t>(hot.last_tick_ms - than.last_tick_ms);
  return later != 0 ? later < 0 : hot.last_us < than.last_us;
}

void FlowTable::finish(uint32_t tick_ms) {
  expire(tick_ms, 0xffffffff);
  for (uint32_t slot = 0; slot < used_high_; ++slot) {
    const FlowHot& hot = hot_[slot];
    if ((hot.state & kUsed) == 0) continue;
    if (settle(slot, tick_ms)) {
      release(slot);
    } else {
      end(slot, (hot.state & kClosed) != 0 ? EndReason::Ended : EndReason::Forced);
    }
  }
}

}  // namespace microcloud
