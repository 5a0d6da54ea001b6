// Who follows the slots of a flow table: a live view of the flows that are open.
#pragma once

#include <cstdint>

namespace microcloud {

/// Called by the table, on its thread. A slot's flow is as it was before what is told.
class FlowFollower {
 public:
  virtual ~FlowFollower() = default;
  /// A flow has begun in this slot; it has no packet yet.
  virtual void begun(uint32_t slot) = 0;
  /// A record of the flow, or of a slice of it, is made next.
  virtual void telling(uint32_t slot) = 0;
  /// The flow is over, the slot free.
  virtual void gone(uint32_t slot) = 0;
};

}  // namespace microcloud
