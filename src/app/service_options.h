// Options that every long-running command has: what it tells of itself.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "base/log.h"

namespace microcloud {

struct ServiceOptions {
  uint32_t stats_s = 0;
  std::string metrics_file;
  std::string log_level = "info";
  std::string log_format = "text";
  std::string log_file;
};

void declare_service(CLI::App& app, ServiceOptions& options);

LogSettings log_settings(const ServiceOptions& options);

}  // namespace microcloud
