// What a node's directory holds of runs before: servers alone, and servers of a Redis Cluster, in a folder each.
#pragma once

#include <string>
#include <vector>

#include "node/settings.h"

namespace microcloud::node {

/// Before anything is written. Throws std::runtime_error where the servers would come up with data that another kind of
/// node has left: one server of a cluster served as if it were the whole, or a server alone as part of a cluster.
/// Returns a line for each server whose data is in the directory and which is not started.
std::vector<std::string> check_directory(const NodeSettings& settings);

}  // namespace microcloud::node
