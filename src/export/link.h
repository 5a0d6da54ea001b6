// The way to one collector: a transport session, or several one after the other.
#pragma once

#include <chrono>
#include <mutex>
#include <string>

#include "export/message.h"

namespace microcloud {

using SteadyTime = std::chrono::steady_clock::time_point;

/// Used by the output thread alone; its counters and away() by any.
class Link {
 public:
  explicit Link(std::string name) : name_(std::move(name)) {}
  virtual ~Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// What begins each session: templates and what describes them.
  class Opening {
   public:
    virtual ~Opening() = default;
    virtual void begin_session() = 0;
  };
  virtual void start(Opening& opening) = 0;

  /// The largest message that the way takes.
  virtual size_t largest_message() const = 0;
  /// Takes the messages, stamps them, sends or holds them, and counts what became of them. `batch` is left cleared.
  virtual void send(MessageBatch& batch) = 0;
  /// Sends what is held, notices what broke, connects again when it is time.
  virtual void progress(SteadyTime) {}
  /// So much is held that it takes no more data records now.
  virtual bool full() const { return false; }
  /// Whether something is held that the collector may yet take.
  virtual bool waiting() const { return false; }
  /// No more will come: what is held by now is lost; closes.
  virtual void finish() = 0;
  /// Failed for good (a file that cannot be written). Else empty.
  virtual std::string error() const { return {}; }
  /// After finish(): a sentence that says what the collector did not take, and why; empty when it took everything.
  virtual std::string not_taken() const { return {}; }
  /// Whether templates must be repeated, as their receiver may have missed them.
  virtual bool forgets() const { return false; }

  /// Why the collector cannot be reached now; empty while it can, as far as one knows.
  std::string away() const {
    const std::lock_guard lock(mutex_);
    return away_;
  }

  const std::string& name() const { return name_; }
  const ExportCounters& counters() const { return counters_; }
  ExportCounters& counters() { return counters_; }
  Session& session() { return session_; }

 protected:
  void set_away(std::string why) {
    const std::lock_guard lock(mutex_);
    away_ = std::move(why);
  }

  std::string name_;  // as the user gave it
  ExportCounters counters_;
  Session session_;

 private:
  mutable std::mutex mutex_;
  std::string away_;
};

}  // namespace microcloud
