// What the log tells of updates that are lost, when it begins: a line for each reason, and an hour later at the
// earliest another one. What a run came to in all is told at its end.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"

namespace microcloud {

/// Sums since the begin.
struct Losses {
  uint64_t overflowed = 0;         // increments of counters that were given up, as too much waited
  uint64_t others_overflowed = 0;  // keys whose texts were, without increments
  uint64_t refused = 0;            // increments that the server does not take
  uint64_t refused_others = 0;     // commands without increments that it does not take
  uint64_t lost = 0;               // increments that it acknowledged and lost when they were no longer kept
  uint64_t rolled_back = 0;        // batches that it acknowledged, lost, and gets again: not lost at all
  std::string refusal = {};        // the first command that it did not take: its key and its words
};

/// One thread.
class LossLog {
 public:
  using Say = std::function<void(LogLevel, const std::string& line)>;

  /// `where`: what the lines begin with.
  LossLog(std::string where, Say say) : where_(std::move(where)), say_(std::move(say)) {}

  /// Each second or so, `now_ms` never smaller than before.
  void see(const Losses& losses, int64_t now_ms);

 private:
  static constexpr size_t kReasons = 6;
  struct Told {
    uint64_t count = 0;
    std::optional<int64_t> at_ms;
  };

  const std::string where_;
  const Say say_;
  std::array<Told, kReasons> told_;
};

}  // namespace microcloud
