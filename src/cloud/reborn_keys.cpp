#include "cloud/reborn_keys.h"

#include <algorithm>

namespace microcloud {
namespace {

constexpr size_t kAskedAtOnce = 24;  // about 0.2 ms of the server

using Times = Piece::Check::Times;

/// Each increment found nothing there: its reply is itself. And no field that HSET sets beside them was there.
bool found_nothing(const Piece& piece, const Piece::Check& check, const std::vector<resp::Value>& results) {
  for (size_t number = 0; number < check.count; ++number) {
    const size_t at = check.command + number;
    if (at >= results.size() ||
        results[at].as_double() != static_cast<double>(piece.amounts[check.amounts_at + number]))
      return false;
  }
  if (check.count == 0) return false;
  const bool sets = check.kind == Times::None && check.times_at != 0 && check.times_at < results.size();
  return !sets || results[check.times_at].as_integer() != 0;
}

}  // namespace

std::vector<std::string_view> RebornKeys::look(uint64_t number, const Piece& piece,
                                               const std::vector<resp::Value>& results, uint64_t last) {
  std::vector<std::string_view> without_times;
  const resp::Value none;
  for (const Piece::Check& check : piece.checks) {
    const std::string_view key = piece.key(check);
    const resp::Value& told = check.times_at < results.size() ? results[check.times_at] : none;
    if (check.kind == Times::Asked) {
      on_answer(number, piece, check, &told, last);
      continue;
    }
    const bool tells_first = check.kind == Times::Told;
    if (found_nothing(piece, check, results)) {
      if (!tells_first && check.times.known()) {
        may_be_reborn(number, key, check.times);
        continue;
      }
      without_times.push_back(key);
    } else if (const auto found = keys_.empty() ? keys_.end() : keys_.find(std::string(key)); found != keys_.end()) {
      const bool is_earlier = check.times.first_ms < found->second.times.first_ms;
      const bool is_later = check.times.last_ms > found->second.times.last_ms;
      found->second.times.include(check.times);
      if (found->second.since_unanswered) found->second.since_unanswered->include(check.times);
      if (found->second.is_known && !found->second.since_unanswered && (is_earlier || is_later))
        to_ask_.push_back({found->first, found->second.times, std::nullopt});
    }
    // Another probe was first, or an earlier life of this one: its packets may be later ones.
    if (tells_first && told.as_integer() == 0 && check.times.known()) ask(key, check.times, last);
  }
  forget_up_to(number);
  return without_times;
}

/// Of a key that whoever makes the updates knows well.
void RebornKeys::ask(std::string_view key, const SeenTimes& times, uint64_t last) {
  const auto [found, is_new] =
      keys_.try_emplace(std::string(key), Reborn{.times = times, .is_known = true, .until = last});
  if (is_new) until_.emplace_back(last, found->first);
  to_ask_.push_back({found->first, times, std::nullopt});
}

/// Where that is not the first time, and what was told then is not there yet, it must not stay.
void RebornKeys::may_be_reborn(uint64_t number, std::string_view key, const SeenTimes& times) {
  Reborn& reborn = keys_[std::string(key)];
  to_ask_.push_back({std::string(key), times, number < reborn.asked_by ? std::optional(reborn.asked) : std::nullopt});
  reborn = {.times = times};
}

void RebornKeys::look_unanswered(uint64_t number, const Piece& piece, uint64_t last) {
  for (const Piece::Check& check : piece.checks) {
    if (!check.times.known()) continue;
    const std::string key(piece.key(check));
    if (check.kind == Times::Asked) {
      on_answer(number, piece, check, nullptr, last);
      continue;
    }
    if (check.kind == Times::Told) {
      ask(key, check.times, last);
      continue;
    }
    Reborn& reborn = keys_[key];
    if (!reborn.times.known()) {
      reborn.times = check.times;
    } else if (reborn.since_unanswered) {
      reborn.since_unanswered->include(check.times);
    } else {
      reborn.since_unanswered = check.times;
    }
    to_ask_.push_back({key, check.times, std::nullopt});
  }
}

/// What stands there is as early as what came since: then it is of that. A key that was alive has an earlier one.
void RebornKeys::on_answer(uint64_t number, const Piece& piece, const Piece::Check& check, const resp::Value* first,
                           uint64_t last) {
  const auto found = keys_.find(std::string(piece.key(check)));
  if (found == keys_.end() || found->second.asked_by != number) return;
  Reborn& reborn = found->second;
  const auto since = std::exchange(reborn.since_unanswered, std::nullopt);
  // Where the answer was lost nothing is told twice: it might be to the next key of that name.
  const auto stands = first != nullptr ? first->as_integer() : since ? since->first_ms : reborn.times.first_ms;
  if (since && stands && *stands >= since->first_ms) {
    reborn.times = *since;
    reborn.is_known = false;
  }
  if (reborn.is_known && !since) return;
  if (!stands || *stands < reborn.times.first_ms) {
    keys_.erase(found);
    return;
  }
  // Others came meanwhile, told as if it had been alive.
  if (*stands > reborn.times.first_ms || check.times.last_ms < reborn.times.last_ms)
    to_ask_.push_back({found->first, reborn.times, std::nullopt});
  if (std::exchange(reborn.is_known, true)) return;
  reborn.until = last;
  known_.push_back({found->first, reborn.times, std::nullopt});
  until_.emplace_back(last, found->first);
}

std::optional<Piece> RebornKeys::take_questions(uint64_t number, uint32_t ttl_s, int64_t now_ms) {
  if (to_ask_.empty()) return std::nullopt;
  const size_t count = std::min(to_ask_.size(), kAskedAtOnce);
  for (size_t at = 0; at < count; ++at) {
    if (const auto found = keys_.find(to_ask_[at].key); found != keys_.end()) {
      found->second.asked_by = number;
      found->second.asked.include(to_ask_[at].times);
    }
  }
  const auto end = to_ask_.begin() + static_cast<std::ptrdiff_t>(count);
  Piece piece = times_piece(std::vector<KeyTimes>(to_ask_.begin(), end), ttl_s, now_ms);
  to_ask_.erase(to_ask_.begin(), end);
  return piece;
}

void RebornKeys::forget_up_to(uint64_t number) {
  for (; !until_.empty() && until_.front().first <= number; until_.pop_front()) {
    const auto found = keys_.find(until_.front().second);
    if (found == keys_.end() || !found->second.is_known || found->second.until > number) continue;
    if (found->second.asked_by <= number) {
      keys_.erase(found);
    } else {
      until_.emplace_back(found->second.asked_by, found->first);  // what was told then is on its way
    }
  }
}

}  // namespace microcloud
