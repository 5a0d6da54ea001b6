// The options of the MicroCloud.
#pragma once

#include "app/cli_forward.h"
#include "app/cloud_output.h"

namespace microcloud {

/// How to reach the MicroCloud and which realm, but for --cloud itself.
void declare_cloud_access(CLI::App& app, CloudAccessOptions& options);
/// All that a probe that writes to it can be told.
void declare_cloud(CLI::App& app, CloudOptions& options);

}  // namespace microcloud
