// Looks up a host's addresses without holding up who asks.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/target.h"

namespace microcloud {

class Resolution {
 public:
  /// Begins on a thread of its own, which nobody waits for: the system's resolver may take its time, and cannot be
  /// stopped. Addresses are known at once.
  Resolution(const Target& target, int socket_type);
  /// Whether it has ended: `addresses()` are there, or `error()` says why not.
  bool done() const;
  std::vector<SocketAddress> addresses() const;
  std::string error() const;

 private:
  struct Answer;
  std::shared_ptr<Answer> answer_;
};

}  // namespace microcloud
