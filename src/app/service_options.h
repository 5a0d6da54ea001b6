// Options that every long-running command has: what it tells of itself, and as whom it runs.
#pragma once

#include <string>

#include "app/cli_forward.h"
#include "base/log.h"

namespace microcloud {

inline constexpr uint16_t kMetricsPort = 9475;  // where nothing else is said

struct ServiceOptions {
  uint32_t stats_s = 0;
  std::string metrics;             // ADDR:PORT; empty: the command's default; "none"
  std::string metrics_token_file;  // what a client must show where others than this machine can connect
  std::string metrics_file;
  std::string log_level = "info";
  std::string log_format = "text";
  std::string log_file;
  std::string user;
};

void declare_service(CLI::App& app, ServiceOptions& options);

/// Of a validation (command_line.h). Throws UsageError.
void check_service(const ServiceOptions& options);

/// The bearer token of --metrics; empty: none was given. Throws std::runtime_error.
std::string metrics_token(const ServiceOptions& options);

LogSettings log_settings(const ServiceOptions& options);

}  // namespace microcloud
