// What the servers of a node warn of while they start is mostly the machine's doing, and each of them says it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace microcloud::node {

/// Any thread.
class StartWarnings {
 public:
  static constexpr size_t kMost = 256;  // what comes beyond is news each time

  /// Whether none but this server, told by its port, has said these words in the life of the node.
  bool is_news(uint16_t port, const std::string& words) {
    const std::lock_guard lock(mutex_);
    if (const auto said = said_by_.find(words); said != said_by_.end()) return said->second == port;
    if (said_by_.size() < kMost) said_by_.emplace(words, port);
    return true;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, uint16_t> said_by_;  // the first one
};

}  // namespace microcloud::node
