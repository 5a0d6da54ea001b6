// The options of microcloud query.
#pragma once

#include <optional>
#include <string>

#include "app/cloud_options.h"
#include "app/command_line.h"

namespace microcloud {

inline constexpr uint32_t kDefaultCount = 20;
inline constexpr double kDefaultInterval = 1;  // seconds

struct QueryOptions {
  std::string question;  // keys, get, watch, top, loss
  std::string subject;   // pattern, key or tree
  CloudAccessOptions cloud;
  std::string faces_user;
  std::string faces_secret_file;
  std::string faces_ca;
  bool no_probes = false;
  std::optional<uint32_t> count;  // kDefaultCount
  std::string type;
  bool again = false;
  std::optional<double> interval_s;  // kDefaultInterval
  bool json = false;
};

/// Of `top`: a tree of services, by requests; else one of traffic, by bytes.
bool tells_health(const std::string& tree);
void declare(CLI::App& app, QueryOptions& options);
/// Throws UsageError.
void check(const QueryOptions& options);
/// A key or pattern that begins with NAME/ is one of the realm NAME, whose probes then are asked: the subject is
/// without it, and --realm is NAME. Keys of the default realm have a dot before any slash. Throws UsageError: --realm
/// is another.
void take_realm_of_subject(QueryOptions& options);

}  // namespace microcloud
