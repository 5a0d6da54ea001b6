// What may be asked of the flows that are open, and how a worker answers.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/address.h"
#include "flow/flow_record.h"
#include "packet/packet.h"
#include "record/record.h"

namespace microcloud {

/// Which flows are wanted, of a whole table. Called by workers, several at once; of no state that changes.
class FlowFilter {
 public:
  virtual ~FlowFilter() = default;
  /// False: certainly not.
  virtual bool may_take(const FlowKey& key) const = 0;
  virtual bool takes(const Common& common, const FlowRecord& flow) const = 0;
};

struct FlowQuestion {
  uint64_t number = 0;  // never the same again, rising
  /// Either the flows of these hosts, sorted, each once, or all in the table that the filter takes.
  std::vector<IpAddress> hosts;
  std::shared_ptr<const FlowFilter> filter;
  /// The answer is of one moment: where it stands in the way of records to the outputs is marked, and a flow that is
  /// told before it was looked at is answered as it was just before. Else flows are answered as they are met.
  bool exact = false;
};

/// In the ring of answers: a flow, as its record would be if its slice ended now; its views live as long as the worker.
struct OpenFlow {
  uint64_t question;
  Common common;
  FlowRecord flow;
};

/// In the ring of answers: the last of a question.
struct AnswerEnd {
  uint64_t question;
  bool whole;  // false: flows are missing, as nobody took the answer
};
static_assert(sizeof(AnswerEnd) < sizeof(OpenFlow));

}  // namespace microcloud
