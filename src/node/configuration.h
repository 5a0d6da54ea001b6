// redis.conf of one server of a node, and the settings that exactness rests on (docs/node.md says why each is there).
#pragma once

#include <string>

#include "node/settings.h"

namespace microcloud::node {

/// `replica_secret`: what the server shows its master.
std::string server_configuration(const NodeSettings& settings, const ServerPlace& place,
                                 const std::string& replica_secret);

}  // namespace microcloud::node
