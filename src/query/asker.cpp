#include "query/asker.h"

#include <algorithm>
#include <new>
#include <utility>

namespace microcloud {

Asker::Asker(Probe& probe, std::function<void(unsigned lane)> wake) : probe_(probe), wake_(std::move(wake)) {
  mailboxes_ = probe_.open_mailboxes(wake_);
}

void Asker::ask(unsigned lane, FlowQuestion question, std::function<void()> at_cut) {
  Lane& one = lanes_[lane];
  question.number = ++number_;
  one.question = std::make_shared<FlowQuestion>(std::move(question));
  one.ended.assign(mailboxes_.size(), false);
  one.open = mailboxes_.size();
  one.whole = true;
  const std::lock_guard lock(mutex_);
  one.at_cut = std::move(at_cut);
  one.cut = one.question->exact ? Cut::Wanted : Cut::None;
  if (one.cut == Cut::None) begin(lane);
}

void Asker::begin(unsigned lane) {
  for (Mailbox* mailbox : mailboxes_) mailbox->ask(lane, lanes_[lane].question);
}

/// There is one cut at a time: the marks of two could stand in different orders.
bool Asker::cut_is_open() {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.cut == Cut::Open; });
}

void Asker::on_cut(unsigned lane, uint64_t number, bool made) {
  std::function<void()> at_cut;
  {
    const std::lock_guard lock(mutex_);
    Lane& one = lanes_[lane];
    if (one.cut != Cut::Open || one.question->number != number) return;
    at_cut = std::exchange(one.at_cut, nullptr);
  }
  if (made && at_cut) at_cut();
  {
    const std::lock_guard lock(mutex_);
    lanes_[lane].cut = made ? Cut::Made : Cut::GivenUp;
  }
  for (unsigned any = 0; any < Mailbox::kLanes; ++any) wake_(any);  // another lane may have waited for its turn
}

Asker::State Asker::gather(unsigned lane, size_t most, const Take& take) {
  Lane& one = lanes_[lane];
  if (!one.question) return State::Waiting;
  Cut cut;
  bool starts = false;
  {
    const std::lock_guard lock(mutex_);
    if (one.cut == Cut::Wanted && !cut_is_open()) {
      one.cut = Cut::Open;
      starts = true;
    }
    cut = one.cut;
  }
  if (starts) {
    const uint64_t number = one.question->number;
    probe_.cut(number, [this, lane, number](bool made) { on_cut(lane, number, made); });
    begin(lane);
    return State::Waiting;
  }
  if (cut == Cut::Wanted || cut == Cut::Open) return State::Waiting;
  if (cut == Cut::GivenUp) {
    one.question = nullptr;
    return State::Failed;
  }
  for (Mailbox* mailbox : mailboxes_) mailbox->listen(lane);
  for (size_t worker = 0; worker < mailboxes_.size() && most > 0; ++worker) {
    if (!one.ended[worker] && gather_from(lane, worker, most, take)) {
      one.ended[worker] = true;
      --one.open;
    }
  }
  if (one.open == 0) {
    one.question = nullptr;
    return one.whole ? State::Done : State::Failed;
  }
  return most == 0 ? State::More : State::Waiting;
}

/// True: this worker has said all.
bool Asker::gather_from(unsigned lane, size_t worker, size_t& most, const Take& take) {
  Lane& one = lanes_[lane];
  const uint64_t number = one.question->number;
  ByteRing& ring = mailboxes_[worker]->answers(lane);
  const bool closed = mailboxes_[worker]->closed();  // asked before the ring is found empty
  bool ended = false;
  size_t size = 0;
  uint8_t* message = nullptr;
  while (!ended && most > 0 && (message = ring.read(size)) != nullptr) {
    void* at = message;
    if (size == sizeof(AnswerEnd)) {
      const AnswerEnd& end = *std::launder(static_cast<const AnswerEnd*>(at));
      if (end.question != number) continue;
      one.whole = one.whole && end.whole;
      ended = true;
    } else if (const OpenFlow& open = *std::launder(static_cast<const OpenFlow*>(at)); open.question == number) {
      take(open.common, open.flow);
      --most;
    }
  }
  ring.release();
  mailboxes_[worker]->made_room(lane);
  return ended || (message == nullptr && most > 0 && closed);
}

}  // namespace microcloud
