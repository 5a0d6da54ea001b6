#include "node/cluster.h"

#include <functional>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "node/process.h"

namespace microcloud::node {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kSlots = 16'384;
constexpr Milliseconds kToAnswer{10'000};
constexpr std::chrono::seconds kToAgree{60};

/// The value of `name` in the lines NAME:VALUE of CLUSTER INFO.
std::string value_in(const std::string& text, const std::string& name) {
  size_t at = text.find(name + ":");
  if (at == std::string::npos) return {};
  at += name.size() + 1;
  return text.substr(at, text.find_first_of("\r\n", at) - at);
}

/// An address of this machine at which a server answers that listens on `address`.
std::string reachable(const std::string& address) {
  if (address == "*" || address == "0.0.0.0") return "127.0.0.1";
  return address == "::" || address == "::*" ? "::1" : address;
}

class Forming {
 public:
  using Look = std::function<std::string(unsigned number)>;

  Forming(const ServerProgram& program, const NodeSettings& settings, const std::string& secret)
      : program_(program), settings_(settings), secret_(secret) {}

  std::string ask(unsigned number, const std::vector<std::string>& command) const {
    return ask_server(program_, settings_, place_of(settings_, number).port, secret_, command);
  }
  std::string info(unsigned number, const std::string& name) const {
    return value_in(ask(number, {"cluster", "info"}), name);
  }
  /// Until `look(server)` gives `value`, which is called `name` when it never does.
  void wait(unsigned number, const std::string& name, const std::string& value, const Look& look) const {
    const auto until = Clock::now() + kToAgree;
    for (std::string seen = look(number); seen != value; seen = look(number)) {
      if (Clock::now() > until) {
        throw std::runtime_error("the cluster's server " + std::to_string(place_of(settings_, number).port) + " has " +
                                 name + " " + seen + " and not " + value);
      }
      std::this_thread::sleep_for(Milliseconds(100));
    }
  }
  void wait_for_info(unsigned number, const std::string& name, const std::string& value) const {
    wait(number, name, value, [&](unsigned one) { return info(one, name); });
  }
  void wait_for_all(const std::string& name, const std::string& value) const {
    for (unsigned number = 0; number < settings_.servers(); ++number) wait_for_info(number, name, value);
  }

  void share_slots() const {
    for (unsigned master = 0; master < settings_.masters; ++master) {
      const unsigned first = kSlots * master / settings_.masters;
      const unsigned last = kSlots * (master + 1) / settings_.masters - 1;
      ask(master, {"cluster", "addslotsrange", std::to_string(first), std::to_string(last)});
    }
  }
  void meet() const {
    const ServerPlace first = place_of(settings_, 0);
    for (unsigned number = 1; number < settings_.servers(); ++number)
      ask(number, {"cluster", "meet", settings_.addresses.front(), std::to_string(first.port)});
    wait_for_all("cluster_known_nodes", std::to_string(settings_.servers()));
  }
  /// Replica k of all masters, then replica k + 1: the servers behind the masters, in turn.
  void follow() const {
    for (unsigned number = settings_.masters; number < settings_.servers(); ++number) {
      const std::string master = ask(number % settings_.masters, {"cluster", "myid"});
      ask(number, {"cluster", "replicate", master.substr(0, master.find('\n'))});
    }
    const std::string all = std::to_string(settings_.servers() - settings_.masters);
    for (unsigned number = 0; number < settings_.servers(); ++number)
      wait(number, "replicas", all, [this](unsigned one) { return replicas_seen_by(one); });
  }

 private:
  /// The lines of CLUSTER NODES whose flags say so.
  std::string replicas_seen_by(unsigned number) const {
    std::istringstream lines(ask(number, {"cluster", "nodes"}));
    unsigned count = 0;
    for (std::string line; std::getline(lines, line);) count += line.find("slave ") != std::string::npos ? 1U : 0U;
    return std::to_string(count);
  }

  const ServerProgram& program_;
  const NodeSettings& settings_;
  const std::string& secret_;
};

}  // namespace

std::string ask_server(const ServerProgram& program, const NodeSettings& settings, uint16_t port,
                       const std::string& admin_secret, const std::vector<std::string>& command) {
  std::vector<std::string> words = {program.cli,
                                    "-h",
                                    reachable(settings.addresses.front()),
                                    "-p",
                                    std::to_string(port),
                                    "-e",
                                    "--user",
                                    "admin",
                                    "--no-auth-warning"};
  if (settings.tls.used()) {
    words.insert(words.end(), {"--tls", "--cert", settings.tls.certificate, "--key", settings.tls.key});
    words.insert(words.end(), {"--cacert", settings.tls.authorities});
  }
  words.insert(words.end(), command.begin(), command.end());
  const Finished done = run_program(words, {"REDISCLI_AUTH=" + admin_secret}, kToAnswer);
  if (done.status == 0) return done.output;
  const std::string said = done.output.substr(0, done.output.find('\n'));
  throw std::runtime_error("server " + std::to_string(port) + " does not take '" + command.front() +
                           (command.size() > 1 ? " " + command[1] : "") + "': " + (said.empty() ? "no answer" : said));
}

bool knows_no_other(const ServerProgram& program, const NodeSettings& settings, const std::string& admin_secret) {
  return Forming(program, settings, admin_secret).info(0, "cluster_known_nodes") == "1";
}

bool form_cluster(const ServerProgram& program, const NodeSettings& settings, const std::string& admin_secret) {
  const Forming forming(program, settings, admin_secret);
  const bool fresh = forming.info(0, "cluster_known_nodes") == "1" && forming.info(0, "cluster_slots_assigned") == "0";
  if (fresh) {
    forming.share_slots();
    forming.meet();
    forming.wait_for_all("cluster_slots_assigned", std::to_string(kSlots));
    forming.follow();
  }
  forming.wait_for_info(0, "cluster_state", "ok");
  if (const std::string masters = forming.info(0, "cluster_size"); masters != std::to_string(settings.masters)) {
    throw std::runtime_error(settings.directory + " holds a cluster of " + masters + " masters, not of " +
                             std::to_string(settings.masters));
  }
  forming.wait_for_all("cluster_state", "ok");
  return fresh;
}

}  // namespace microcloud::node
