#include "probe/mailbox.h"

#include <utility>

namespace microcloud {

void Mailbox::ask(unsigned lane, Question question) {
  const std::lock_guard lock(mutex_);
  lanes_[lane].question = std::move(question);
  posted_.fetch_add(1, std::memory_order_release);
  wake_.signal();
}

std::array<Mailbox::Question, Mailbox::kLanes> Mailbox::take() {
  std::array<Question, kLanes> taken;
  const std::lock_guard lock(mutex_);
  seen_ = posted_.load(std::memory_order_relaxed);
  for (unsigned lane = 0; lane < kLanes; ++lane) taken[lane] = std::exchange(lanes_[lane].question, nullptr);
  return taken;
}

void Mailbox::rest() {
  const std::lock_guard lock(mutex_);
  if (!has_news()) wake_.clear();
}

/// Of the two exchanges one is the later one: either the worker sees the room that was made before the other, or
/// made_room() sees that it wants some.
void Mailbox::rest_until_room(unsigned lane) {
  lanes_[lane].wants_room.exchange(true, std::memory_order_acq_rel);
  if (has_room(lane)) return made_room(lane);
  rest();
}

void Mailbox::made_room(unsigned lane) {
  Lane& one = lanes_[lane];
  if (!one.wants_room.exchange(false, std::memory_order_acq_rel)) return;
  if (!has_room(lane)) {  // not enough: whoever makes more comes here again
    one.wants_room.store(true, std::memory_order_release);
    return;
  }
  const std::lock_guard lock(mutex_);
  posted_.fetch_add(1, std::memory_order_release);
  wake_.signal();
}

void Mailbox::tell(unsigned lane) {
  if (!lanes_[lane].told.exchange(true, std::memory_order_seq_cst)) answered_(lane);
}

void Mailbox::close() {
  closed_.store(true, std::memory_order_release);
  for (unsigned lane = 0; lane < kLanes; ++lane) answered_(lane);
}

}  // namespace microcloud
