#include "app/node_options.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <regex>
#include <utility>

#include "app/command.h"

namespace microcloud {
namespace {

using node::NodeSettings;

constexpr uint64_t kLeastMemory = 16 << 20;  // of a server: below, its clients' buffers alone may fill it
constexpr unsigned kBusPorts = 10'000;       // a cluster's servers talk to each other on their port and this

std::string usual_directory() {
  if (geteuid() == 0) return "/var/lib/microcloud/node";
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') return std::string(state) + "/microcloud/node";
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : ".") + "/.local/state/microcloud/node";
}

uint64_t half_of_memory() {
  return static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGE_SIZE)) / 2;
}

}  // namespace

void declare(CLI::App& app, NodeOptions& options) {
  NodeSettings& node = options.node;
  app.add_option("--dir", node.directory,
                 "where its data, configuration and secrets are kept (default: /var/lib/microcloud/node for root, else "
                 "microcloud/node in $XDG_STATE_HOME or ~/.local/state)")
      ->type_name("DIR");
  app.add_option("--bind", node.addresses, "listen on this address of the machine; may be repeated")
      ->capture_default_str()
      ->type_name("ADDR");
  app.add_option("--port", node.port, "listen on this port; the other servers of a cluster take the next ones")
      ->check(CLI::Range(1, 65'535))
      ->capture_default_str()
      ->type_name("PORT");
  app.add_option("--memory", options.memory_bytes,
                 "data of all servers together; above it volatile keys go, the longest unused first (default: half of "
                 "the machine's memory)")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("SIZE");
  app.add_option("--cluster", node.masters, "run a Redis Cluster of so many masters on this machine")
      ->check(CLI::Range(1U, 100U))
      ->type_name("N");
  app.add_option("--replicas", node.replicas, "replicas of each master of the cluster")
      ->check(CLI::Range(0U, 5U))
      ->capture_default_str()
      ->type_name("N");
  app.add_flag("--cluster-member", node.cluster_member,
               "run one server of a Redis Cluster whose other servers run on other machines, with the same "
               "secrets (DIR/secrets); docs/node.md says how they are joined");
  app.add_option("--announce", node.announced,
                 "tell other servers, Sentinel and clients this address, where it is another one than --bind")
      ->type_name("ADDR");
  app.add_option("--replica-of", options.replica_of,
                 "follow this server, whose secrets must have been copied to DIR/secrets before")
      ->type_name("HOST:PORT");
  app.add_option(
         "--min-replicas", options.replicas_to_write,
         "take writes only while so many replicas follow closely (default: 1 in a cluster with replicas, else 0)")
      ->check(CLI::Range(0, 100))
      ->type_name("N");
  app.add_option("--tls-cert", node.tls.certificate, "serve TLS only, with this certificate (PEM)")->type_name("FILE");
  app.add_option("--tls-key", node.tls.key, "its private key (PEM)")->type_name("FILE");
  app.add_option("--tls-ca", node.tls.authorities, "the authorities that servers trust among themselves (PEM)")
      ->type_name("FILE");
  app.add_option("--redis-server", options.program,
                 "the server to run (default: redis-server, else valkey-server, along $PATH)")
      ->type_name("FILE");
  app.add_flag("--print-redis-config", options.print, "print the redis.conf of the first server, and start nothing");
  declare_service(app, options.service);
  app.footer(
      "Examples:\n"
      "  microcloud node                                 one server, for this machine alone\n"
      "  microcloud node --cluster 3 --replicas 1        a cluster of six servers\n"
      "  microcloud node --cluster-member --bind 10.0.0.5  one server of a cluster on several machines\n"
      "  microcloud node --bind 10.0.0.5 --tls-cert node.pem --tls-key node.key --tls-ca ca.pem");
}

namespace {

void check_tls(const node::TlsFiles& tls) {
  if (tls.certificate.empty() && tls.key.empty() && tls.authorities.empty()) return;
  if (tls.certificate.empty() || tls.key.empty() || tls.authorities.empty())
    throw UsageError("--tls-cert, --tls-key and --tls-ca go together: give all three");
  for (const auto& [option, file] : {std::pair{"--tls-cert", tls.certificate}, std::pair{"--tls-key", tls.key},
                                     std::pair{"--tls-ca", tls.authorities}}) {
    if (access(file.c_str(), R_OK) != 0)
      throw UsageError(std::string(option) + ": cannot read " + file + ": " + std::strerror(errno));
  }
}

bool is_numeric(const std::string& address) {
  in6_addr bytes{};  // large enough for both
  const std::string unscoped = address.substr(0, address.find('%'));
  return inet_pton(AF_INET, address.c_str(), &bytes) == 1 || inet_pton(AF_INET6, unscoped.c_str(), &bytes) == 1;
}

bool is_any(const std::string& address) {
  return address == "*" || address == "0.0.0.0" || address == "::";
}

/// Letters, digits, '-', '_' and dots; the last part is no number, as an address that is wrong has one (RFC 1123, 2.1).
bool is_host_name(const std::string& text) {
  static const std::regex kName(
      R"(([A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?\.)*[A-Za-z_]([A-Za-z0-9_-]*[A-Za-z0-9_])?\.?)");
  return std::regex_match(text, kName);
}

bool is_host(const std::string& text) {
  return is_numeric(text) || is_host_name(text);
}

/// HOST:PORT or [ADDRESS]:PORT.
void set_replica_of(const std::string& text, NodeSettings& settings) {
  if (text.empty()) return;
  static const std::regex kPlace(R"((?:\[([^\]]*)\]|([^:]*)):([0-9]{1,5}))");
  std::smatch parts;
  const bool matches = std::regex_match(text, parts, kPlace);
  const std::string host = matches ? parts[1].str() + parts[2].str() : "";
  const unsigned long port = matches ? std::stoul(parts[3]) : 0;
  if (!is_host(host) || port == 0 || port > 65'535)
    throw UsageError("--replica-of: '" + text +
                     "' is no HOST:PORT, as 10.0.0.5:6379, [2001:db8::5]:6379 or node.example:6379");
  settings.replica_of_host = host;
  settings.replica_of_port = static_cast<uint16_t>(port);
}

}  // namespace

void check(NodeOptions& options) {
  check_service(options.service);
  NodeSettings& node = options.node;
  check_tls(node.tls);
  set_replica_of(options.replica_of, node);
  if (node.replicas > 0 && !node.forms_cluster())
    throw UsageError("--replicas: those of a cluster: give --cluster N too");
  if (node.forms_cluster() && node.cluster_member)
    throw UsageError(
        "--cluster-member is one server of a cluster elsewhere, --cluster a whole one here: give one of them");
  if (node.cluster() && !node.replica_of_host.empty())
    throw UsageError(
        "--replica-of goes with a server alone; a cluster has --replicas, and its members agree on who follows");
  for (const std::string& address : node.addresses) {
    if (!is_host(address) && !is_any(address))
      throw UsageError("--bind: '" + address + "' is no address of a machine, as 10.0.0.5, ::1, localhost or 0.0.0.0");
  }
  if (!node.announced.empty() && !is_numeric(node.announced))
    throw UsageError("--announce: '" + node.announced + "' is no IP address");
  if (node.cluster() && node.announced.empty()) {
    if (is_any(node.addresses.front()))
      throw UsageError("--bind: the servers of a cluster tell each other their address: name one, not " +
                       node.addresses.front() + ", or --announce one");
    if (is_numeric(node.addresses.front())) node.announced = node.addresses.front();
  }
  const unsigned last = node.port + node.servers() - 1 + (node.cluster() ? kBusPorts : 0);
  if (last > 65'535) {
    throw UsageError("--port: the servers would need ports up to " + std::to_string(last) +
                     (node.cluster() ? " (a cluster's also listen 10000 above their own)" : ""));
  }
  if (node.directory.empty()) node.directory = usual_directory();
  // Servers run in folders of their own.
  for (std::string* path : {&node.directory, &node.tls.certificate, &node.tls.key, &node.tls.authorities}) {
    if (!path->empty()) *path = std::filesystem::absolute(*path);
  }
  node.memory_bytes = options.memory_bytes.value_or(half_of_memory());
  if (options.memory_bytes && node.memory_bytes < kLeastMemory * node.servers())
    throw UsageError("--memory: " + std::to_string(node.memory_bytes) +
                     " bytes are too little: " + std::to_string((kLeastMemory >> 20) * node.servers()) +
                     "MB at least (16MB for each server); a size has a unit, as 512MB or 8GB");
  const bool replicated = node.forms_cluster() && node.replicas > 0;
  node.replicas_to_write =
      options.replicas_to_write >= 0 ? static_cast<unsigned>(options.replicas_to_write) : (replicated ? 1 : 0);
}

}  // namespace microcloud
