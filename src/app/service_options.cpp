#include "app/service_options.h"

#include <pwd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>

#include "app/command.h"
#include "base/secret.h"
#include "net/http_listener.h"

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
  app.add_option("--metrics", options.metrics,
                 "serve /metrics, /healthz and /readyz over HTTP here; 'none': nowhere (default: none with -r, else "
                 "127.0.0.1:9475 or the next free port)")
      ->type_name("ADDR:PORT")
      ->group(kGroup);
  app.add_option("--metrics-token-file", options.metrics_token_file,
                 "a file, readable by its owner only, with the bearer token that a client of --metrics must show; "
                 "needed for any address but a loopback one (also: the environment's MICROCLOUD_METRICS_TOKEN, or the "
                 "systemd credential metrics-token)")
      ->type_name("FILE")
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
  app.add_option("--user", options.user,
                 "once everything is open, go on as this user (default for root on live capture: microcloud if there "
                 "is such a user, else nobody; root stays root, without its capabilities)")
      ->type_name("NAME")
      ->group(kGroup);
}

void check_service(const ServiceOptions& options) {
  std::string token;
  try {
    token = metrics_token(options);
  } catch (const std::runtime_error& error) {
    throw UsageError(std::string("--metrics-token-file: ") + error.what());
  }
  if (!options.user.empty() && getpwnam(options.user.c_str()) == nullptr)
    throw UsageError("--user: there is no user '" + options.user + "'");
  if (options.metrics.empty() || options.metrics == "none") return;
  try {
    if (parse_listen_address(options.metrics, kMetricsPort).loopback || !token.empty()) return;
  } catch (const std::invalid_argument& error) {
    throw UsageError(std::string("--metrics: ") + error.what() + ", and none");
  }
  throw UsageError("--metrics: other hosts could read " + options.metrics +
                   " unasked: give --metrics-token-file, or a loopback address");
}

std::string metrics_token(const ServiceOptions& options) {
  return find_secret(options.metrics_token_file, "MICROCLOUD_METRICS_TOKEN", "metrics-token");
}

LogSettings log_settings(const ServiceOptions& options) {
  const auto level = std::find(kLevels.begin(), kLevels.end(), options.log_level);
  return {.level = static_cast<LogLevel>(std::distance(kLevels.begin(), level)),
          .format = options.log_format == "json" ? LogFormat::Json : LogFormat::Text,
          .file = options.log_file};
}

}  // namespace microcloud
