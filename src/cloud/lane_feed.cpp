#include "cloud/lane_feed.h"

namespace microcloud {
namespace {

size_t returning_bytes(const LaneFeed::Settings& settings) {
  return settings.spill.directory.empty() ? 0 : settings.most_waiting_bytes / 4;
}

}  // namespace

LaneFeed::LaneFeed(FairMutex& mutex, const Settings& settings)
    : mutex_(mutex),
      limits_{.ttl_s = settings.ttl_s},
      readable_(settings.readable),
      reborn_(settings.reborn),
      buffer_(settings.most_waiting_bytes - returning_bytes(settings), HashSeed::random()) {
  if (!settings.spill.directory.empty())
    overflow_.emplace(settings.spill, returning_bytes(settings), buffer_, settings.of_cluster);
}

void LaneFeed::release(int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  buffer_.release(now_ms);
  note_ready();
}

std::optional<Piece> LaneFeed::cut() {
  const std::lock_guard lock(mutex_);
  settled_ = false;  // until the lane says so
  std::optional<Piece> piece = overflow_ ? overflow_->cut(limits_) : std::nullopt;
  if (!piece) piece = cut_piece(buffer_, limits_);
  note_ready();
  if (piece && readable_)
    unacknowledged_.push_back(std::make_shared<const Batch>(Batch{++unacknowledged_to_, piece->commands}));
  return piece;
}

void LaneFeed::divided(uint64_t number, const Piece& rest, const Piece& refused) {
  if (!readable_) return;
  const std::lock_guard lock(mutex_);
  for (std::shared_ptr<const Batch>& batch : unacknowledged_) {
    if (batch->number == number) batch = std::make_shared<const Batch>(Batch{number, rest.commands});
  }
  unacknowledged_.push_back(std::make_shared<const Batch>(Batch{++unacknowledged_to_, refused.commands}));
}

void LaneFeed::added(const Piece& piece) {
  const std::lock_guard lock(mutex_);
  settled_ = false;
  if (readable_) unacknowledged_.push_back(std::make_shared<const Batch>(Batch{++unacknowledged_to_, piece.commands}));
}

void LaneFeed::reborn(const std::vector<KeyTimes>& keys) {
  if (!reborn_) return;
  const std::lock_guard lock(mutex_);
  for (const KeyTimes& one : keys) reborn_(one.key, one.times);
  if (overflow_) overflow_->note_reborn();
  note_ready();
}

/// A server that lost what it had acknowledged has those batches no more.
void LaneFeed::note_batches(const Lane& lane) {
  if (!readable_) return;
  const std::lock_guard lock(mutex_);
  const uint64_t acknowledged = lane.acknowledged();
  while (!unacknowledged_.empty() && unacknowledged_.front()->number <= acknowledged) unacknowledged_.pop_front();
  if (acknowledged < acknowledged_) {
    unacknowledged_.clear();
    for (uint64_t number = acknowledged + 1; number <= lane.last_number(); ++number) {
      if (const Piece* piece = lane.piece(number); piece != nullptr)
        unacknowledged_.push_back(std::make_shared<const Batch>(Batch{number, piece->commands}));
    }
  }
  acknowledged_ = acknowledged;
}

UnitCut LaneFeed::cut(size_t most, const std::function<bool(resp::Slot)>& takes) {
  const std::lock_guard lock(mutex_);
  settled_ = false;  // until the lane says so
  UnitCut units = overflow_ ? overflow_->cut(most, takes) : cut_units(buffer_, most, takes);
  note_ready();
  return units;
}

void LaneFeed::unshelve(const std::vector<resp::Slot>& slots) {
  const std::lock_guard lock(mutex_);
  for (const resp::Slot slot : slots) buffer_.unshelve(slot);
  if (overflow_) overflow_->unshelve(slots);
  note_ready();
}

}  // namespace microcloud
