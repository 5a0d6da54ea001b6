// A Redis Cluster of a node's own servers: its masters share the slots, its replicas follow.
#pragma once

#include <string>

#include "node/server_program.h"
#include "node/settings.h"

namespace microcloud::node {

/// Forms the cluster that the settings describe, unless the servers are one already, and waits until it works. Returns
/// whether it was formed now. All servers accept connections. Throws std::runtime_error: what a server answered, or
/// that the servers form another cluster than the settings say.
bool form_cluster(const ServerProgram& program, const NodeSettings& settings, const std::string& admin_secret);

/// Whether a cluster's only server here knows no other one. Throws std::runtime_error.
bool knows_no_other(const ServerProgram& program, const NodeSettings& settings, const std::string& admin_secret);

/// One command to one server, as admin: what redis-cli printed. Throws std::runtime_error with an error's text.
std::string ask_server(const ServerProgram& program, const NodeSettings& settings, uint16_t port,
                       const std::string& admin_secret, const std::vector<std::string>& command);

}  // namespace microcloud::node
