// For tests: real Redis servers on free ports of 127.0.0.1, and what it takes to ask them.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "resp/client.h"

namespace microcloud::resp {

/// A port that nobody listens on; none twice.
inline uint16_t free_port() {
  static std::set<uint16_t> given;
  for (;;) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    void* place = &address;
    const bool bound = bind(fd, static_cast<const sockaddr*>(place), size) == 0 &&
                       getsockname(fd, static_cast<sockaddr*>(place), &size) == 0;
    close(fd);
    if (bound && given.insert(ntohs(address.sin_port)).second) return ntohs(address.sin_port);
  }
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = std::filesystem::temp_directory_path() / "resp-test-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A process that ends with the test.
class Process {
 public:
  Process() = default;
  ~Process() { end(); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void start(std::vector<std::string> words, const std::string& output = "/dev/null") {
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_ = fork();
    if (pid_ != 0) return;
    const int out = open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(out, 1);
    dup2(out, 2);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  void signal(int number) const { kill(pid_, number); }
  /// -9
  void end() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  /// Its exit status, when it ends by itself.
  int wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = 0;
};

inline int run(std::vector<std::string> words, const std::string& output = "/dev/null") {
  Process process;
  process.start(std::move(words), output);
  return process.wait();
}

/// One redis-server; started anew it listens on the same port.
class RedisServer {
 public:
  explicit RedisServer(std::vector<std::string> options = {}) : port_(free_port()), options_(std::move(options)) {
    start();
  }

  void start() {
    std::vector<std::string> words = {
        "redis-server", "--port", std::to_string(port_),    "--bind", "127.0.0.1", "--dir", folder_.path(),
        "--save",       "",       "--enable-debug-command", "yes"};
    words.insert(words.end(), options_.begin(), options_.end());
    process_.start(words, log());
  }
  Process& process() { return process_; }
  Endpoint endpoint() const { return {"127.0.0.1", port_}; }
  uint16_t port() const { return port_; }
  const std::string& folder() const { return folder_.path(); }
  std::string log() const { return folder_.path() + "/log"; }

 private:
  TemporaryFolder folder_;
  uint16_t port_;
  std::vector<std::string> options_;
  Process process_;
};

/// How long a test waits for what must happen, on a machine that may be busy with many others.
inline constexpr std::chrono::seconds kPatience{60};

/// Lets the loop run until `holds`; false: it did not within the time.
template <typename Condition>
bool run_until(Loop& loop, const Condition& holds, std::chrono::seconds patience = kPatience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    loop.run_for(std::chrono::milliseconds(2));
  }
  return true;
}

/// A client and what it told.
struct TestClient {
  TestClient(Loop& its_loop, Locator locator, ClientSettings settings = {})
      : loop(its_loop), client(its_loop, std::move(locator), hasty(std::move(settings)), events()) {
    client.start();
  }
  TestClient(Loop& its_loop, const RedisServer& server, ClientSettings settings = {})
      : TestClient(its_loop, located_at(server.endpoint()), std::move(settings)) {}

  static ClientSettings hasty(ClientSettings settings) {
    settings.first_pause = std::chrono::milliseconds(10);
    settings.longest_pause = std::chrono::milliseconds(50);
    return settings;
  }
  ClientEvents events() {
    return {[this](ClientEvents::State state, const std::string& why) {
              told.push_back((state == ClientEvents::State::Ready ? "ready " : "down ") + why);
            },
            [this](const Value& value) { pushed.push_back(value); }};
  }
  bool wait_ready() {
    return run_until(loop, [this] { return client.ready(); });
  }
  Result result(Commands commands, std::chrono::milliseconds deadline = {}) {
    std::optional<Result> answer;
    client.send(
        std::move(commands), [&](Result one) { answer = std::move(one); }, deadline);
    EXPECT_TRUE(run_until(loop, [&] { return answer.has_value(); }));
    return answer.value_or(Result{Outcome::Indeterminate, {}, "the test gave up"});
  }
  /// The reply to one command; an error when there is none.
  template <typename... Arguments>
  Value ask(std::string_view name, const Arguments&... arguments) {
    Commands commands;
    commands.add(name, arguments...);
    Result answer = result(std::move(commands));
    return answer.replies.empty() ? Value::of_error(answer.why) : std::move(answer.replies[0]);
  }

  Loop& loop;
  std::vector<std::string> told;
  std::vector<Value> pushed;
  Client client;
};

}  // namespace microcloud::resp
