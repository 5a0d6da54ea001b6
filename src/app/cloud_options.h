// The options of the MicroCloud.
#pragma once

#include <CLI/CLI.hpp>

#include "app/cloud_output.h"

namespace microcloud {

void declare_cloud(CLI::App& app, CloudOptions& options);

}  // namespace microcloud
