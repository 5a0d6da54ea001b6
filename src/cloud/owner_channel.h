// The synchronous channel: connections of its own for questions that must be answered at once, and the news of keys
// that have changed since they were read.
#pragma once

#include <memory>
#include <thread>

#include "cloud/owner_desk.h"
#include "net/loop.h"

namespace microcloud {

class OwnerChannel {
 public:
  /// `tell` is called on the channel's thread.
  OwnerChannel(ChannelSettings settings, OwnerDesk::Tell tell);
  ~OwnerChannel() { stop(); }

  void start();
  void stop();
  /// Any thread. Each of them is answered, if stop() does not come before.
  void ask(std::vector<OwnerQuestion> questions);
  /// Any thread: whether it makes sense to ask now; of a cluster, whether any of its masters is asked.
  bool answers() const { return desk_.answers.load(std::memory_order_acquire); }
  /// Any thread: of a cluster, whether each of its masters is.
  bool all_answer() const { return desk_.all_answer.load(std::memory_order_acquire); }
  const ChannelCounts& counts() const { return desk_.counts; }

 private:
  OwnerDesk desk_;
  Loop loop_;
  std::unique_ptr<OwnerWay> way_;
  std::thread thread_;
};

}  // namespace microcloud
