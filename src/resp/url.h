// Where the MicroCloud is, as the user writes it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/stream.h"

namespace microcloud::resp {

struct Url {
  enum class Kind : uint8_t { Node, Cluster, Sentinel };
  Kind kind = Kind::Node;
  bool tls = false;
  std::vector<Endpoint> endpoints;  // of the node, of some nodes of the cluster, of the sentinels
  std::string master_name;          // as the sentinels know it
  std::string user;                 // empty: Redis' `default`
  std::string password;
  /// For log lines: without the password.
  std::string text() const;
};

/// Everyone on the machine can read a command line.
enum class PasswordInUrl : uint8_t { Refused, Allowed };

/// `redis://[user[:password]@]host[:port]`, `unix://[user@]/path`, `redis+cluster://host:port,host:port`,
/// `redis+sentinel://host:port,host:port/name`; rediss: with TLS. Reserved characters of user and password as %XX.
/// Throws std::invalid_argument, which holds no password: what is wrong and what is accepted.
Url parse_url(std::string_view text, PasswordInUrl password);

}  // namespace microcloud::resp
