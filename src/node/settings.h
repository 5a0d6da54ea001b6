// What a MicroCloud node is told: where it keeps its data, where it listens, what it may use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace microcloud::node {

struct TlsFiles {
  std::string certificate;
  std::string key;
  std::string authorities;  // who must have signed the certificates of peers
  bool used() const { return !certificate.empty(); }
};

struct NodeSettings {
  std::string directory;
  std::vector<std::string> addresses = {"127.0.0.1"};  // to listen on
  uint16_t port = 6379;                                // of the first server; the others take the next ones
  unsigned masters = 0;                                // of a local cluster; 0: one server alone
  unsigned replicas = 0;                               // of each master of the cluster
  bool cluster_member = false;                         // one server of a cluster whose others run elsewhere
  std::string announced;        // the address that other servers and clients are told; empty: the one they see
  std::string replica_of_host;  // empty: it is no replica
  uint16_t replica_of_port = 0;
  uint64_t memory_bytes = 0;  // all servers together; what goes over it evicts volatile keys
  unsigned replicas_to_write = 0;
  TlsFiles tls;

  bool forms_cluster() const { return masters > 0; }
  bool cluster() const { return forms_cluster() || cluster_member; }
  unsigned servers() const { return forms_cluster() ? masters * (1 + replicas) : 1; }
};

/// One server of a node.
struct ServerPlace {
  std::string folder;  // its data and its configuration
  uint16_t port;
};

inline ServerPlace place_of(const NodeSettings& settings, unsigned number) {
  const auto port = static_cast<uint16_t>(settings.port + number);
  return {settings.directory + "/" + std::to_string(port), port};
}

}  // namespace microcloud::node
