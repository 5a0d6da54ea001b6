// A piece of what waits, as the commands of one transaction.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
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

/// How many increments each command of a piece stands for: mostly a few.
class CommandIncrements {
 public:
  void reserve(size_t commands) { few_.reserve(commands); }
  /// Of the command with this number (from 0), behind all that were set before; those between bring none.
  void set(size_t command, uint64_t increments) {
    while (few_.size() < command) few_.push_back(0);
    few_.push_back(static_cast<uint8_t>(std::min<uint64_t>(increments, kMany)));
    if (increments >= kMany) many_.push_back(increments);
  }
  uint64_t at(size_t command) const;
  size_t bytes() const { return few_.size() + many_.size() * sizeof(uint64_t); }

 private:
  static constexpr uint8_t kMany = 255;
  std::vector<uint8_t> few_;    // of each command; kMany: many_ tells
  std::vector<uint64_t> many_;  // of those, in their order
};

struct Piece {
  std::string commands;  // RESP, without what the transaction adds
  size_t count = 0;
  size_t taken = 0;         // keys that do not wait any more; of a sorted set that was divided the last piece has it
  uint64_t increments = 0;  // that were merged into it
  CommandIncrements increments_of;  // the same of each command: its HINCRBYs and ZINCRBYs
  int64_t since_ms = 0;             // when the oldest of them came
  /// Of each key the time of its oldest packet, as far as records tell it (KeyUpdate::packet_us).
  std::vector<int64_t> packets_us;
  /// What replies tell of a key: increments whether it was born by them though this probe believed it alive (it was
  /// where each found nothing; a sorted set that the piece refreshes is not asked), and one more command what firstSeen
  /// it has.
  struct Check {
    uint32_t command;     // the first one of the increments
    uint32_t count;       // 0: they are not asked
    uint32_t amounts_at;  // in `amounts`: of each one
    uint32_t key_at;      // in `keys`
    uint32_t key_size;
    enum class Times : uint8_t {
      None,
      Told,   // HSETNX: 0 where another one had told it
      Asked,  // kTimesScript: what stands there
    };
    Times kind = Times::None;
    uint32_t times_at = 0;  // that command; None: the HSET behind the increments, 0: there is none
    SeenTimes times = {};   // of what the piece has of this key
  };
  std::vector<Check> checks;
  std::vector<int64_t> amounts;
  std::string keys;

  size_t bytes() const {
    return commands.size() + increments_of.bytes() + keys.size() + checks.size() * sizeof(Check) +
           (amounts.size() + packets_us.size()) * sizeof(int64_t);
  }
  std::string_view key(const Check& check) const { return std::string_view(keys).substr(check.key_at, check.key_size); }
};

/// A key that was perhaps born again: kTimesScript.
struct KeyTimes {
  std::string key;
  SeenTimes times;
  std::optional<SeenTimes> not_times;
};
Piece times_piece(std::span<const KeyTimes> keys, uint32_t ttl_s, int64_t now_ms);

/// Takes the oldest keys out of the buffer; nothing when it is empty.
std::optional<Piece> cut_piece(MergeBuffer& buffer, const PieceLimits& limits);

}  // namespace microcloud
