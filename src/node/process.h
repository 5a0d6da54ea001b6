// A program that runs as a child: what it prints is read line by line, and it does not outlive its parent.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace microcloud::node {

using Milliseconds = std::chrono::milliseconds;

/// Its standard output and error are one stream of lines. Used by one thread, but for send(), which any thread may
/// call.
class Process {
 public:
  /// `words`: the program's path and its arguments; `variables`: NAME=VALUE, added to the environment. Throws
  /// std::runtime_error when it cannot be started.
  explicit Process(const std::vector<std::string>& words, const std::vector<std::string>& variables = {});
  /// Kills it if it still runs.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// The next line, without its end; nothing when none came for so long, or when it closed its output (then over() is
  /// true). A line longer than 4096 bytes comes in pieces.
  std::optional<std::string> read_line(Milliseconds patience);
  bool over() const { return output_ < 0; }
  void send(int signal) const;
  /// Waits until it has ended: its exit status, or 128 + the signal that ended it, as shells tell it. Nothing: it still
  /// runs.
  std::optional<int> wait(Milliseconds patience);

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::string unread_;
  std::optional<int> status_;
};

/// What a program printed and how it ended.
struct Finished {
  int status;
  std::string output;
};

/// Runs a program to its end, at most `patience`; then it is killed, with status 137. Throws as Process does.
Finished run_program(const std::vector<std::string>& words, const std::vector<std::string>& variables,
                     Milliseconds patience);

}  // namespace microcloud::node
