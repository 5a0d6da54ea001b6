// A piece of what waits, as the commands of one transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cloud/merge_buffer.h"

namespace microcloud {

/// So much of the server's time one piece may take: about 0.1 ms, so that 999 of 1,000 stay below 1 ms also where all
/// keys are new.
struct PieceLimits {
  size_t commands = 96;  // a key that brings more stands alone; members of sorted sets are divided
  uint32_t ttl_s = 3'600;
  /// A sorted set keeps so many members, the largest. More than readers are told of, so that one at the edge does not
  /// lose its sum each time it is passed; and as many as Redis holds in its compact form.
  size_t members = 128;
};

struct Piece {
  std::string commands;  // RESP, without what the transaction adds
  size_t count = 0;
  size_t taken = 0;         // keys that do not wait any more; of a sorted set that was divided the last piece has it
  uint64_t increments = 0;  // that were merged into it
  int64_t since_ms = 0;     // when the oldest of them came
  /// Of each key the time of its oldest packet, as far as records tell it (KeyUpdate::packet_us).
  std::vector<int64_t> packets_us;
  /// Increments whose reply tells that the key was born by them, though this probe believed it alive: it has no time to
  /// live then. Of a sorted set one member stands for all: it may be new in a set that is not. Keys that the piece
  /// refreshes are not among them.
  struct Check {
    uint32_t command;
    uint32_t key_at;  // in `keys`
    uint32_t key_size;
    int64_t amount;
  };
  std::vector<Check> checks;
  std::string keys;

  size_t bytes() const {
    return commands.size() + keys.size() + checks.size() * sizeof(Check) + packets_us.size() * sizeof(int64_t);
  }
  std::string_view key(const Check& check) const { return std::string_view(keys).substr(check.key_at, check.key_size); }
};

/// Takes the oldest keys out of the buffer; nothing when it is empty.
std::optional<Piece> cut_piece(MergeBuffer& buffer, const PieceLimits& limits);

}  // namespace microcloud
