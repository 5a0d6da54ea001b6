#include "node/directory.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>

namespace microcloud::node {
namespace {

namespace fs = std::filesystem;

/// What one server has left in its folder.
struct Remains {
  bool data = false;     // its log of writes
  unsigned masters = 0;  // by nodes.conf, where it was one of a cluster
  unsigned replicas = 0;
  bool of_cluster() const { return masters + replicas > 0; }
  bool formed() const { return masters + replicas > 1; }
};

/// One line a server that the cluster knows: "ID ADDRESS FLAGS ...".
void read_nodes(const fs::path& file, Remains& found) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    const size_t address = line.find(' ');
    const size_t flags = address == std::string::npos ? address : line.find(' ', address + 1);
    if (flags == std::string::npos) continue;
    const std::string told = line.substr(flags + 1, line.find(' ', flags + 1) - flags - 1);
    if (told.find("noaddr") != std::string::npos || told.find("handshake") != std::string::npos) continue;
    found.masters += told.find("master") != std::string::npos ? 1U : 0U;
    found.replicas += told.find("slave") != std::string::npos ? 1U : 0U;
  }
}

Remains remains_in(const fs::path& folder) {
  Remains found;
  found.data = fs::exists(folder / "appendonlydir");
  if (fs::exists(folder / "nodes.conf")) read_nodes(folder / "nodes.conf", found);
  return found;
}

bool is_port(const std::string& name) {
  constexpr size_t kMostDigits = 5;
  return !name.empty() && name.size() <= kMostDigits &&
         std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

using Found = std::map<unsigned, Remains>;  // by port

Found look(const std::string& directory) {
  Found found;
  if (!fs::exists(directory)) return found;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    if (!is_port(name) || !entry.is_directory()) continue;
    const Remains one = remains_in(entry.path());
    if (one.data || one.of_cluster()) found.emplace(static_cast<unsigned>(std::stoul(name)), one);
  }
  return found;
}

bool is_started(const NodeSettings& settings, unsigned port) {
  return port >= settings.port && port < settings.port + settings.servers();
}

/// The ports of the cluster's servers in this directory.
std::vector<unsigned> cluster_ports(const Found& found) {
  std::vector<unsigned> ports;
  for (const auto& [port, one] : found) {
    if (one.of_cluster()) ports.push_back(port);
  }
  return ports;
}

std::string words(const std::vector<unsigned>& numbers) {
  std::string text;
  for (const unsigned number : numbers) text += (text.empty() ? "" : ", ") + std::to_string(number);
  return text;
}

/// The options that start again what has left `one`.
std::string as_before(const Found& found, const Remains& one) {
  const std::vector<unsigned> ports = cluster_ports(found);
  if (ports.size() < 2 && one.formed()) return "--cluster-member";
  if (!one.formed()) return "--cluster N or --cluster-member, as before";
  return "--cluster N (and --replicas), as before, with --port " + std::to_string(ports.front());
}

[[noreturn]] void refuse(const std::string& folder, const std::string& what) {
  throw std::runtime_error(folder + " holds " + what + ", or give another --dir");
}

void check_one(const NodeSettings& settings, const Found& found, unsigned port, const Remains& one) {
  const std::string folder = settings.directory + "/" + std::to_string(port);
  const bool beside = cluster_ports(found).size() > 1;
  if (!settings.cluster() && one.of_cluster())
    refuse(folder, "one server of a Redis Cluster, which has a share of the keys alone: start it with " +
                       as_before(found, one));
  if (settings.cluster() && !one.of_cluster())
    refuse(folder, "the data of a server alone, which a cluster does not share out: start it without " +
                       std::string(settings.forms_cluster() ? "--cluster" : "--cluster-member"));
  if (settings.cluster_member && one.formed() && beside)
    refuse(folder, "one of the servers " + words(cluster_ports(found)) + " of a Redis Cluster: start them with " +
                       as_before(found, one));
  if (settings.forms_cluster() && one.formed() && !beside)
    refuse(folder, "one server of a Redis Cluster of " + std::to_string(one.masters + one.replicas) +
                       " whose others are not in this directory: start it with --cluster-member");
}

/// A cluster that was formed is started with all of its servers that are here, and with no others.
void check_whole(const NodeSettings& settings, const Found& found) {
  bool formed = false;
  bool fresh = false;
  for (unsigned number = 0; number < settings.servers(); ++number) {
    const auto one = found.find(settings.port + number);
    formed = formed || (one != found.end() && one->second.formed());
    fresh = fresh || one == found.end();
  }
  const auto next = found.find(settings.port + settings.servers());
  const bool more = next != found.end() && next->second.masters + next->second.replicas > settings.servers();
  if (formed && (fresh || more))
    refuse(settings.directory, "a Redis Cluster of the servers " + words(cluster_ports(found)) +
                                   ": give --cluster, --replicas and --port as it was formed with");
}

}  // namespace

std::vector<std::string> check_directory(const NodeSettings& settings) {
  const Found found = look(settings.directory);
  std::vector<std::string> others;
  for (const auto& [port, one] : found) {
    if (is_started(settings, port)) {
      check_one(settings, found, port, one);
    } else {
      others.push_back(settings.directory + "/" + std::to_string(port) +
                       " holds the data of a server that is not started: --port tells which ones are");
    }
  }
  if (settings.forms_cluster()) check_whole(settings, found);
  return others;
}

}  // namespace microcloud::node
