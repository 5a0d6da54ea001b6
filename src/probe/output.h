// Where records end up: what the output thread calls.
#pragma once

#include <functional>
#include <string>

#include "record/record.h"

namespace microcloud {

/// Used by the output thread alone, from the first record to finish().
class Output : public RecordSink {
 public:
  /// After some records, at least every few milliseconds. True: something waits here, come back within a millisecond.
  virtual bool turn() { return false; }
  /// Records that were put here and go to no output before they have waited.
  virtual void each_waiting(const std::function<void(const RecordRef&)>&) const {}
  /// Nothing is waiting right now: let out what is buffered. Called at least every tenth of a second.
  virtual void flush() {}
  /// After the last record.
  virtual void finish() { flush(); }
  /// Not empty once the output has failed for good: one sentence. It takes no more records then.
  virtual std::string error() const { return {}; }
};

}  // namespace microcloud
