#include "cloud/births.h"

#include <algorithm>

namespace microcloud {

void Births::at_time(int64_t time_ms) {
  if (time_ms <= time_ms_) return;
  // A leap of years gives no more than the burst.
  const auto passed = std::min<uint64_t>(static_cast<uint64_t>(time_ms - time_ms_), kBurstSeconds * 1000);
  tokens_ = std::min(burst(), tokens_ + passed * limits_.per_second);
  time_ms_ = time_ms;
}

Births::Verdict Births::always(Refreshed& refreshed, uint32_t now_s) const {
  const bool born = forgotten(refreshed, now_s);
  if (!born && now_s - refreshed < std::max(1U, limits_.ttl_s / 4)) return Verdict::Known;
  refreshed = now_s;
  return born ? Verdict::Born : Verdict::Refresh;
}

Births::Verdict Births::ask_modestly(Refreshed& refreshed, uint32_t now_s) {
  if (forgotten(refreshed, now_s) && tokens_ < burst() / 2) {
    ++refused_;
    return Verdict::Refused;
  }
  return ask(refreshed, now_s);
}

Births::Verdict Births::ask(Refreshed& refreshed, uint32_t now_s) {
  if (forgotten(refreshed, now_s) && !bear(1)) return Verdict::Refused;
  return always(refreshed, now_s);
}

bool Births::bear(uint32_t keys) {
  const uint64_t tokens = uint64_t{keys} * 1000;
  if (tokens_ < tokens || keys_of_node_ + born_ - arrived_ + keys > limits_.most_keys) {
    ++refused_;
    return false;
  }
  tokens_ -= tokens;
  born_ += keys;
  return true;
}

}  // namespace microcloud
