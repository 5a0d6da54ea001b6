// A worker's mailbox: questions in, answers out; no other thread reads a worker's table.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

#include "base/byte_ring.h"
#include "base/wake_up.h"
#include "probe/question.h"

namespace microcloud {

/// Two lanes, so that what is quickly answered does not wait behind a walk through the whole table. One question at a
/// time in each; a new one takes the place of the old one.
class Mailbox {
 public:
  static constexpr unsigned kLanes = 2;
  static constexpr size_t kRingBytes = size_t{1} << 20;
  using Question = std::shared_ptr<const FlowQuestion>;

  /// `answered(lane)`: there is something in the ring, and was not before; called by the worker.
  explicit Mailbox(std::function<void(unsigned lane)> answered) : answered_(std::move(answered)) {}

  // Who asks.
  void ask(unsigned lane, Question question);
  ByteRing& answers(unsigned lane) { return lanes_[lane].answers; }
  /// After it has released what it read: wakes a worker that waits for room.
  void made_room(unsigned lane);
  /// Before it looks into the ring: from now on it is told anew.
  void listen(unsigned lane) { lanes_[lane].told.store(false, std::memory_order_seq_cst); }
  /// The worker has ended: what it had to say is in the rings, of answers and of records.
  bool closed() const { return closed_.load(std::memory_order_acquire); }

  // The worker.
  bool has_news() const { return posted_.load(std::memory_order_relaxed) != seen_; }
  /// What has been asked since the last call, nullptr where nothing.
  std::array<Question, kLanes> take();
  bool has_room(unsigned lane) const {
    const ByteRing& ring = lanes_[lane].answers;
    return ring.held() < ring.capacity() / 2;  // the rest is for flows that are told before their turn
  }
  /// All is answered: unless there are news, the worker may wait until it is woken.
  void rest();
  /// Nothing can be answered until there is room in this lane: that will be news.
  void rest_until_room(unsigned lane);
  void tell(unsigned lane);
  /// Readable while something is asked and not answered.
  int wake_fd() const { return wake_.fd(); }
  void close();

 private:
  struct Lane {
    Question question;  // under the mutex
    ByteRing answers{kRingBytes};
    std::atomic<bool> told{false};
    std::atomic<bool> wants_room{false};
  };

  std::function<void(unsigned)> answered_;
  std::array<Lane, kLanes> lanes_;
  std::mutex mutex_;
  std::atomic<uint64_t> posted_{0};
  uint64_t seen_ = 0;  // the worker's own
  std::atomic<bool> closed_{false};
  WakeUp wake_;
};

}  // namespace microcloud
