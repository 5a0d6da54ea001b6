#include "app/service_options.h"

#include <algorithm>
#include <iterator>

namespace microcloud {
namespace {

constexpr const char* kGroup = "Operation";
const std::vector<std::string> kLevels = {"debug", "info", "warning", "error", "off"};  // as LogLevel has them

}  // namespace

void declare_service(CLI::App& app, ServiceOptions& options) {
  app.add_option("--stats", options.stats_s, "log a line of totals and rates so often; 0: none")
      ->check(CLI::Range(0U, 86'400U))
      ->capture_default_str()
      ->type_name("SECONDS")
      ->group(kGroup);
  app.add_option("--metrics-file", options.metrics_file,
                 "write the page of /metrics to this file at the end, and each time --stats speaks")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--log-level", options.log_level, "leave out log lines below this level")
      ->check(CLI::IsMember(kLevels))
      ->capture_default_str()
      ->type_name("LEVEL")
      ->group(kGroup);
  app.add_option("--log-format", options.log_format, "log lines for people, or one JSON object a line")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str()
      ->type_name("FORMAT")
      ->group(kGroup);
  app.add_option("--log-file", options.log_file, "append log lines to this file, not to standard error")
      ->type_name("FILE")
      ->group(kGroup);
}

LogSettings log_settings(const ServiceOptions& options) {
  const auto level = std::find(kLevels.begin(), kLevels.end(), options.log_level);
  return {.level = static_cast<LogLevel>(std::distance(kLevels.begin(), level)),
          .format = options.log_format == "json" ? LogFormat::Json : LogFormat::Text,
          .file = options.log_file};
}

}  // namespace microcloud
