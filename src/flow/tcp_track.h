// What a flow learns from TCP: who initiated it, handshake times, lost and reordered segments, its end (RFC 9293).
#pragma once

#include "flow/flow.h"

namespace microcloud {

static_assert(flow_state::kSequenceHigh == flow_state::kSequenceLow << 1);

inline uint32_t microseconds_between(int64_t earlier_us, int64_t later_us) {
  const int64_t between = later_us - earlier_us;
  return between <= 0 ? 0U : between >= kUnknownLatency ? kUnknownLatency - 1 : static_cast<uint32_t>(between);
}

/// Handshake: server half from the last SYN to SYN+ACK, client half from there to the initiator's first ACK.
inline void track_handshake(FlowHot& hot, FlowCold& cold, unsigned from, uint16_t flags, int64_t time_us) {
  using namespace flow_state;
  const bool ack = (flags & tcp_flag::kAck) != 0;
  if ((flags & tcp_flag::kSyn) != 0) {
    if ((hot.state & kInitiatorSure) == 0 && (cold.tunnels_slice >> kSliceShift) <= 1) {
      const unsigned initiator = ack ? 1 - from : from;
      hot.state =
          static_cast<uint16_t>((hot.state & ~kInitiatorHigh) | kInitiatorSure | (initiator == 1 ? kInitiatorHigh : 0));
    }
    const unsigned initiator = (hot.state & kInitiatorHigh) != 0 ? 1 : 0;
    if (!ack && from == initiator) {
      hot.mark_us = time_us;
      hot.state = static_cast<uint16_t>((hot.state & ~kWaitAck) | kWaitSynAck);
    } else if (ack && from != initiator && (hot.state & (kWaitSynAck | kWaitAck)) != 0) {
      if ((hot.state & kWaitSynAck) != 0) cold.server_latency_us = microseconds_between(hot.mark_us, time_us) / 2;
      hot.mark_us = time_us;
      hot.state = static_cast<uint16_t>((hot.state & ~kWaitSynAck) | kWaitAck);
    }
  } else if (ack && (hot.state & kWaitAck) != 0 && from == ((hot.state & kInitiatorHigh) != 0 ? 1U : 0U)) {
    cold.client_latency_us = microseconds_between(hot.mark_us, time_us) / 2;
    hot.state = static_cast<uint16_t>((hot.state & ~kWaitAck) | kWaitRequest);
  }
}

/// A segment that starts behind what was expected fills a hole or repeats. What fills a hole sooner than a round trip
/// could bring a repetition was merely overtaken on its way.
inline void track_old_segment(FlowHot& hot, FlowCold& cold, unsigned from, uint32_t start, uint32_t end,
                              int64_t time_us) {
  using namespace flow_state;
  constexpr uint32_t kDefaultRoundTripUs = 3000;
  const bool hole_is_ours = (hot.state & kHole) != 0 && ((hot.state & kHoleHigh) != 0) == (from == 1);
  if (hole_is_ours && static_cast<int32_t>(start - hot.hole_low) >= 0 &&
      static_cast<int32_t>(hot.hole_high - end) >= 0) {
    const bool known = cold.client_latency_us != kUnknownLatency && cold.server_latency_us != kUnknownLatency;
    const uint32_t round_trip_us = known ? 2 * (cold.client_latency_us + cold.server_latency_us) : kDefaultRoundTripUs;
    const uint32_t age_us = static_cast<uint32_t>(time_us) - hot.hole_us;
    ++(age_us < round_trip_us ? cold.out_of_order : hot.retransmitted);
    (start == hot.hole_low ? hot.hole_low : hot.hole_high) = start == hot.hole_low ? end : start;
    if (hot.hole_low == hot.hole_high) hot.state = static_cast<uint16_t>(hot.state & ~kHole);
    return;
  }
  ++hot.retransmitted;
}

/// A segment that is not the one expected, or that opens or closes its direction.
[[gnu::noinline]] inline void track_unexpected(FlowHot& hot, FlowCold& cold, unsigned from, const Packet& packet) {
  using namespace flow_state;
  const bool syn = (packet.tcp_flags & tcp_flag::kSyn) != 0;
  const bool fin = (packet.tcp_flags & tcp_flag::kFin) != 0;
  const uint32_t length = packet.payload_octets + (syn ? 1 : 0) + (fin ? 1 : 0);
  const uint32_t start = packet.tcp_sequence;
  const uint32_t end = start + length;
  uint32_t& next = hot.next_sequence[from];
  const auto known = static_cast<uint16_t>(kSequenceLow << from);
  const auto ahead = static_cast<int32_t>(start - next);
  if (length == 0 || (packet.tcp_flags & tcp_flag::kRst) != 0) return;
  if ((hot.state & known) == 0 || (syn && end != next)) {  // the first one seen, or a connection begun anew
    hot.state |= known;
    next = end;
  } else if (ahead == 0) {
    next = end;
  } else if (ahead > 0) {
    hot.hole_low = next;
    hot.hole_high = start;
    hot.hole_us = static_cast<uint32_t>(packet.time_us);
    hot.state = static_cast<uint16_t>((hot.state & ~kHoleHigh) | kHole | (from == 1 ? kHoleHigh : 0));
    next = end;
  } else if (ahead == -1 && packet.payload_octets <= 1 && !syn && !fin) {
    // a keep-alive or window probe: repeats one byte on purpose
  } else {
    track_old_segment(hot, cold, from, start, end, packet.time_us);
    if (static_cast<int32_t>(end - next) > 0) next = end;
  }
}

/// Of a packet that is not TCP, does nothing. What a direction's sequence is compared with before any was seen is drawn
/// by lot (FlowTable::begin), so that whether it is known need not be asked of each packet.
[[gnu::always_inline]] inline void track_sequence(FlowHot& hot, FlowCold& cold, unsigned from, const Packet& packet) {
  constexpr uint32_t kTakesOne = tcp_flag::kSyn | tcp_flag::kFin;  // of the sequence, without payload
  const uint32_t odd = (packet.tcp_sequence ^ hot.next_sequence[from]) | (packet.tcp_flags & kTakesOne);
  if ((odd & (0U - uint32_t{packet.has_tcp})) != 0) [[unlikely]] {
    track_unexpected(hot, cold, from, packet);
    return;
  }
  hot.next_sequence[from] = packet.tcp_sequence + packet.payload_octets;  // data and bare acknowledgements alike
}

/// FIN in both directions, or RST: late packets tell no more of delays. Returns true when the flow closes with this
/// packet.
inline bool track_end(FlowHot& hot, unsigned from, uint16_t flags, uint32_t tick_ms) {
  using namespace flow_state;
  if ((flags & tcp_flag::kFin) != 0) hot.state |= from == 0 ? kFinLow : kFinHigh;
  const bool both = (hot.state & (kFinLow | kFinHigh)) == (kFinLow | kFinHigh);
  if ((hot.state & kClosed) != 0 || (!both && (flags & tcp_flag::kRst) == 0)) return false;
  hot.state = static_cast<uint16_t>((hot.state & ~(kWaitSynAck | kWaitAck | kWaitRequest | kWaitResponse)) | kClosed);
  hot.mark_us = tick_ms;
  return true;
}

/// Time from the last packet of the first request to the first packet of its answer, less the round trip to the server.
inline void track_first_answer(FlowHot& hot, FlowCold& cold, unsigned from, int64_t time_us) {
  using namespace flow_state;
  const bool by_initiator = from == ((hot.state & kInitiatorHigh) != 0 ? 1U : 0U);
  if (by_initiator) {
    hot.mark_us = time_us;
    hot.state = static_cast<uint16_t>((hot.state & ~kWaitRequest) | kWaitResponse);
  } else if ((hot.state & kWaitResponse) != 0) {
    const uint32_t delay = microseconds_between(hot.mark_us, time_us);
    const uint32_t network = cold.server_latency_us == kUnknownLatency ? 0 : 2 * cold.server_latency_us;
    cold.application_latency_us = delay > network ? delay - network : 0;
    hot.state = static_cast<uint16_t>(hot.state & ~kWaitResponse);
  }
}

}  // namespace microcloud
