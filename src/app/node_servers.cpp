#include "app/node_servers.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "base/log.h"
#include "node/cluster.h"
#include "node/configuration.h"
#include "node/private_file.h"

namespace microcloud {

using node::Supervisor;

NodeServers::NodeServers(const node::NodeSettings& settings, const node::ServerProgram& program)
    : settings_(settings), program_(program), secrets_(node::keep_secrets(settings.directory)) {
  write_users();
  for (unsigned number = 0; number < settings.servers(); ++number) {
    const node::ServerPlace place = place_of(settings, number);
    node::make_private_folder(place.folder);
    write_configuration(place);
    all_.push_back(std::make_unique<Supervisor>(program, place, warnings_));
  }
}

void NodeServers::write_configuration(const node::ServerPlace& place) const {
  const std::string file = place.folder + "/redis.conf";
  std::ifstream input(file);
  const std::string before{std::istreambuf_iterator<char>(input), {}};
  const std::string& secret = node::secret_of(secrets_, "replica");
  const std::string text = server_configuration(settings_, place, secret, before);
  const std::string followed = node::followed_in(text);
  if (followed != node::followed_in(server_configuration(settings_, place, secret)))
    log_info("server " + std::to_string(place.port) + (followed.empty() ? " is a master" : " follows " + followed) +
             ", as Redis Sentinel has decided since --replica-of was given");
  node::write_private_file(file, text);
}

void NodeServers::begin() {
  for (const auto& one : all_) one->begin();
}

bool NodeServers::ready() const {
  bool ready = true;
  for (const auto& one : all_) {
    if (one->state() == Supervisor::State::Failed)
      throw std::runtime_error("server " + std::to_string(one->place().port) +
                               " ended before it was ready: " + one->last_words());
    ready = ready && one->state() == Supervisor::State::Accepting;
  }
  return ready;
}

void NodeServers::stop() {
  for (const auto& one : all_) one->ask_to_end();
  for (const auto& one : all_) one->stop();
}

node::Secrets NodeServers::secrets() const {
  const std::lock_guard lock(mutex_);
  return secrets_;
}

void NodeServers::write_users() const {
  node::write_private_file(settings_.directory + "/users.acl", node::acl_text(secrets_));
}

bool NodeServers::form_cluster() const {
  return node::form_cluster(program_, settings_, node::secret_of(secrets(), "admin"));
}

bool NodeServers::is_alone() const {
  return node::knows_no_other(program_, settings_, node::secret_of(secrets(), "admin"));
}

/// The servers are asked with the secret that they know until then.
std::string NodeServers::reload_users() {
  const node::Secrets before = secrets();
  try {
    node::Secrets fresh = node::keep_secrets(settings_.directory);
    {
      const std::lock_guard lock(mutex_);
      secrets_ = std::move(fresh);
      write_users();
    }
    for (const auto& one : all_)
      ask_server(program_, settings_, one->place().port, node::secret_of(before, "admin"), {"acl", "load"});
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return {};
}

void NodeServers::tell_metrics(MetricsPage& page) const {
  for (const auto& one : all_) {
    const std::string port = std::to_string(one->place().port);
    page.gauge("microcloud_node_accepting", "1 while the server accepts connections.", {{"port", port}},
               one->state() == Supervisor::State::Accepting ? 1 : 0);
    page.counter("microcloud_node_starts_total", "How often the server has come up.", {{"port", port}},
                 one->counts().starts.get());
    page.counter("microcloud_node_log_repairs_total", "Logs of writes whose damaged end was cut off before a start.",
                 {{"port", port}}, one->counts().repairs.get());
    page.counter("microcloud_node_kills_total", "Servers that did not end when asked, and were killed.",
                 {{"port", port}}, one->counts().kills.get());
  }
}

void NodeServers::add_checks(Readiness& readiness) const {
  for (const auto& one : all_) {
    readiness.add("server " + std::to_string(one->place().port), [server = one.get()] { return server->why_not(); });
  }
}

}  // namespace microcloud
