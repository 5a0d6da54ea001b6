// Which of a master's acknowledgements still hold when a replica takes over: those that every replica has confirmed. A
// master numbers what it acknowledges, 1, 2, ...; ROLE tells the offset of its stream and what each replica has of it.
#pragma once

#include <cstdint>
#include <deque>

#include "resp/value.h"

namespace microcloud {

class Confirmation {
 public:
  /// Another master, or one whose data is not what it was: its stream has other offsets. That there are replicas is not
  /// forgotten.
  void restart() {
    known_ = false;
    marks_.clear();
  }
  enum class Told : uint8_t { Nothing, Master, NoMaster };
  /// The reply to ROLE, which ran behind everything up to `acknowledged`.
  Told take(const resp::Value& reply, uint64_t acknowledged);
  /// Every replica has everything up to here.
  uint64_t confirmed() const { return confirmed_; }
  /// ROLE was answered since the last restart.
  bool known() const { return known_; }
  /// It has, or has ever had, a replica: without one at the moment nothing is confirmed.
  bool replicated() const { return replicated_; }
  void expect_replicas() { replicated_ = true; }

 private:
  struct Mark {
    int64_t offset;  // in the master's stream: before it, everything up to `number` was acknowledged
    uint64_t number;
  };
  std::deque<Mark> marks_;
  uint64_t confirmed_ = 0;
  bool known_ = false;
  bool replicated_ = false;
};

}  // namespace microcloud
