// What a server says of its part in replication: the reply to ROLE.
#pragma once

#include <optional>
#include <vector>

#include "net/stream.h"
#include "resp/value.h"

namespace microcloud::resp {

struct Role {
  enum class Kind : uint8_t { Unknown, Master, Replica, Sentinel };
  struct Replica {
    Endpoint endpoint;
    int64_t offset = 0;  // what it has acknowledged
  };
  Kind kind = Kind::Unknown;  // Unknown: the user has no right to ask
  int64_t offset = 0;         // of a master: bytes of its stream; of a replica: what it has got of it
  std::vector<Replica> replicas;
  Endpoint master;  // of a replica

  static constexpr const char* kWords[] = {"unknown", "master", "replica", "sentinel"};
  const char* word() const { return kWords[static_cast<size_t>(kind)]; }
};

/// Nothing: the reply is none of ROLE.
std::optional<Role> parse_role(const Value& reply);

}  // namespace microcloud::resp
