// One server of a node, kept running: its log of writes is mended before every start, what it says is told on, and when
// it ends by itself it is started again.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "base/counter.h"
#include "node/process.h"
#include "node/server_program.h"
#include "node/settings.h"
#include "node/start_warnings.h"

namespace microcloud::node {

class Supervisor {
 public:
  struct Counts {
    Counter starts;
    Counter repairs;  // a log of writes that was cut in the middle, and mended
    Counter kills;    // had to be killed at the end
  };

  /// `program` and `warnings`, which the servers of a node share, must outlive it.
  Supervisor(const ServerProgram& program, ServerPlace place, StartWarnings& warnings);
  ~Supervisor();  // stop()
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  enum class State { Starting, Accepting, Failed };

  /// Starts the server; a thread of its own watches it from then on. It accepts connections a little later, once it has
  /// loaded its data; it has failed when it ended without ever having accepted any.
  void begin();
  /// Asks the server to end and does not wait for it. Any thread.
  void ask_to_end();
  /// Waits until the server has ended; one that does not, when asked, is killed.
  void stop();

  State state() const;
  /// Why it does not accept connections; empty: it does.
  std::string why_not() const;
  /// What the server said last.
  std::string last_words() const;
  const ServerPlace& place() const { return place_; }
  const Counts& counts() const { return counts_; }

 private:
  void run();
  /// One life of the server: true, when it has accepted connections in it.
  bool live();
  void repair();
  void listen(Process& process);
  void hear(const std::string& line);
  void tell(char mark, const std::string& words);
  void end(Process& process);
  void set(State state);
  void pause(Milliseconds time);
  bool stopping() const;
  std::string name() const { return "server " + std::to_string(place_.port); }

  const ServerProgram& program_;
  const ServerPlace place_;
  StartWarnings& warnings_;
  Counts counts_;
  std::thread thread_;
  mutable std::mutex mutex_;  // the members below
  std::condition_variable changed_;
  State state_ = State::Starting;
  bool stopping_ = false;
  std::string last_words_;
};

}  // namespace microcloud::node
