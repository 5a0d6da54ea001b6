// The options of the exports.
#pragma once

#include "app/cli_forward.h"
#include "app/export_output.h"

namespace microcloud {

void declare_exports(CLI::App& app, ExportOptions& options);

}  // namespace microcloud
