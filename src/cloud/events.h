// Events on their way to the MicroCloud's channels (PUBLISH): at most once, as channels are. Bounded, and nobody waits.
#pragma once

#include <deque>
#include <mutex>
#include <string>

#include "base/counter.h"
#include "cloud/update_way.h"

namespace microcloud {

struct EventCounts {
  Counter published;
  Counter overflowed;  // too many waited, the oldest went
  Counter lost;        // the connection broke with them
  Counter refused;     // by the server
};

class Events {
 public:
  Events(std::string prefix, size_t most_bytes) : prefix_(std::move(prefix)), most_bytes_(most_bytes) {}

  /// Any thread. `channel` without the realm: event.flow.
  void add(std::string_view channel, std::string payload);
  /// On the loop's thread, while the way is connected; what waits goes out.
  void send(UpdateWay& way);
  /// Any thread: nothing waits, and all that was sent is answered.
  bool empty() const;

  const EventCounts& counts() const { return counts_; }

 private:
  static constexpr size_t kAtOnce = 128;  // events
  static constexpr size_t kMostOut = 8;   // times so many

  struct Event {
    std::string channel;
    std::string payload;
    size_t bytes() const { return channel.size() + payload.size(); }
  };

  bool take(resp::Commands& commands, std::string& channel);

  std::string prefix_;
  size_t most_bytes_;
  mutable std::mutex mutex_;
  std::deque<Event> waiting_;
  size_t bytes_ = 0;
  size_t out_ = 0;
  EventCounts counts_;
};

}  // namespace microcloud
