// What was sent over a connection and is not answered yet: replies come in the order of the commands.
#pragma once

#include <chrono>
#include <deque>

#include "resp/client.h"

namespace microcloud::resp {

using SteadyTime = std::chrono::steady_clock::time_point;

struct Request {
  size_t expected = 0;      // replies
  bool up_to_pong = false;  // instead: all replies up to PONG
  uint64_t begins = 0;      // where its bytes begin in the connection's stream
  SteadyTime deadline = SteadyTime::max();
  Client::Done done = {};
  std::vector<Value> replies = {};
};

/// Functions that are called from here may add requests.
class Pipeline {
 public:
  void add(Request request);
  /// The next reply. False: nobody awaits one.
  [[nodiscard]] bool take(Value reply);
  /// Ends requests whose deadline has passed; their replies will be dropped.
  void expire(SteadyTime now);
  /// The connection is gone; the first `handed` bytes of its stream may have reached the server.
  void broken(uint64_t handed, const std::string& why);
  /// max: none.
  SteadyTime next_deadline() const;
  size_t awaited() const { return awaited_; }
  bool empty() const { return requests_.empty(); }

 private:
  std::deque<Request> requests_;
  size_t awaited_ = 0;
};

}  // namespace microcloud::resp
