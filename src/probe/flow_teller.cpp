#include "probe/flow_teller.h"

#include <time.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <new>
#include <thread>

namespace microcloud {
namespace {

constexpr uint32_t kAtOnce = 16;  // slots whose cache misses overlap
constexpr uint32_t kIndexed = 4;  // in a step: most touch pages that the kernel has yet to give

uint64_t thread_cpu_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

void spend_on(uint32_t& budget, uint32_t cost) {
  budget -= std::min(budget, cost);
}

}  // namespace

bool FlowTeller::work() {
  const uint64_t begun = thread_cpu_ns();
  take_questions();
  spend(kStep);
  rest();
  const uint64_t took = thread_cpu_ns() - begun;
  counters_.steps.add();
  if (took > counters_.longest_ns.get()) counters_.longest_ns.set(took);
  if (took > kLongNs) counters_.long_steps.add();
  return (active_ > 0 && !waits_) || mailbox_.has_news();
}

/// Until the next question, or until somebody takes what is answered.
void FlowTeller::rest() {
  waits_ = active_ > 0;
  for (const Walk& walk : walks_) waits_ = waits_ && (!walk.question || walk.wants_room);
  if (active_ == 0) mailbox_.rest();
  for (unsigned lane = 0; lane < walks_.size() && waits_; ++lane) {
    if (walks_[lane].question) mailbox_.rest_until_room(lane);
  }
}

void FlowTeller::take_questions() {
  if (!mailbox_.has_news()) return;
  auto fresh = mailbox_.take();
  for (unsigned lane = 0; lane < fresh.size(); ++lane) {
    if (!fresh[lane]) continue;
    if (!walks_[lane].question) ++active_;
    walks_[lane] = {};
    walks_[lane].question = std::move(fresh[lane]);
  }
}

void FlowTeller::spend(uint32_t budget) {
  for (Walk& walk : walks_) walk.wants_room = false;
  for (unsigned lane = 0; lane < walks_.size() && budget > 0; ++lane) {
    Walk& walk = walks_[lane];
    if (!walk.question) continue;
    if (!walk.is_begun && !begin(walk, budget)) continue;
    if (!walk.is_through) go_on(lane, budget);
    if (!walk.is_through || !say_end(lane, walk)) {
      walk.wants_room = !mailbox_.has_room(lane);
      continue;
    }
    walk = {};
    --active_;
    follow_or_not();
  }
}

/// Where the answer stands in the way of the records: all that is told from here on is among the answers.
bool FlowTeller::begin(Walk& walk, uint32_t& budget) {
  if (!walk.question->hosts.empty() && !build_index(budget)) return false;
  if (walk.question->exact && !records_.mark(walk.question->number)) return false;
  walk.is_begun = true;
  if (!walk.question->hosts.empty()) walk.next = index_->newest(walk.question->hosts.front());
  follow_or_not();
  return true;
}

/// True once all flows are in it.
bool FlowTeller::build_index(uint32_t& budget) {
  constexpr uint32_t kAll = 0xffffffff;
  if (index_to_ == kAll) return true;
  if (!index_) {
    index_ = std::make_unique<HostIndex>(capacity_, seed_);
    follow_or_not();
  }
  const uint32_t slots = table_.slots();
  while (index_to_ < slots && budget > 0) {
    const uint32_t end = std::min(slots, index_to_ + kIndexed);
    for (uint32_t slot = index_to_; slot < end; ++slot) table_.prefetch_key(slot);
    for (; index_to_ < end; ++index_to_) {
      if (const FlowKey* key = table_.key(index_to_); key != nullptr) index_->add(index_to_, *key);
    }
    spend_on(budget, kIndexed * kTold);
  }
  if (index_to_ < slots) return false;
  index_to_ = kAll;
  counters_.indexed.set(index_->hosts());
  return true;
}

void FlowTeller::follow_or_not() {
  const bool exact = std::any_of(walks_.begin(), walks_.end(), [](const Walk& walk) {
    return walk.question && walk.is_begun && walk.question->exact;
  });
  table_.follow(index_ || exact ? this : nullptr);
}

void FlowTeller::go_on(unsigned lane, uint32_t& budget) {
  Walk& walk = walks_[lane];
  if (!walk.question->hosts.empty()) {
    walk_hosts(lane, walk, budget);
  } else if (walk.question->filter) {
    walk_table(lane, walk, budget);
  } else {
    walk.is_through = true;
  }
  ByteRing& ring = mailbox_.answers(lane);
  ring.publish();
  // The end of an answer is told in any case; waking somebody costs more than many flows.
  if (ring.held() > ring.capacity() / 4) mailbox_.tell(lane);
}

void FlowTeller::walk_table(unsigned lane, Walk& walk, uint32_t& budget) {
  std::array<uint32_t, kAtOnce> wanted;
  while (walk.slot < table_.slots() && budget > 0 && mailbox_.has_room(lane)) {
    const uint32_t end = std::min(table_.slots(), walk.slot + kAtOnce);
    for (uint32_t slot = end; slot < std::min(table_.slots(), end + kAtOnce); ++slot) table_.prefetch_key(slot);
    size_t count = 0;
    for (uint32_t slot = walk.slot; slot < end; ++slot) {
      const FlowKey* key = table_.key(slot);
      if (key == nullptr || !walk.question->filter->may_take(*key)) continue;
      table_.prefetch_all(slot);
      wanted[count++] = slot;
    }
    for (size_t at = 0; at < count; ++at) {
      if (!put(lane, walk, wanted[at])) walk.is_broken = true;
    }
    walk.slot = end;
    spend_on(budget, kAtOnce + kTold * static_cast<uint32_t>(count));
  }
  walk.is_through = walk.is_broken || walk.slot >= table_.slots();
}

void FlowTeller::walk_hosts(unsigned lane, Walk& walk, uint32_t& budget) {
  const std::vector<IpAddress>& hosts = walk.question->hosts;
  while (budget > 0 && mailbox_.has_room(lane)) {
    if (walk.next.none()) {
      if (++walk.host >= hosts.size()) break;
      walk.next = index_->newest(hosts[walk.host]);
      spend_on(budget, kTold / 2);
      continue;
    }
    const HostIndex::Entry entry = walk.next;
    walk.next = index_->older(entry);
    if (!walk.next.none()) table_.prefetch_all(walk.next.slot);
    // A flow between two hosts that are asked for is told once.
    const bool other_asked = hosts.size() > 1 && entry.end == 1 &&
                             std::binary_search(hosts.begin(), hosts.end(), table_.key(entry.slot)->address(true));
    if (!other_asked && !put(lane, walk, entry.slot)) walk.is_broken = true;
    spend_on(budget, kTold);
  }
  walk.is_through = walk.is_broken || walk.host >= hosts.size();
}

/// Whether the walk has yet to come to this flow.
bool FlowTeller::is_unseen(const Walk& walk, uint32_t slot) const {
  const FlowKey& key = *table_.key(slot);
  const std::vector<IpAddress>& hosts = walk.question->hosts;
  if (hosts.empty()) return slot >= walk.slot && walk.question->filter && walk.question->filter->may_take(key);
  for (const bool low : {true, false}) {
    const auto found = std::lower_bound(hosts.begin(), hosts.end(), key.address(low));
    if (found == hosts.end() || *found != key.address(low)) continue;
    const auto at = static_cast<size_t>(found - hosts.begin());
    if (at != walk.host) return at > walk.host;
    return !walk.next.none() && index_->order(slot) <= index_->order(walk.next.slot);
  }
  return false;
}

/// False: there is no room, the answer is not whole.
bool FlowTeller::put(unsigned lane, Walk& walk, uint32_t slot) {
  static_assert(std::is_trivially_copyable_v<OpenFlow> && std::is_trivially_destructible_v<OpenFlow>);
  ByteRing& ring = mailbox_.answers(lane);
  uint8_t* room = ring.reserve(sizeof(OpenFlow));
  if (room == nullptr) return false;
  auto* open = new (room) OpenFlow{};
  open->question = walk.question->number;
  if (!table_.peek(slot, open->common, open->flow)) return true;
  if (walk.question->filter && !walk.question->filter->takes(open->common, open->flow)) return true;
  ring.commit(sizeof(OpenFlow));
  counters_.flows.add();
  return true;
}

bool FlowTeller::say_end(unsigned lane, Walk& walk) {
  ByteRing& ring = mailbox_.answers(lane);
  uint8_t* room = ring.reserve(sizeof(AnswerEnd));
  if (room == nullptr) return false;
  new (room) AnswerEnd{walk.question->number, !walk.is_broken};
  ring.commit(sizeof(AnswerEnd));
  ring.publish();
  if (walk.is_broken) counters_.broken.add();
  mailbox_.tell(lane);
  return true;
}

void FlowTeller::begun(uint32_t slot) {
  if (index_ && slot < index_to_) index_->add(slot, *table_.key(slot));
}

void FlowTeller::telling(uint32_t slot) {
  for (unsigned lane = 0; lane < walks_.size(); ++lane) {
    Walk& walk = walks_[lane];
    if (!walk.question || !walk.is_begun || walk.is_through || !walk.question->exact) continue;
    if (is_unseen(walk, slot) && !put(lane, walk, slot)) walk.is_broken = walk.is_through = true;
  }
}

void FlowTeller::gone(uint32_t slot) {
  if (!index_ || slot >= index_to_) return;
  for (Walk& walk : walks_) {
    if (walk.question && walk.next.slot == slot) walk.next = index_->older(walk.next);
  }
  index_->remove(slot);
}

void FlowTeller::finish() {
  table_.follow(nullptr);
  constexpr auto kPatience = std::chrono::milliseconds(500);
  const auto begun = std::chrono::steady_clock::now();
  for (unsigned lane = 0; lane < walks_.size(); ++lane) {
    if (!walks_[lane].question) continue;
    while (!say_end(lane, walks_[lane]) && std::chrono::steady_clock::now() - begun < kPatience)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  mailbox_.close();
}

}  // namespace microcloud
