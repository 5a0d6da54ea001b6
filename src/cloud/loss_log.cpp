#include "cloud/loss_log.h"

#include <fmt/format.h>

namespace microcloud {

void LossLog::see(const Losses& losses, int64_t now_ms) {
  constexpr int64_t kAgainMs = 3'600'000;
  const std::string refusal = losses.refusal.empty() ? "" : ": " + losses.refusal;
  const struct {
    uint64_t count;
    const char* what;
    std::string why;
  } reasons[kReasons] = {
      {losses.overflowed, "increments of counters are lost", ", as too much waits"},
      {losses.others_overflowed, "updates of texts are lost", ", as too much waits"},
      {losses.refused, "increments of counters are lost", ", as it does not take them" + refusal},
      {losses.refused_others, "commands that bring no increment are lost", ", as it does not take them" + refusal},
      {losses.lost, "increments of counters are lost", ", which it had acknowledged and has no more"},
      {losses.rolled_back, "batches are sent again", ", which it had acknowledged and had no more"},
  };
  for (size_t at = 0; at < kReasons; ++at) {
    const auto& [count, what, why] = reasons[at];
    Told& told = told_[at];
    if (count <= told.count || (told.at_ms && now_ms - *told.at_ms < kAgainMs)) continue;
    say_(LogLevel::Warning, fmt::format("{}: {} {} so far{}", where_, count, what, why));
    told = {count, now_ms};
  }
}

}  // namespace microcloud
