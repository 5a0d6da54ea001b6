// What the log tells of whether the MicroCloud takes updates: one line when trouble begins and one when it has ended,
// and of trouble that comes and goes a sum each minute instead of two lines each time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"

namespace microcloud {

enum class Reach : uint8_t { Unknown, Takes, Refuses, Away };

/// One thread.
class ReachLog {
 public:
  using Say = std::function<void(LogLevel, const std::string& line)>;

  /// `where`: what the lines begin with.
  ReachLog(std::string where, Say say) : where_(std::move(where)), say_(std::move(say)) {}

  /// How it is now, and why it is no better; as often as one likes, `now_ms` never smaller than before.
  void see(Reach reach, const std::string& why, int64_t now_ms);
  /// It is as it was, as far as is known.
  void tick(int64_t now_ms) { see(reach_, std::string(why_), now_ms); }
  /// Trouble that no line has told is told, and nothing more from now on.
  void end(int64_t now_ms);

 private:
  bool is_due(int64_t now_ms) const;
  void tell(const std::string& why, int64_t now_ms);
  void count_untold(int64_t now_ms);
  void tell_untold(int64_t now_ms);

  const std::string where_;
  const Say say_;
  bool has_ended_ = false;
  Reach reach_ = Reach::Unknown;
  std::string why_;
  int64_t since_ms_ = 0;                     // it is so
  std::optional<int64_t> trouble_since_ms_;  // nothing: there is none
  Reach told_ = Reach::Unknown;              // by a line
  std::optional<int64_t> away_told_ms_;      // when a line last told of that kind of trouble
  std::optional<int64_t> refuses_told_ms_;
  int64_t told_ms_ = 0;     // the last line of any kind
  uint64_t untold_ = 0;     // times that there was trouble of which no line told
  int64_t untold_ms_ = 0;   // how long it was there, together
  std::string untold_why_;  // the last time
};

}  // namespace microcloud
