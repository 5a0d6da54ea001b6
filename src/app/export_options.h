// The options of the exports.
#pragma once

#include <CLI/CLI.hpp>

#include "app/export_output.h"

namespace microcloud {

void declare_exports(CLI::App& app, ExportOptions& options);

}  // namespace microcloud
