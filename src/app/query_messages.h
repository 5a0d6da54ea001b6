// microcloud query watch: messages of the MicroCloud and of the faces of live probes, as they come.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "app/everybody.h"
#include "app/query_options.h"

namespace microcloud {

/// Until `stop`. A server that goes away is told by `warn`, and heard again when it is back; new probes are looked for.
/// Throws std::runtime_error when the MicroCloud cannot be heard at first, or refuses to be.
void tell_messages(const QueryOptions& options, Everybody& everybody, const std::atomic<bool>& stop,
                   const std::function<void(const std::string&)>& warn);

}  // namespace microcloud
