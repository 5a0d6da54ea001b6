#include "node/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace microcloud::node {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kLongestLine = 4096;

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

std::vector<std::string> environment_with(const std::vector<std::string>& variables) {
  std::vector<std::string> all = variables;
  for (char** one = environ; *one != nullptr; ++one) all.emplace_back(*one);
  return all;  // the first of a name counts
}

/// In the child, between fork() and exec: only calls that are safe there. A group of its own, so that Ctrl-C reaches
/// the parent alone, which ends its children in order.
[[noreturn]] void become(const char* program, char* const* words, char* const* environment, int output, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(127);  // it died before it could be watched
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  close_range(3, ~0U, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  signal(SIGXFSZ, SIG_DFL);
  execve(program, words, environment);
  _exit(127);
}

int status_of(int raw) {
  return WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
}

}  // namespace

Process::Process(const std::vector<std::string>& words, const std::vector<std::string>& variables) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    throw std::runtime_error("cannot start " + words.front() + ": " + std::strerror(errno));
  const std::vector<std::string> environment = environment_with(variables);
  const std::vector<char*> word_list = pointers(words);
  const std::vector<char*> environment_list = pointers(environment);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) become(words.front().c_str(), word_list.data(), environment_list.data(), ends[1], parent);
  close(ends[1]);
  output_ = ends[0];
  if (pid_ < 0) {
    close(output_);
    throw std::runtime_error("cannot start " + words.front() + ": " + std::strerror(errno));
  }
}

Process::~Process() {
  if (!status_) {
    kill(pid_, SIGKILL);
    int raw = 0;
    while (waitpid(pid_, &raw, 0) < 0 && errno == EINTR) {
    }
  }
  if (output_ >= 0) close(output_);
}

std::optional<std::string> Process::read_line(Milliseconds patience) {
  const auto until = Clock::now() + patience;
  for (;;) {
    const size_t end = unread_.find('\n');
    if (end != std::string::npos || unread_.size() >= kLongestLine || (over() && !unread_.empty())) {
      const size_t length = std::min({end, kLongestLine, unread_.size()});
      std::string line = unread_.substr(0, length);
      unread_.erase(0, length == end ? length + 1 : length);
      return line;
    }
    if (over()) return std::nullopt;
    const auto left = std::max(Milliseconds(0), std::chrono::ceil<Milliseconds>(until - Clock::now()));
    pollfd event{output_, POLLIN, 0};
    if (poll(&event, 1, static_cast<int>(left.count())) <= 0) {
      if (left.count() == 0 || errno != EINTR) return std::nullopt;
      continue;
    }
    std::array<char, kLongestLine> bytes{};
    const ssize_t count = read(output_, bytes.data(), bytes.size());
    if (count > 0) {
      unread_.append(bytes.data(), static_cast<size_t>(count));
    } else if (count == 0 || errno != EINTR) {
      close(output_);
      output_ = -1;
    }
  }
}

void Process::send(int signal) const {
  kill(pid_, signal);
}

std::optional<int> Process::wait(Milliseconds patience) {
  constexpr Milliseconds kLook{10};
  const auto until = Clock::now() + patience;
  while (!status_) {
    int raw = 0;
    const pid_t ended = waitpid(pid_, &raw, WNOHANG);
    if (ended == pid_) {
      status_ = status_of(raw);
    } else if (Clock::now() >= until) {
      break;
    } else {
      std::this_thread::sleep_for(kLook);
    }
  }
  return status_;
}

Finished run_program(const std::vector<std::string>& words, const std::vector<std::string>& variables,
                     Milliseconds patience) {
  Process process(words, variables);
  const auto until = Clock::now() + patience;
  const auto left = [until] {
    return std::max(Milliseconds(0), std::chrono::ceil<Milliseconds>(until - Clock::now()));
  };
  std::string output;
  while (Clock::now() < until) {
    const std::optional<std::string> line = process.read_line(left());
    if (!line) {
      if (process.over()) break;
      continue;
    }
    output += *line + '\n';
  }
  if (!process.wait(left())) {
    process.send(SIGKILL);
    process.wait(Milliseconds(5000));
    return {128 + SIGKILL, output};
  }
  return {*process.wait(Milliseconds(0)), output};
}

}  // namespace microcloud::node
