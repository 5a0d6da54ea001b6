#include "cloud/events.h"

#include <algorithm>

namespace microcloud {

void Events::add(std::string_view channel, std::string payload) {
  Event event{prefix_ + std::string(channel), std::move(payload)};
  const std::lock_guard lock(mutex_);
  bytes_ += event.bytes();
  waiting_.push_back(std::move(event));
  while (bytes_ > most_bytes_) {
    bytes_ -= waiting_.front().bytes();
    waiting_.pop_front();
    counts_.overflowed.add();
  }
}

bool Events::take(resp::Commands& commands, std::string& channel) {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty() || out_ >= kMostOut) return false;
  channel = waiting_.front().channel;
  while (!waiting_.empty() && commands.count() < kAtOnce) {
    const Event& event = waiting_.front();
    commands.add("PUBLISH", event.channel, event.payload);
    bytes_ -= event.bytes();
    waiting_.pop_front();
  }
  ++out_;
  return true;
}

/// In a cluster any server takes all: each passes an event on to the others.
void Events::send(UpdateWay& way) {
  for (;;) {
    resp::Commands commands;
    std::string channel;
    if (!take(commands, channel)) return;
    way.send(channel, commands, [this, count = commands.count()](const resp::Result& result) {
      for (const resp::Value& reply : result.replies) (reply.is_error() ? counts_.refused : counts_.published).add();
      counts_.lost.add(count - std::min(count, result.replies.size()));
      const std::lock_guard lock(mutex_);
      --out_;
    });
  }
}

bool Events::empty() const {
  const std::lock_guard lock(mutex_);
  return waiting_.empty() && out_ == 0;
}

}  // namespace microcloud
