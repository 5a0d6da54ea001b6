#include "resp/pipeline.h"

#include <algorithm>

namespace microcloud::resp {

void Pipeline::add(Request request) {
  awaited_ += request.expected;
  requests_.push_back(std::move(request));
}

bool Pipeline::take(Value reply) {
  if (requests_.empty()) return false;
  Request& first = requests_.front();
  const bool whole = first.up_to_pong ? reply.is("PONG") : --first.expected == 0;
  if (!first.up_to_pong) --awaited_;
  if (first.done && !(first.up_to_pong && whole)) first.replies.push_back(std::move(reply));
  if (!whole) return true;
  Request answered = std::move(first);
  requests_.pop_front();
  if (answered.done) answered.done({Outcome::Ok, std::move(answered.replies), {}});
  return true;
}

void Pipeline::expire(SteadyTime now) {
  std::vector<Request> late;
  for (Request& request : requests_) {
    if (request.deadline > now) continue;
    late.push_back({.done = std::move(request.done), .replies = std::move(request.replies)});
    request.done = nullptr;
    request.deadline = SteadyTime::max();
  }
  // Its bytes are on their way, whether or not the system has taken them: they cannot be called back.
  for (Request& request : late)
    request.done({Outcome::Indeterminate, std::move(request.replies), "no answer within the time for it"});
}

void Pipeline::broken(uint64_t handed, const std::string& why) {
  std::deque<Request> lost;
  lost.swap(requests_);
  awaited_ = 0;
  for (Request& request : lost) {
    if (!request.done) continue;
    const Outcome outcome = request.begins < handed ? Outcome::Indeterminate : Outcome::Retry;
    request.done({outcome, std::move(request.replies), why});
  }
}

SteadyTime Pipeline::next_deadline() const {
  SteadyTime next = SteadyTime::max();
  for (const Request& request : requests_) next = std::min(next, request.deadline);
  return next;
}

}  // namespace microcloud::resp
