// What waits for one lane, and what the server has not acknowledged of what was taken from it: the one thread puts
// records' updates in, the loop's takes them out.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fair_mutex.h"
#include "cloud/cluster_lane.h"
#include "cloud/lane.h"
#include "cloud/merge_buffer.h"
#include "cloud/overflow.h"
#include "cloud/piece.h"

namespace microcloud {

/// A batch on its way.
struct Batch {
  uint64_t number;
  std::string commands;  // see Piece
};

class LaneFeed final : public PieceSource, public UnitSource {
 public:
  struct Settings {
    size_t most_waiting_bytes;
    uint32_t ttl_s;
    /// Batches that the server has not acknowledged are kept readable (batches()).
    bool readable;
    /// Where what is beyond that memory goes; without a directory: nowhere. A fourth of the memory is then for what
    /// comes back.
    OverflowSettings spill = {};
    bool of_cluster = false;
    /// Locked: a key had gone and was born again, and what was cut by now of what it holds is of these times.
    std::function<void(std::string_view key, const SeenTimes& times)> reborn = {};
  };
  /// `mutex` guards what is in here; what is said to be locked is called by who holds it. Throws std::runtime_error:
  /// there is to be a spill file, and cannot be.
  LaneFeed(FairMutex& mutex, const Settings& settings);

  // Locked.
  MergeBuffer& buffer() { return buffer_; }
  const MergeBuffer& buffer() const { return buffer_; }
  /// After the buffer was changed.
  void note_ready() { ready_.store(buffer_.ready() + (overflow_ ? overflow_->ready() : 0), std::memory_order_relaxed); }
  /// What the buffer has no room for, older than what is there; nullptr: it has nowhere to go.
  const Overflow* overflow() const { return overflow_ ? &*overflow_ : nullptr; }
  /// The last batch acknowledged, and the last one that there is.
  uint64_t acknowledged() const { return acknowledged_; }
  uint64_t last() const { return std::max(acknowledged_, unacknowledged_to_); }
  /// In the order of their numbers; the texts stay as they are.
  const std::deque<std::shared_ptr<const Batch>>& batches() const { return unacknowledged_; }
  /// Nothing waits, and what was taken is settled, as far as settle() was told.
  bool empty() const { return settled_ && buffer_.size() == 0 && (!overflow_ || overflow_->empty()); }
  void settle(bool settled) { settled_ = settled; }

  // On the loop's thread, not locked.
  /// Of what waits longer than the rest, what is due.
  void release(int64_t now_ms);
  /// The server has answered something.
  void note_batches(const Lane& lane);
  size_t waiting() override { return ready(); }
  std::optional<Piece> cut() override;
  void divided(uint64_t number, const Piece& rest, const Piece& refused) override;
  void added(const Piece& piece) override;
  void reborn(const std::vector<KeyTimes>& keys) override;
  size_t ready() override { return ready_.load(std::memory_order_relaxed); }
  UnitCut cut(size_t most, const std::function<bool(resp::Slot)>& takes) override;
  void unshelve(const std::vector<resp::Slot>& slots) override;

 private:
  FairMutex& mutex_;
  const PieceLimits limits_;
  const bool readable_;
  const std::function<void(std::string_view, const SeenTimes&)> reborn_;
  MergeBuffer buffer_;
  std::optional<Overflow> overflow_;
  std::atomic<size_t> ready_{0};  // keys that may go
  std::deque<std::shared_ptr<const Batch>> unacknowledged_;
  uint64_t acknowledged_ = 0;       // the batch before them
  uint64_t unacknowledged_to_ = 0;  // the number of the last one that was put there
  bool settled_ = true;
};

}  // namespace microcloud
