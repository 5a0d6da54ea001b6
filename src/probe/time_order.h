// Live capture: packets of one flow that came by several ways (rings, interfaces, other workers) in the order of time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "probe/handover.h"

namespace microcloud {

/// A queue for each of a worker's inputs, and the ways from other workers, each in the order of time; what is taken is
/// in the order of all. A packet waits until none from before it can come by any way, as each says how far it is, but
/// not while the longest hold of traffic has come behind it, nor once a queue is half full: then the order may suffer,
/// and nothing is lost. One thread.
class TimeOrder {
 public:
  static constexpr int64_t kLongestHoldUs = 2'000'000;

  TimeOrder(size_t inputs, const std::vector<Handover*>& inboxes, int64_t longest_hold_us = kLongestHoldUs);

  /// Of an input; false: there is no room until some were taken and released.
  bool put(size_t input, const Packet& packet);
  /// What comes from this input from now on is not from before that time; Handover::kEnded: nothing comes.
  void complete(size_t input, int64_t until_us);
  /// The next packets; they stay until release(). 0: none that need not wait.
  size_t take(std::span<Packet> packets);
  void release();
  /// As of the last take().
  bool waiting() const;
  /// Nothing waits, and nothing comes any more.
  bool ended() const;
  size_t queues() const { return queues_.size(); }

 private:
  struct Queue {
    Handover* from;
    const uint8_t* head = nullptr;  // a message that is still in the ring; null: there is none
    int64_t head_us = 0;
    int64_t complete_us = Handover::kNothingYet;  // as it was before the ring was looked at
  };
  static void find_head(Queue& queue);
  bool look();
  int64_t ripe_us() const;

  const int64_t longest_hold_us_;
  std::vector<std::unique_ptr<Handover>> own_;  // of the inputs
  std::vector<Queue> queues_;                   // theirs first
};

}  // namespace microcloud
