// Commands that wait for their replies, which come in the order of the commands (RFC 2920, RFC 2449): which reply is
// whose, also after octets went missing.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace microcloud {

/// While nothing is missing the first command waits for the next reply. Where octets are missing in either direction
/// nobody knows how many commands and replies they held: what waits is given up. A client that always has waited for
/// one reply before its next command goes on to do so: its newest command waits for the next reply that is not older.
/// One that does not wait gets no more replies told until the protocol knows (`resume`). Times are of the packets: one
/// direction may be read later than the other.
template <typename Command>
class ReplyQueue {
 public:
  static constexpr size_t kMost = 256;

  struct Waiting {
    Command command;
    int64_t time_us;
    bool timed = true;  // nothing that would come behind it is missing
  };
  struct Answered {
    Command command;
    std::optional<int64_t> sent_us;  // nothing where octets are missing: it may be another one's reply, or came later
  };

  /// False when too many wait: then all are given up.
  bool sent(const Command& command, int64_t time_us) {
    if (in_doubt_) {
      const bool at_once = last_sent_us_ == time_us;  // in one segment
      last_sent_us_ = time_us;
      pipelines_ = pipelines_ || at_once;
      waiting_.clear();
      if (!pipelines_) waiting_.push_back({command, time_us});
      return true;
    }
    last_sent_us_ = time_us;
    pipelines_ = pipelines_ || !waiting_.empty();
    if (waiting_.size() == kMost) {
      lose();
      return false;
    }
    waiting_.push_back({command, time_us});
    return true;
  }

  /// Whose reply this is; nothing: nobody knows, or nobody waits.
  std::optional<Answered> answered(int64_t time_us) {
    if (next(time_us) == nullptr) return std::nullopt;
    const Waiting first = waiting_.front();
    waiting_.pop_front();
    return Answered{first.command, in_doubt_ || !first.timed ? std::nullopt : std::optional(first.time_us)};
  }
  /// The newest command has more octets than its line: these came now; nothing: some of them are missing.
  void goes_on(std::optional<int64_t> time_us) {
    if (waiting_.empty()) return;
    Waiting& newest = waiting_.back();
    newest.timed = time_us.has_value();
    newest.time_us = time_us.value_or(newest.time_us);
  }
  /// The command whose reply this would be; nullptr as above.
  const Command* next(int64_t time_us) const {
    if (waiting_.empty() || (in_doubt_ && time_us < waiting_.front().time_us)) return nullptr;
    return &waiting_.front().command;
  }

  /// Octets are missing, or a reply came that nobody waits for.
  void lose() {
    waiting_.clear();
    in_doubt_ = true;
    last_sent_us_ = INT64_MIN;
  }
  /// Nothing but this command waits.
  void resume(const Command& command, int64_t time_us) {
    waiting_.clear();
    waiting_.push_back({command, time_us});
    in_doubt_ = false;
    last_sent_us_ = time_us;
  }
  bool in_doubt() const { return in_doubt_; }
  bool empty() const { return waiting_.empty(); }
  const std::deque<Waiting>& waiting() const { return waiting_; }

 private:
  std::deque<Waiting> waiting_;
  int64_t last_sent_us_ = INT64_MIN;
  bool pipelines_ = false;  // has sent a command before the reply to the one before
  bool in_doubt_ = false;
};

}  // namespace microcloud
