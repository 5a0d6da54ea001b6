// A piece of what waits, as the commands of one transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cloud/merge_buffer.h"

namespace microcloud {

struct PieceLimits {
  /// So much work for the server, in increments of a hash: about 0.13 ms, so that no piece takes more than 1 ms also
  /// where all keys are new. A key that brings more stands alone; members of sorted sets are divided.
  size_t work = 144;
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
  /// Increments whose replies tell that the key was born by them, though this probe believed it alive: it has no time
  /// to live then. Of a hash the first one; of a sorted set all: it was born where each of its members was. Keys that
  /// the piece refreshes are not among them.
  struct Check {
    uint32_t command;  // the first one
    uint32_t count;
    uint32_t amounts_at;  // in `amounts`: of each one
    uint32_t key_at;      // in `keys`
    uint32_t key_size;
  };
  std::vector<Check> checks;
  std::vector<int64_t> amounts;
  std::string keys;

  size_t bytes() const {
    return commands.size() + keys.size() + checks.size() * sizeof(Check) +
           (amounts.size() + packets_us.size()) * sizeof(int64_t);
  }
  std::string_view key(const Check& check) const { return std::string_view(keys).substr(check.key_at, check.key_size); }
};

/// Takes the oldest keys out of the buffer; nothing when it is empty.
std::optional<Piece> cut_piece(MergeBuffer& buffer, const PieceLimits& limits);

}  // namespace microcloud
