// What microcloud node is told on its command line or in its configuration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "app/cli_forward.h"
#include "app/service_options.h"
#include "node/settings.h"

namespace microcloud {

struct NodeOptions {
  node::NodeSettings node;
  std::optional<uint64_t> memory_bytes;
  std::string replica_of;
  std::string program;
  int replicas_to_write = -1;
  bool print = false;
  ServiceOptions service;
};

void declare(CLI::App& app, NodeOptions& options);

/// Of a validation (command_line.h): fills in what depends on other options or on the machine. Throws UsageError.
void check(NodeOptions& options);

}  // namespace microcloud
