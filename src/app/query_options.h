// The options of microcloud query.
#pragma once

#include <string>

#include "app/cloud_options.h"
#include "app/command_line.h"

namespace microcloud {

struct QueryOptions {
  std::string question;  // keys, get, watch, top, loss
  std::string subject;   // pattern, key or tree
  CloudAccessOptions cloud;
  std::string faces_user;
  std::string faces_secret_file;
  std::string faces_ca;
  bool no_probes = false;
  uint32_t count = 20;
  std::string type;
  bool again = false;
  double interval_s = 1;
  bool json = false;
};

/// Of `top`: a tree of services, by requests; else one of traffic, by bytes.
bool tells_health(const std::string& tree);
void declare(CLI::App& app, QueryOptions& options);
/// Throws UsageError.
void check(const QueryOptions& options);

}  // namespace microcloud
