// Who looks into the packets of flows: the flow table calls it, on its thread, for the flows that it wants to see.
#pragma once

#include <optional>

#include "flow/flow.h"
#include "flow/flow_record.h"
#include "packet/packet.h"

namespace microcloud {

/// A flow as its observer sees it. Valid during the call.
class FlowView {
 public:
  FlowView(const FlowHot& hot, const FlowCold& cold) : hot_(hot), cold_(cold) {}
  /// Source is the initiator.
  Common common() const;
  /// The same, into what an earlier call has given of the flow, or nothing has.
  void tell(Common& common) const;
  const FlowKey& key() const { return hot_.key; }
  bool initiator_is_low() const { return (hot_.state & flow_state::kInitiatorHigh) == 0; }
  /// TCP: behind the last octet that this end has sent, when one was seen.
  std::optional<uint32_t> next_sequence(bool of_low) const {
    const unsigned from = of_low ? 0 : 1;
    if ((hot_.state & flow_state::kSequenceLow << from) == 0) return std::nullopt;
    return hot_.next_sequence[from];
  }

 private:
  const FlowHot& hot_;
  const FlowCold& cold_;
};

/// Keeps what it knows of a flow under a handle of its own choice, 0: nothing.
class FlowObserver {
 public:
  struct Watch {
    uint32_t handle = 0;
    bool more = false;  // its next packets are to be shown
  };

  virtual ~FlowObserver() = default;
  /// A flow begins; its first packet is shown next.
  virtual Watch opened(const FlowView& flow) = 0;
  virtual Watch packet(uint32_t handle, const Packet& packet, const FlowView& flow) = 0;
  /// No packet follows. The flow's last record is made next.
  virtual void over(uint32_t handle, EndReason why, const FlowView& flow) = 0;
  /// A record of the flow, or of a slice of it, is made: puts in what is known.
  virtual void describe(uint32_t handle, EndReason why, FlowRecord& record) = 0;
  /// The same, of a flow that goes on: nothing changes.
  virtual void peek(uint32_t handle, FlowRecord& record) = 0;
  /// The handle is free.
  virtual void closed(uint32_t handle) = 0;
};

}  // namespace microcloud
