// redis.conf of one server of a node, and the settings that exactness rests on (docs/node.md says why each is there).
#pragma once

#include <string>

#include "node/settings.h"

namespace microcloud::node {

/// `replica_secret`: what the server shows its master. `before`: what its redis.conf is now, empty where there is none:
/// whom it follows there, as Redis Sentinel has written since, holds on while the settings tell the same as then.
std::string server_configuration(const NodeSettings& settings, const ServerPlace& place,
                                 const std::string& replica_secret, const std::string& before = {});
/// Whom a server follows: "HOST PORT", empty: nobody.
std::string followed_in(const std::string& configuration);

}  // namespace microcloud::node
