#include "probe/time_order.h"

#include <algorithm>

namespace microcloud {

TimeOrder::TimeOrder(size_t inputs, const std::vector<Handover*>& inboxes, int64_t longest_hold_us)
    : longest_hold_us_(longest_hold_us) {
  for (size_t at = 0; at < inputs; ++at) {
    own_.push_back(std::make_unique<Handover>(Handover::kLiveBytes));
    queues_.push_back({own_.back().get()});
  }
  for (Handover* inbox : inboxes) queues_.push_back({inbox});
}

bool TimeOrder::put(size_t input, const Packet& packet) {
  ByteRing& ring = own_[input]->ring;
  const bool room = put_packet(ring, packet);
  ring.publish();
  return room;
}

void TimeOrder::complete(size_t input, int64_t until_us) {
  own_[input]->complete_us.store(until_us, std::memory_order_release);
}

void TimeOrder::find_head(Queue& queue) {
  size_t size = 0;
  queue.head = queue.from->ring.peek(size);
  if (queue.head != nullptr) queue.head_us = time_of(queue.head);
}

/// True when a queue is half full.
bool TimeOrder::look() {
  bool pressed = false;
  for (Queue& queue : queues_) {
    queue.complete_us = queue.from->complete_us.load(std::memory_order_acquire);
    if (queue.head == nullptr) find_head(queue);
    pressed = pressed || queue.from->ring.held() > queue.from->ring.capacity() / 2;
  }
  return pressed;
}

/// Up to this time nothing has to wait.
int64_t TimeOrder::ripe_us() const {
  int64_t all = Handover::kEnded;
  int64_t newest = Handover::kNothingYet;
  for (const Queue& queue : queues_) {
    if (queue.head == nullptr) all = std::min(all, queue.complete_us);
    if (queue.complete_us != Handover::kEnded) newest = std::max(newest, queue.complete_us);
  }
  return std::max(all, newest - longest_hold_us_);
}

size_t TimeOrder::take(std::span<Packet> packets) {
  const bool pressed = look();
  size_t count = 0;
  while (count < packets.size()) {
    Queue* first = nullptr;
    int64_t until_us = pressed ? Handover::kEnded : ripe_us();
    for (Queue& queue : queues_) {
      if (queue.head == nullptr) continue;
      if (first == nullptr || queue.head_us < first->head_us) {
        if (first != nullptr) until_us = std::min(until_us, first->head_us);
        first = &queue;
      } else {
        until_us = std::min(until_us, queue.head_us);
      }
    }
    if (first == nullptr || first->head_us > until_us) break;
    while (first->head != nullptr && first->head_us <= until_us && count < packets.size()) {
      size_t size = 0;
      get_packet(first->from->ring.read(size), packets[count++]);
      find_head(*first);
    }
  }
  return count;
}

void TimeOrder::release() {
  for (const Queue& queue : queues_) queue.from->ring.release();
}

bool TimeOrder::waiting() const {
  return std::ranges::any_of(queues_, [](const Queue& queue) { return queue.head != nullptr; });
}

bool TimeOrder::ended() const {
  return std::ranges::all_of(queues_, [](const Queue& queue) {
    return queue.from->complete_us.load(std::memory_order_acquire) == Handover::kEnded && queue.from->ring.empty();
  });
}

}  // namespace microcloud
