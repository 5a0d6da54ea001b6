// What servers of a Redis Cluster say about who has a slot: CLUSTER SLOTS, MOVED and ASK
// (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).
#pragma once

#include <optional>
#include <vector>

#include "net/stream.h"
#include "resp/slot.h"
#include "resp/value.h"

namespace microcloud::resp {

struct SlotRange {
  Slot first = 0;
  Slot last = 0;  // belongs to it
  Endpoint master;
};

/// Nothing: the reply is none of CLUSTER SLOTS. A server that announces no host is at the host that was asked; ranges
/// of one that is not known by any address (`?`) are left out.
std::optional<std::vector<SlotRange>> parse_cluster_slots(const Value& reply, const Endpoint& asked);

struct Redirection {
  enum class Kind : uint8_t { Moved, Ask };
  Kind kind = Kind::Moved;
  Slot slot = 0;
  Endpoint to;
};

/// `MOVED 3999 127.0.0.1:6381`; nothing: the reply is no such error.
std::optional<Redirection> parse_redirection(const Value& reply, const Endpoint& asked);

}  // namespace microcloud::resp
