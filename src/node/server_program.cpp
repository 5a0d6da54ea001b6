#include "node/server_program.h"

#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <stdexcept>

#include "node/process.h"

namespace microcloud::node {
namespace {

constexpr unsigned long kOldest = 7;

bool is_program(const std::string& path) {
  return access(path.c_str(), X_OK) == 0;
}

std::string find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string file = (folder.empty() ? "." : folder) + "/" + name;
    if (is_program(file)) return file;
  }
  return {};
}

/// redis-cli of /opt/redis/bin/redis-server.
std::string tool_beside(const std::string& server, const std::string& what) {
  const size_t slash = server.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : server.substr(0, slash + 1);
  const std::string name = server.substr(folder.size());
  const std::string family = name.substr(0, name.find('-'));
  for (const std::string& one : {family, std::string("redis")}) {
    if (const std::string beside = folder + one + "-" + what; !folder.empty() && is_program(beside)) return beside;
    if (const std::string found = find_program(one + "-" + what); !found.empty()) return found;
  }
  throw std::runtime_error("redis-" + what + " is missing beside " + server + ": install the package redis-tools");
}

}  // namespace

std::string version_in(const std::string& line) {
  const size_t at = line.find(" v=");
  if (at == std::string::npos) return {};
  const size_t begin = at + 3;
  return line.substr(begin, line.find(' ', begin) - begin);
}

ServerProgram find_server(const std::string& named) {
  ServerProgram program;
  if (!named.empty()) {
    program.server = named.find('/') == std::string::npos ? find_program(named) : named;
    if (program.server.empty() || !is_program(program.server))
      throw std::runtime_error("--redis-server: " + named + " is no program");
  } else {
    program.server = find_program("redis-server");
    if (program.server.empty()) program.server = find_program("valkey-server");
    if (program.server.empty())
      throw std::runtime_error(
          "there is no redis-server: install the package redis-server (or valkey), or name one with --redis-server");
  }
  const Finished asked = run_program({program.server, "--version"}, {}, Milliseconds(10'000));
  program.version = version_in(asked.output);
  if (program.version.empty())
    throw std::runtime_error(program.server + " --version names no version of Redis or Valkey");
  if (std::strtoul(program.version.c_str(), nullptr, 10) < kOldest)
    throw std::runtime_error(program.server + " is version " + program.version + ": a node needs 7.0 or later");
  program.cli = tool_beside(program.server, "cli");
  program.check_aof = tool_beside(program.server, "check-aof");
  return program;
}

}  // namespace microcloud::node
