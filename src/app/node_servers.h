// The servers of a node, from their files to their end.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "app/readiness.h"
#include "base/metrics.h"
#include "node/server_program.h"
#include "node/settings.h"
#include "node/start_warnings.h"
#include "node/supervisor.h"
#include "node/users.h"

namespace microcloud {

class NodeServers {
 public:
  /// Writes their configuration. Both arguments must outlive it. Throws std::runtime_error.
  NodeServers(const node::NodeSettings& settings, const node::ServerProgram& program);

  void begin();
  /// Whether all accept connections. Throws std::runtime_error when one failed.
  bool ready() const;
  void stop();
  /// Unless they form one already; returns whether it was formed now. Throws std::runtime_error.
  bool form_cluster() const;
  /// Of a cluster's member: whether it knows no other server. Throws std::runtime_error.
  bool is_alone() const;
  /// For SIGHUP: why the secrets could not be taken anew, or nothing.
  std::string reload_users();

  void tell_metrics(MetricsPage& page) const;
  void add_checks(Readiness& readiness) const;

 private:
  node::Secrets secrets() const;
  void write_users() const;
  void write_configuration(const node::ServerPlace& place) const;

  const node::NodeSettings& settings_;
  const node::ServerProgram& program_;
  mutable std::mutex mutex_;  // the secrets: SIGHUP is obeyed on a thread of its own
  node::Secrets secrets_;
  node::StartWarnings warnings_;
  std::vector<std::unique_ptr<node::Supervisor>> all_;
};

}  // namespace microcloud
