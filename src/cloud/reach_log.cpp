#include "cloud/reach_log.h"

#include <fmt/format.h>

namespace microcloud {
namespace {

constexpr int64_t kCalmMs = 60'000;    // trouble of the same kind within this time is told in a sum
constexpr int64_t kLastingMs = 5'000;  // unless it stays
constexpr int64_t kRefusesForGoodMs = 1'000;

bool is_trouble(Reach reach) {
  return reach == Reach::Away || reach == Reach::Refuses;
}

}  // namespace

void ReachLog::see(Reach reach, const std::string& why, int64_t now_ms) {
  if (has_ended_) return;
  if (reach != reach_) {
    if (!is_trouble(reach)) count_untold(now_ms);
    if (is_trouble(reach) && !trouble_since_ms_) trouble_since_ms_ = now_ms;
    reach_ = reach;
    since_ms_ = now_ms;
  }
  why_ = why;
  if (is_trouble(reach) && !is_trouble(told_)) untold_why_ = why;
  if (is_due(now_ms)) tell(why, now_ms);
  if (untold_ > 0 && now_ms - told_ms_ >= kCalmMs) tell_untold(now_ms);
}

void ReachLog::end(int64_t now_ms) {
  count_untold(now_ms);
  if (untold_ > 0) tell_untold(now_ms);
  has_ended_ = true;
}

/// One that comes back by and by (servers of a cluster, two connections) is away until it takes updates, or has refused
/// them for a while.
bool ReachLog::is_due(int64_t now_ms) const {
  if (reach_ == told_) return false;
  if (reach_ == Reach::Takes) return true;
  const int64_t lasts_ms = now_ms - since_ms_;
  if (told_ == Reach::Away && reach_ == Reach::Refuses && lasts_ms < kRefusesForGoodMs) return false;
  const std::optional<int64_t>& last_ms = reach_ == Reach::Away ? away_told_ms_ : refuses_told_ms_;
  return !last_ms || now_ms - *last_ms >= kCalmMs || lasts_ms >= kLastingMs;
}

void ReachLog::tell(const std::string& why, int64_t now_ms) {
  told_ = reach_;
  told_ms_ = now_ms;
  if (reach_ == Reach::Takes) return say_(LogLevel::Info, where_ + " takes updates");
  (reach_ == Reach::Away ? away_told_ms_ : refuses_told_ms_) = now_ms;
  say_(LogLevel::Warning, where_ + (reach_ == Reach::Away ? " is away" : " takes no updates") + ", they wait: " + why);
}

/// The trouble has ended.
void ReachLog::count_untold(int64_t now_ms) {
  if (trouble_since_ms_ && !is_trouble(told_)) {
    ++untold_;
    untold_ms_ += now_ms - *trouble_since_ms_;
  }
  trouble_since_ms_.reset();
}

void ReachLog::tell_untold(int64_t now_ms) {
  say_(LogLevel::Warning,
       fmt::format("{} took no updates {} more time{}, {:.1f} s in all, the last time: {}", where_, untold_,
                   untold_ == 1 ? "" : "s", static_cast<double>(untold_ms_) / 1e3, untold_why_));
  untold_ = 0;
  untold_ms_ = 0;
  told_ms_ = now_ms;
  away_told_ms_ = refuses_told_ms_ = now_ms;
}

}  // namespace microcloud
