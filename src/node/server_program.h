// The Redis server that a node runs, and the tools that come with it.
#pragma once

#include <string>

namespace microcloud::node {

struct ServerProgram {
  std::string server;     // redis-server
  std::string cli;        // redis-cli
  std::string check_aof;  // redis-check-aof
  std::string version;    // 7.0.15
};

/// Looks for redis-server, then valkey-server, along $PATH; or takes the one that is named. Its tools stand beside it,
/// or along $PATH. Throws std::runtime_error: what is missing and the package that has it, or what it is too old for.
ServerProgram find_server(const std::string& named);

/// 7.0.15 of a line such as "Redis server v=7.0.15 sha=00000000:0 ..."; empty: there is none.
std::string version_in(const std::string& line);

}  // namespace microcloud::node
