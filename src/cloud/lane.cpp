#include "cloud/lane.h"

#include <algorithm>
#include <utility>

#include "cloud/piece_parts.h"
#include "cloud/scripts.h"

namespace microcloud {
namespace {

/// Whole in every batch, so that no server can be without it. allow-oom: it must run where EXEC is refused.
constexpr std::string_view kGuard =
    "#!lua flags=allow-oom\n"
    "local v = redis.call('GET', KEYS[1]) or '0'\n"
    "if v ~= ARGV[1] then redis.call('SET', KEYS[1], v) end\n"
    "return v";
/// Takes the ledger over a gap that cannot be filled, unless it has moved.
constexpr std::string_view kSkip =
    "#!lua flags=allow-oom\n"
    "local v = redis.call('GET', KEYS[1]) or '0'\n"
    "if v == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) v = ARGV[2] end\n"
    "return v";
/// Inside the transaction: where the user may not run scripts the guard has not guarded, and then EXEC must fail too.
constexpr std::string_view kMayScript = "return 1";

constexpr size_t kBefore = 3;      // replies before the first QUEUED: WATCH, EVAL, MULTI
constexpr size_t kProvenExec = 2;  // before the reply to the EXEC of a transaction that does nothing: WATCH, MULTI
constexpr size_t kOwnCount = 2;    // commands of the transaction before the piece's: SET, EVAL
constexpr size_t kMostForgotten = 65'536;
constexpr const char* kUnconfirmed = "its replicas do not confirm what it has, and no more can be kept for them";
constexpr int64_t kPatienceForReplicasMs = 5'000;
constexpr int64_t kFirstPauseMs = 50;
constexpr int64_t kLongestPauseMs = 5'000;

std::optional<uint64_t> ledger_number(const resp::Value& value) {
  const auto number = value.as_integer();
  return number && *number >= 0 ? std::optional(static_cast<uint64_t>(*number)) : std::nullopt;
}

SeenTimes times_in(const Piece& piece, std::string_view key) {
  SeenTimes times;
  for (const Piece::Check& check : piece.checks) {
    if (check.kind != Piece::Check::Times::Asked && piece.key(check) == key) times.include(check.times);
  }
  return times;
}

/// The reason why a transaction was not run: EXEC says only that there is one.
std::string reason_of(const std::vector<resp::Value>& replies) {
  for (const resp::Value& reply : replies) {
    if (reply.is_error()) return reply.text;
  }
  return "no reason given";
}

}  // namespace

Lane::Lane(LaneSettings settings, PieceSource& source, LaneLink& link)
    : settings_(std::move(settings)), source_(source), link_(link) {}

void Lane::up(int64_t now_ms) {
  now_ms_ = now_ms;
  ++connection_;
  out_ = 0;
  in_transaction_ = false;
  confirmation_.restart();
  next_pause_ms_ = kFirstPauseMs;
  ask_ledger();
  ask_role();
}

void Lane::down() {
  ++connection_;
  state_ = State::Down;
}

/// Also the proof that the guard and all that it rests on are permitted, before the first batch relies on it: without
/// WATCH or MULTI a batch would run unguarded.
void Lane::ask_ledger() {
  state_ = State::Asking;
  resp::Commands commands;
  const size_t first = in_transaction_ ? 1 : 0;
  if (in_transaction_) commands.add("DISCARD");
  commands.add("WATCH", settings_.ledger);
  commands.add("MULTI");
  commands.add("EXEC");
  commands.add("EVAL", kGuard, 1, settings_.ledger, acknowledged_);
  link_.send(std::move(commands), [this, first, mine = connection_](resp::Outcome, std::vector<resp::Value> replies) {
    if (mine != connection_) return;
    if (replies.size() > first + kProvenExec) in_transaction_ = replies[first + kProvenExec].is_error();
    replies.erase(replies.begin(), replies.begin() + static_cast<std::ptrdiff_t>(std::min(first, replies.size())));
    on_ledger(replies);
  });
}

void Lane::on_ledger(const std::vector<resp::Value>& replies) {
  if (replies.empty()) {  // the connection broke, or takes no more now
    state_ = State::Pausing;
    pause_until_ms_ = now_ms_ + kFirstPauseMs;
    return;
  }
  const auto refused = std::find_if(replies.begin(), replies.end(), [](const auto& one) { return one.is_error(); });
  const resp::Value& reply = refused == replies.end() ? replies.back() : *refused;
  if (const auto ledger = ledger_number(reply); ledger && !reply.is_error()) {
    go_on_from(*ledger);
    return;
  }
  trouble_ = reply.is_error() ? reply.text : "the ledger holds no number";
  state_ = State::Pausing;
  pause_until_ms_ = now_ms_ + next_pause_ms_;
  next_pause_ms_ = std::min(2 * next_pause_ms_, kLongestPauseMs);
  if (resp::error_code(reply) == "READONLY") link_.reconnect(trouble_);
}

void Lane::go_on_from(uint64_t ledger) {
  if (ledger > last_number_) {
    trouble_ = "another writer uses the ledger " + settings_.ledger;
    state_ = State::Pausing;
    pause_until_ms_ = now_ms_ + kLongestPauseMs;
    return;
  }
  if (std::exchange(unwritten_, 0) == ledger + 1) {
    unwritten_ = ledger + 1;  // until the ledger says so
    skip(ledger, unwritten_);
    return;
  }
  const uint64_t oldest = kept_.empty() ? last_number_ + 1 : kept_.front().number;
  if (ledger + 1 < oldest) {
    close_gap(ledger);
    return;
  }
  if (ledger < acknowledged_) counts_.rolled_back += acknowledged_ - ledger;
  // What was acknowledged and is gone again is as good as never sent.
  for (uint64_t number = ledger + 1; number <= acknowledged_; ++number) {
    kept(number).was_acknowledged = false;
    counts_.increments -= kept(number).piece.increments;
    counts_.refused -= kept(number).refused;
  }
  acknowledged_ = std::min(acknowledged_, ledger);
  acknowledge(ledger, false);
  ask_reborn();
  next_ = ledger + 1;
  cut_ms_ = now_ms_;
  state_ = State::Ready;
}

/// The server has lost batches that are not kept any more: what was in them is lost, and counted.
void Lane::close_gap(uint64_t ledger) {
  const uint64_t oldest = kept_.empty() ? last_number_ + 1 : kept_.front().number;
  for (const Forgotten& batch : forgotten_) {
    if (batch.number <= ledger || batch.number >= oldest) continue;
    counts_.lost += batch.increments;
    counts_.increments -= batch.increments;
  }
  std::erase_if(forgotten_, [ledger](const Forgotten& batch) { return batch.number > ledger; });
  skip(ledger, oldest - 1);
}

void Lane::skip(uint64_t from, uint64_t to) {
  resp::Commands commands;
  commands.add("EVAL", kSkip, 1, settings_.ledger, from, to);
  link_.send(std::move(commands), [this, mine = connection_](resp::Outcome, std::vector<resp::Value> replies) {
    if (mine == connection_) on_ledger(replies);
  });
}

void Lane::tick(int64_t now_ms) {
  now_ms_ = now_ms;
  forget_by_time();
  if (state_ == State::Down) return;
  if (state_ == State::Pausing && now_ms_ >= pause_until_ms_) ask_ledger();
  if (now_ms_ - role_asked_ms_ >= settings_.role_every_ms) ask_role();
  if (state_ == State::Ready) send_batches();
}

void Lane::send_batches() {
  const size_t waiting = source_.waiting();
  if (is_time_to_flush(settings_, now_ms_ - flushed_ms_, waiting, waiting > 0)) {
    flushed_ms_ = now_ms_;
    to_flush_ = waiting;
  }
  while (state_ == State::Ready && out_ < settings_.in_flight) {
    if (next_ > last_number_ && !cut_next()) return;
    send_batch(kept(next_));
  }
}

bool Lane::cut_next() {
  forget_by_time();
  // Acknowledged batches that a replica lacks take the memory that there is: what waits goes on merging until then.
  if (to_flush_ > 0 && kept_bytes_ >= settings_.keep_bytes) {
    if (now_ms_ - cut_ms_ >= kPatienceForReplicasMs) trouble_ = kUnconfirmed;
    return false;
  }
  cut_ms_ = now_ms_;
  if (to_flush_ == 0) return false;
  std::optional<Piece> piece = source_.cut();
  if (!piece) {
    to_flush_ = 0;
    return false;
  }
  to_flush_ -= std::min(to_flush_, piece->taken);  // others have come meanwhile: they merge until the next flush
  kept_bytes_ += piece->bytes();
  kept_.push_back({++last_number_, std::move(*piece)});
  return true;
}

void Lane::send_batch(Kept& batch) {
  const uint64_t number = batch.number;
  resp::Commands commands;
  commands.add("WATCH", settings_.ledger);
  commands.add("EVAL", kGuard, 1, settings_.ledger, number - 1);
  commands.add("MULTI");
  commands.add("SET", settings_.ledger, number, "GET");
  commands.add("EVAL", kMayScript, 0);
  commands.append(batch.piece.commands, batch.piece.count);
  commands.add("EXEC");
  ++out_;
  ++next_;
  if (number <= sent_) ++counts_.sent_again;
  sent_ = std::max(sent_, number);
  link_.send(std::move(commands), [this, number, mine = connection_](resp::Outcome, std::vector<resp::Value> replies) {
    if (mine == connection_) on_batch(number, replies);
  });
}

void Lane::on_batch(uint64_t number, const std::vector<resp::Value>& replies) {
  --out_;
  const size_t expected = kBefore + kOwnCount + kept(number).piece.count + 1;
  const resp::Value exec = replies.empty() ? resp::Value{} : replies.back();
  if (replies.size() != expected) {  // the connection broke, or takes no more now: the ledger will tell
    drain({}, kFirstPauseMs);
  } else if (exec.is_error()) {
    const std::string why = reason_of(replies);
    in_transaction_ = resp::error_code(exec) != "EXECABORT";
    drain(why, next_pause_ms_);
    if (why.starts_with("READONLY")) link_.reconnect(why);
  } else if (exec.is_null()) {
    drain({}, 0);
  } else {
    on_applied(number, exec.elements);
    if (replies[0].is_error()) drain(replies[0].text, 0);  // without WATCH the next ones go unguarded
    if (!exec.elements.empty() && exec.elements[0].is_error()) {
      // The right to write the ledger was taken away between its being queued and EXEC, which runs all that it may.
      unwritten_ = number;
      drain(exec.elements[0].text, 0);
    }
  }
  if (state_ == State::Draining && out_ == 0) drained();
  if (state_ == State::Ready) send_batches();  // of a backlog; a tick may be far
}

void Lane::on_applied(uint64_t number, const std::vector<resp::Value>& results) {
  Kept& batch = kept(number);
  const Piece& piece = batch.piece;
  batch.refused = 0;
  next_pause_ms_ = kFirstPauseMs;
  trouble_.clear();
  ++counts_.applied;
  counts_.lag_ms = now_ms_ - piece.since_ms;
  std::vector<size_t> not_permitted;  // commands of the piece
  std::string why;
  for (size_t at = kOwnCount; at < results.size(); ++at) {
    if (!results[at].is_error()) continue;
    if (is_not_permitted(results[at])) {
      not_permitted.push_back(at - kOwnCount);
      why = results[at].text;
      continue;
    }
    count_refusal(batch, at - kOwnCount, results[at]);
  }
  const auto first = results.begin() + static_cast<std::ptrdiff_t>(std::min(kOwnCount, results.size()));
  expire_reborn(reborn_.look(number, piece, {first, results.end()}, last_number_));
  if (!not_permitted.empty()) divide(number, not_permitted);
  acknowledge(number, true);
  ask_reborn();
  if (!not_permitted.empty()) drain(std::move(why), next_pause_ms_);
}

/// For good: it will never be taken.
void Lane::count_refusal(Kept& batch, size_t command, const resp::Value& error) {
  const uint64_t increments = batch.piece.increments_of.at(command);
  batch.refused += increments;
  if (increments == 0) ++counts_.refused_others;
  if (refusal_.empty()) refusal_ = key_of(batch.piece, command) + ": " + error.text;
}

/// EXEC asks for rights once more, and runs what it may: where one was taken away just before, the rest is applied.
/// From now on the batch is that rest, whatever becomes of it, and what was refused goes again as one of its own.
void Lane::divide(uint64_t number, const std::vector<size_t>& not_permitted) {
  std::vector<const Piece*> later;
  for (uint64_t at = number + 1; at <= last_number_; ++at) later.push_back(&kept(at).piece);
  Piece& rest = kept(number).piece;
  kept_bytes_ -= rest.bytes();
  Piece refused = take_out(rest, not_permitted, later);
  kept_bytes_ += rest.bytes() + refused.bytes();
  source_.divided(number, rest, refused);
  kept_.push_back({++last_number_, std::move(refused)});
}

/// Keys that this probe believed alive and that may not have been: then they have no time to live.
void Lane::expire_reborn(const std::vector<std::string_view>& keys) {
  if (keys.empty()) return;
  resp::Commands commands;
  for (const std::string_view key : keys) commands.add("EXPIRE", key, settings_.ttl_s, "NX");
  link_.send(std::move(commands), [this](resp::Outcome, const std::vector<resp::Value>& replies) {
    for (const resp::Value& reply : replies)
      if (reply.as_integer() == 1) ++counts_.reborn;
  });
}

/// And those that have no times either, or not the right ones.
void Lane::ask_reborn() {
  if (std::vector<KeyTimes> known = reborn_.take_known(); !known.empty()) {
    for (uint64_t number = acknowledged_ + 1; number <= last_number_; ++number) {
      for (KeyTimes& one : known) one.times.include(times_in(kept(number).piece, one.key));
    }
    counts_.reborn += known.size();
    source_.reborn(known);
  }
  while (std::optional<Piece> piece = reborn_.take_questions(last_number_ + 1, settings_.ttl_s, now_ms_)) {
    source_.added(*piece);
    kept_bytes_ += piece->bytes();
    kept_.push_back({++last_number_, std::move(*piece)});
  }
}

/// Those before one that was answered were perhaps not: bytes of an old connection brought them.
void Lane::acknowledge(uint64_t number, bool is_answered) {
  while (acknowledged_ < number) {
    Kept& batch = kept(++acknowledged_);
    if (acknowledged_ < number || !is_answered) reborn_.look_unanswered(acknowledged_, batch.piece, last_number_);
    batch.was_acknowledged = true;
    batch.acknowledged_ms = now_ms_;
    counts_.increments += batch.piece.increments;
    counts_.refused += batch.refused;
    if (settings_.applied && !batch.was_told) settings_.applied(batch.piece.packets_us);
    batch.was_told = true;
  }
}

/// Nothing more goes out until all that is out was answered; then the ledger tells where to go on.
void Lane::drain(std::string trouble, int64_t pause_ms) {
  if (!trouble.empty()) trouble_ = std::move(trouble);
  state_ = State::Draining;
  pause_until_ms_ = std::max(pause_until_ms_, now_ms_ + pause_ms);
}

void Lane::drained() {
  if (now_ms_ >= pause_until_ms_) {
    ask_ledger();
    return;
  }
  state_ = State::Pausing;
  next_pause_ms_ = std::min(2 * next_pause_ms_, kLongestPauseMs);
}

void Lane::ask_role() {
  role_asked_ms_ = now_ms_;
  resp::Commands commands;
  commands.add("ROLE");
  link_.send(std::move(commands), [this, mine = connection_](resp::Outcome, std::vector<resp::Value> replies) {
    if (mine == connection_ && !replies.empty()) on_role(replies.back());
  });
}

/// ROLE runs behind the batches that are acknowledged by now: whoever has acknowledged its offset has them all.
void Lane::on_role(const resp::Value& reply) {
  switch (confirmation_.take(reply, acknowledged_)) {
    case Confirmation::Told::Nothing:
      break;
    case Confirmation::Told::NoMaster:
      link_.reconnect("it is no master any more");
      break;
    case Confirmation::Told::Master:
      forget_up_to(confirmation_.confirmed());
      break;
  }
}

void Lane::forget_up_to(uint64_t number) {
  while (!kept_.empty() && kept_.front().number <= number && kept_.front().was_acknowledged) {
    const Kept& batch = kept_.front();
    kept_bytes_ -= batch.piece.bytes();
    forgotten_.push_back({batch.number, batch.piece.increments - batch.refused});
    if (forgotten_.size() > kMostForgotten) forgotten_.pop_front();
    kept_.pop_front();
  }
}

/// Not while it is open what the server has: one that is away comes back with what stood on its disk when it went.
void Lane::forget_by_time() {
  if (confirmation_.replicated() || (state_ != State::Ready && state_ != State::Draining)) return;
  while (!kept_.empty() && kept_.front().was_acknowledged &&
         (now_ms_ - kept_.front().acknowledged_ms >= settings_.keep_ms || kept_bytes_ >= settings_.keep_bytes))
    forget_up_to(kept_.front().number);
}

}  // namespace microcloud
