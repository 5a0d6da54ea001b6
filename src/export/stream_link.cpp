#include "export/stream_link.h"

#include <algorithm>
#include <thread>

#include "base/log.h"

namespace microcloud {
namespace {

constexpr size_t kWriteAt = size_t{64} << 10;  // octets that are worth a call before the next flush

uint64_t whole_seconds(SteadyTime::duration time) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

}  // namespace

StreamLink::StreamLink(std::string name, Dialer dialer, size_t largest_message, size_t most_held)
    : Link(std::move(name)), dialer_(std::move(dialer)), largest_message_(largest_message), most_held_(most_held) {
  set_away("not connected yet");
}

void StreamLink::start(Opening& opening) {
  opening_ = &opening;
  away_since_ = std::chrono::steady_clock::now();
  progress(away_since_);
}

void StreamLink::send(MessageBatch& batch) {
  const char* at = batch.bytes.data();
  for (const MessageInfo& info : batch.messages) {
    hold(at, info);
    at += info.size;
  }
  batch.clear();
  if (connection_ == nullptr || octets_ < kWriteAt) return;
  connection_->poll();  // SCTP makes room as it hears of acknowledgements
  write_held();
  settle();
}

void StreamLink::hold(const char* bytes, const MessageInfo& info) {
  // Templates and options: the next session begins with all of them. They are few, and go in when it is full, too.
  if (!info.flows && connection_ == nullptr) return;
  if (info.flows && full()) {
    counters_.lose(ExportLoss::BufferFull, info.told);
    return;
  }
  held_.push_back({std::string(bytes, info.size), info, session_.now_ms, session_.boot_ms});
  octets_ += info.size;
}

/// A new session: sequence from 0, templates and options first; then what is held.
void StreamLink::begin() {
  session_.sequence = 0;
  first_written_ = 0;
  std::deque<Message> before;
  before.swap(held_);
  opening_->begin_session();
  std::move(before.begin(), before.end(), std::back_inserter(held_));
}

void StreamLink::write_held() {
  while (!held_.empty() && write_first()) {
  }
}

/// False when the connection takes no more now.
bool StreamLink::write_first() {
  Message& first = held_.front();
  if (!first.stamped) {
    session_.now_ms = first.now_ms;
    session_.boot_ms = first.boot_ms;
    session_.stamp(first.bytes.data(), first.info);
    first.stamped = true;
  }
  const size_t taken = connection_->write(first.bytes.data() + first_written_, first.bytes.size() - first_written_);
  first_written_ += taken;
  if (first_written_ < first.bytes.size()) return taken > 0;
  first.ends_at = connection_->written();
  on_the_way_.push_back(std::move(first));
  held_.pop_front();
  first_written_ = 0;
  return true;
}

/// What the peer's system has acknowledged has left us.
void StreamLink::settle() {
  if (on_the_way_.empty()) return;
  const uint64_t acknowledged = connection_->way().acknowledged;
  while (!on_the_way_.empty() && on_the_way_.front().ends_at <= acknowledged) {
    counters_.count_sent(on_the_way_.front().info);
    let_go(on_the_way_.front());
    on_the_way_.pop_front();
  }
}

void StreamLink::lose(ExportLoss why, const Message& message) {
  counters_.lose(why, message.info.told);
  let_go(message);
}

void StreamLink::break_off(SteadyTime now) {
  note_away(connection_->why(), now);
  settle();
  const uint64_t departed = connection_->way().departed;
  // The first one held has not been written to its end: it cannot have come. Nor can what never left.
  while (!on_the_way_.empty() && on_the_way_.back().ends_at > departed) {
    held_.push_front(std::move(on_the_way_.back()));
    on_the_way_.pop_back();
  }
  for (const Message& message : on_the_way_) lose(ExportLoss::ConnectionBroken, message);
  on_the_way_.clear();
  std::erase_if(held_, [this](Message& message) {
    message.stamped = false;
    if (!message.info.flows) let_go(message);
    return !message.info.flows;
  });
  connection_ = nullptr;
  counters_.up.set(0);
  dialer_.drop(now);
}

void StreamLink::note_away(const std::string& why, SteadyTime now) {
  set_away(why);
  if (away_told_) return;
  away_told_ = true;
  if (connection_ != nullptr) away_since_ = now;
  lost_before_ = counters_.lost.sum();
  log_warning(name_ + ": away: " + why);
}

void StreamLink::note_back(SteadyTime now) {
  counters_.up.set(1);
  counters_.sessions.add();
  set_away({});
  if (!away_told_) {
    log_info(name_ + ": connected");
    return;
  }
  away_told_ = false;
  const uint64_t lost = counters_.lost.sum() - lost_before_;
  log_info(name_ + (counters_.sessions.get() > 1 ? ": back after " : ": connected after ") +
           std::to_string(whole_seconds(now - away_since_)) + " s, " + std::to_string(lost) + " records lost");
}

void StreamLink::progress(SteadyTime now) {
  const bool in_session = connection_ != nullptr;
  Connection* open = dialer_.poll(now);
  if (open == nullptr) {
    if (!dialer_.why().empty()) note_away(dialer_.why(), now);
    return;
  }
  connection_ = open;
  if (!in_session) {
    note_back(now);
    begin();
  }
  write_held();
  settle();
  if (connection_->poll() == Connection::State::Broken) break_off(now);
}

/// The peer closes when it has read all; closed at once, what it has not read could be taken from it.
void StreamLink::close() {
  constexpr std::chrono::milliseconds kPeerCloses{300};
  constexpr std::chrono::milliseconds kNap{2};
  connection_->close_writing();
  const SteadyTime until = std::chrono::steady_clock::now() + kPeerCloses;
  while (connection_->poll() == Connection::State::Open && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(kNap);
  if (connection_->poll() == Connection::State::Broken && !connection_->closed_in_order())
    log_warning(name_ + ": at the end: " + connection_->why() + "; what it had not read is lost");
}

void StreamLink::finish() {
  if (connection_ != nullptr && waiting()) connection_->abort();  // else it could come after it was counted as lost
  if (connection_ != nullptr && !waiting()) close();
  const std::string why = connection_ != nullptr && waiting() ? "it is connected, but takes nothing" : away();
  for (std::deque<Message>* messages : {&held_, &on_the_way_}) {
    for (const Message& message : *messages) lose(ExportLoss::EndOfRun, message);
    messages->clear();
  }
  counters_.up.set(0);
  const uint64_t lost = counters_.lost.sum();
  if (lost == 0) return;
  not_taken_ = name_ + " did not take " + std::to_string(lost) + " of " + std::to_string(counters_.offered.get()) +
               " records" + (why.empty() ? "" : ": " + why);
}

}  // namespace microcloud
