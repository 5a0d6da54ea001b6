// Asks all workers of a probe about their open flows, and gathers what they answer.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "probe/probe.h"

namespace microcloud {

/// Used by one thread, that of who asks; but for what it says of itself.
class Asker {
 public:
  static constexpr unsigned kQuick = 0;  // lane for what the index of hosts answers
  static constexpr unsigned kWalk = 1;   // lane for walks through whole tables

  /// Before the probe starts, which must live as long. `wake(lane)`: gather() has something to do; called by any
  /// thread.
  Asker(Probe& probe, std::function<void(unsigned lane)> wake);
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

  /// Begins a question, in place of one that is still open in this lane. `at_cut`: of an exact one, called at the
  /// moment at which the answer stands, by the output thread or this one; it may run until idle().
  void ask(unsigned lane, FlowQuestion question, std::function<void()> at_cut);

  enum class State : uint8_t {
    Waiting,  // until wake()
    More,     // call again
    Done,
    Failed,  // flows are missing, or there was no common moment: to be asked again
  };
  using Take = std::function<void(const Common&, const FlowRecord&)>;
  /// Gives at most `most` flows of the answer. Flows come once the cut was made.
  State gather(unsigned lane, size_t most, const Take& take);

 private:
  enum class Cut : uint8_t { None, Wanted, Open, Made, GivenUp };
  struct Lane {
    std::shared_ptr<FlowQuestion> question;  // nullptr: none
    std::function<void()> at_cut;
    Cut cut = Cut::None;
    std::vector<bool> ended;  // by worker
    size_t open = 0;          // workers that have not ended
    bool whole = true;
  };

  void begin(unsigned lane);
  void on_cut(unsigned lane, uint64_t number, bool made);
  bool cut_is_open();
  bool gather_from(unsigned lane, size_t worker, size_t& most, const Take& take);

  Probe& probe_;
  std::function<void(unsigned)> wake_;
  std::vector<Mailbox*> mailboxes_;
  uint64_t number_ = 0;
  std::mutex mutex_;  // the lanes' cut
  std::array<Lane, Mailbox::kLanes> lanes_;
};

}  // namespace microcloud
