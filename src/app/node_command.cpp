// microcloud node: wiring, signals.
#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <thread>

#include "app/command.h"
#include "app/command_line.h"
#include "app/node_options.h"
#include "app/node_servers.h"
#include "app/privileges.h"
#include "app/service.h"
#include "app/stop_signals.h"
#include "base/log.h"
#include "node/configuration.h"
#include "node/directory.h"
#include "node/private_file.h"

namespace microcloud {
namespace {

using node::NodeSettings;

constexpr std::chrono::milliseconds kLook{50};  // for signals, which wake nobody

/// Held while the node runs: two in one directory would write over each other.
class DirectoryLock {
 public:
  explicit DirectoryLock(const std::string& directory)
      : fd_(open((directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (fd_ >= 0 && flock(fd_, LOCK_EX | LOCK_NB) == 0) return;
    const int error = errno;
    if (fd_ >= 0) close(fd_);
    throw std::runtime_error(error == EWOULDBLOCK ? "another microcloud node runs in " + directory
                                                  : "cannot use " + directory + ": " + std::strerror(error));
  }
  ~DirectoryLock() { close(fd_); }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  int fd_;
};

/// The directory as the user's own, who cannot make it everywhere.
void give_to(const std::string& user, const std::string& directory) {
  if (user.empty() || geteuid() != 0) return;
  const passwd* owner = getpwnam(user.c_str());
  if (owner == nullptr) return;  // drop_privileges() says so
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (lchown(entry.path().c_str(), owner->pw_uid, owner->pw_gid) != 0)
      throw std::runtime_error("cannot give " + entry.path().string() + " to " + user + ": " + std::strerror(errno));
  }
  if (chown(directory.c_str(), owner->pw_uid, owner->pw_gid) != 0)
    throw std::runtime_error("cannot give " + directory + " to " + user + ": " + std::strerror(errno));
}

std::atomic<bool> stop_asked{false};

extern "C" void on_node_stop_signal(int) {
  if (stop_asked.exchange(true)) _exit(kExitFailed);  // servers end with their parent
}

std::string url_of(const NodeSettings& settings) {
  const std::string& host = settings.addresses.front();
  const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  const std::string place = shown + ":" + std::to_string(settings.port);
  return std::string(settings.tls.used() ? "rediss" : "redis") + (settings.cluster() ? "+cluster://" : "://") + place;
}

bool is_loopback(const std::string& address) {
  return address == "::1" || address == "localhost" || address.starts_with("127.");
}

void warn_of_open_secrets(const NodeSettings& settings) {
  if (settings.tls.used()) return;
  for (const std::string& address : settings.addresses) {
    if (is_loopback(address)) continue;
    log_warning("clients on other machines send their secrets to " + address +
                " in clear: --tls-cert, --tls-key and --tls-ca protect them");
    return;
  }
}

}  // namespace

int run_node(int count, char** arguments) {
  NodeOptions options;
  CLI::App app(
      "Run a node of the MicroCloud: a Redis server, or a cluster of them, with users, persistence and memory set up "
      "as\n"
      "probes and applications need it. It is kept running until a signal ends it.\n",
      "node");
  declare(app, options);
  if (const auto status = parse_command_line(app, count, arguments, [&options] { check(options); })) return *status;
  const NodeSettings& settings = options.node;
  if (options.print) {
    std::fputs(server_configuration(settings, place_of(settings, 0), "***").c_str(), stdout);
    return kExitDone;
  }
  set_up_log(log_settings(options.service));
  const node::ServerProgram program = node::find_server(options.program);
  node::make_private_folder(settings.directory);
  const DirectoryLock lock(settings.directory);
  for (const std::string& other : check_directory(settings)) log_warning(other);
  give_to(options.service.user, settings.directory);
  Service service(options.service);
  service.listen(true);
  log_info(drop_privileges(options.service.user));
  warn_of_open_secrets(settings);

  NodeServers servers(settings, program);
  service.on_reload("users", [&servers] { return servers.reload_users(); });
  service.metrics().add([&servers](MetricsPage& page) { servers.tell_metrics(page); });
  servers.add_checks(service.readiness());
  catch_stop_signals(on_node_stop_signal);
  service.start();
  servers.begin();
  std::string error;
  try {
    while (!servers.ready() && !stop_asked) std::this_thread::sleep_for(kLook);
    if (!stop_asked) {
      if (settings.forms_cluster() && servers.form_cluster()) log_info("the cluster is formed");
      log_info("the node is ready: " + url_of(settings) + " (version " + program.version + "), secrets in " +
               settings.directory + "/secrets");
      if (settings.cluster_member && servers.is_alone())
        log_warning(
            "this server is in no cluster yet, and takes no keys: join it (redis-cli --cluster create, or add-node)");
    }
    while (!stop_asked) std::this_thread::sleep_for(kLook);
  } catch (const std::runtime_error& failed) {
    error = failed.what();
  }
  servers.stop();
  if (const std::string unwritten = service.stop(); error.empty()) error = unwritten;
  if (!error.empty()) throw std::runtime_error(error);
  return kExitDone;
}

}  // namespace microcloud
