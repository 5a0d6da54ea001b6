#include "node/supervisor.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iterator>
#include <stdexcept>

#include "base/log.h"
#include "base/thread_name.h"

namespace microcloud::node {
namespace {

constexpr Milliseconds kFirstPause{100};
constexpr Milliseconds kLongestPause{10'000};
constexpr Milliseconds kToEnd{4000};  // signals end a command within 5 s
constexpr Milliseconds kToRepair{600'000};

/// "41:M 26 Nov 2026 02:31:24.000 * Ready to accept connections": its mark and its text.
struct ServerLine {
  char mark;
  std::string_view text;
};
ServerLine parse(std::string_view line) {
  constexpr std::string_view kMarks = ".-*#";
  for (size_t at = line.find(' '); at != std::string_view::npos; at = line.find(' ', at + 1)) {
    if (at + 3 < line.size() && kMarks.find(line[at + 1]) != std::string_view::npos && line[at + 2] == ' ')
      return {line[at + 1], line.substr(at + 3)};
  }
  return {'#', line};  // not of the server's log: what is printed before there is one
}

/// What has the mark of a warning though all is well: a cluster works (again), a replica has read its copy.
constexpr std::string_view kWorks = "Cluster state changed: ok", kReplicaReads = "Diskless rdb transfer, done reading";

/// A server that comes up says much with the mark of a warning that is none.
bool tells_trouble(std::string_view text) {
  constexpr std::string_view kWords[] = {"arning", "WARNING", "rror", "ail", "Can't", "annot", "Bad ", "atal", "abort"};
  return std::any_of(std::begin(kWords), std::end(kWords),
                     [text](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

}  // namespace

Supervisor::Supervisor(const ServerProgram& program, ServerPlace place, StartWarnings& warnings)
    : program_(program), place_(std::move(place)), warnings_(warnings) {}

Supervisor::~Supervisor() {
  stop();
}

void Supervisor::begin() {
  thread_ = std::thread([this] {
    name_thread("mc-supervisor");
    run();
  });
}

void Supervisor::ask_to_end() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

void Supervisor::stop() {
  ask_to_end();
  if (thread_.joinable()) thread_.join();
}

Supervisor::State Supervisor::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

bool Supervisor::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

std::string Supervisor::why_not() const {
  const std::lock_guard lock(mutex_);
  if (state_ == State::Accepting) return {};
  return last_words_.empty() ? "it does not run yet" : "it does not accept connections: " + last_words_;
}

std::string Supervisor::last_words() const {
  const std::lock_guard lock(mutex_);
  return last_words_;
}

void Supervisor::set(State state) {
  const std::lock_guard lock(mutex_);
  state_ = state;
}

void Supervisor::pause(Milliseconds time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [this] { return stopping_; });
}

void Supervisor::run() {
  bool ever_accepted = false;
  Milliseconds next_pause = kFirstPause;
  while (!stopping()) {
    bool accepted = false;
    try {
      accepted = live();
    } catch (const std::runtime_error& error) {
      const std::lock_guard lock(mutex_);
      last_words_ = error.what();
    }
    if (stopping()) return;
    ever_accepted = ever_accepted || accepted;
    if (!ever_accepted) return set(State::Failed);
    set(State::Starting);
    if (accepted) next_pause = kFirstPause;
    log_error(name() + " has ended by itself (" + why_not() + "); it is started again");
    pause(next_pause);
    next_pause = std::min(next_pause * 2, kLongestPause);
  }
}

bool Supervisor::live() {
  repair();
  const uint64_t before = counts_.starts.get();
  Process process({program_.server, place_.folder + "/redis.conf"});
  listen(process);
  end(process);
  return counts_.starts.get() != before;
}

/// Redis 7.0 cuts a log whose end is damaged, but leaves an open MULTI in it, whose half would be run at the next start
/// but one. Its own tool cuts at the beginning of that MULTI.
void Supervisor::repair() {
  const std::string manifest = place_.folder + "/appendonlydir/appendonly.aof.manifest";
  if (!std::filesystem::exists(manifest)) return;
  const Finished checked = run_program({program_.check_aof, manifest}, {}, kToRepair);
  if (checked.status == 0) return;
  const Finished mended =
      run_program({"/bin/sh", "-c", "yes | \"$0\" --fix \"$1\"", program_.check_aof, manifest}, {}, kToRepair);
  if (mended.status != 0) {
    throw std::runtime_error("its log of writes in " + place_.folder + "/appendonlydir is damaged, and " +
                             program_.check_aof + " --fix could not mend it");
  }
  counts_.repairs.add();
  log_warning(name() + ": the end of its log of writes was damaged, and is cut off");
}

void Supervisor::listen(Process& process) {
  constexpr Milliseconds kLook{100};
  for (;;) {
    while (const auto line = process.read_line(kLook)) hear(*line);
    if (process.over() || stopping()) return;
  }
}

void Supervisor::hear(const std::string& line) {
  const ServerLine said = parse(line);
  if (said.text.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    last_words_ = said.text;
  }
  tell(said.mark, std::string(said.text));
  if (said.text.starts_with("Ready to accept connections")) {
    counts_.starts.add();
    log_info(name() + " accepts connections");
    set(State::Accepting);
  }
}

void Supervisor::tell(char mark, const std::string& words) {
  const bool starts = state() != State::Accepting;
  LogLevel level = LogLevel::Debug;
  if (words == kWorks) {
    level = LogLevel::Info;
  } else if (mark == '#' && !words.starts_with(kReplicaReads) && (!starts || tells_trouble(words))) {
    level = LogLevel::Warning;
  }
  if (stopping() || (starts && level == LogLevel::Warning && !warnings_.is_news(place_.port, words)))
    level = LogLevel::Debug;
  log_line(level, name() + ": " + words);
}

void Supervisor::end(Process& process) {
  process.send(SIGTERM);
  const auto until = std::chrono::steady_clock::now() + kToEnd;
  while (!process.over() && std::chrono::steady_clock::now() < until) {
    if (const auto line = process.read_line(Milliseconds(100))) hear(*line);
  }
  if (process.wait(Milliseconds(200))) return;
  counts_.kills.add();
  log_error(name() + " did not end when asked, and is killed");
  process.send(SIGKILL);
  process.wait(kToEnd);
}

}  // namespace microcloud::node
