// One server that is asked at once: whether it makes sense to ask it now (a circuit breaker), and whether it tells of
// keys that have changed since they were read (CLIENT TRACKING, as pushes of RESP3 on the same connection).
#pragma once

#include "cloud/owner_desk.h"
#include "net/loop.h"

namespace microcloud {

/// On the loop's thread.
class AskedServer {
 public:
  /// `name`: in the log. `changed`: answers() has.
  AskedServer(Loop& loop, OwnerDesk& desk, std::string name, std::function<void()> changed);

  /// Its connection is ready; it stays where it is until down().
  void up(resp::Client& client);
  void down();
  bool answers() const { return answers_; }
  bool tracked() const { return tracked_; }

  /// What became of questions that were sent in one go, or of one of them.
  void answered() { breaker_.succeeded(); }
  void late(uint64_t go, const std::string& why);

 private:
  void set_answers(bool answers);
  void ready(bool tracked);
  void try_again();

  OwnerDesk& desk_;
  const std::string name_;
  const std::function<void()> changed_;
  resp::Client* client_ = nullptr;
  Breaker breaker_;
  Timer pause_;
  uint64_t late_go_ = 0;
  bool answers_ = false;
  bool tracked_ = false;
};

}  // namespace microcloud
