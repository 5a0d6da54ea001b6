#include "cloud/owner_channel.h"

#include <utility>

#include "base/log.h"
#include "resp/sentinel.h"

namespace microcloud {
namespace {

using resp::Outcome;
using Kind = OwnerQuestion::Kind;

// What providers delegate to subscribers (RFC 6177; RFC 8415, 6.3), the longest first.
constexpr uint8_t kLongestPrefix = 64, kShortestPrefix = 32;
constexpr size_t kRepliesAKey = 2;
constexpr size_t kAtOnce = 32;  // questions whose answers are awaited together
constexpr auto kPatienceForTracking = std::chrono::milliseconds(2'000);

IpAddress network_of(IpAddress address, unsigned bits) {
  for (unsigned bit = bits; bit < 128; ++bit) address.bytes[bit / 8] &= static_cast<uint8_t>(~(0x80U >> (bit % 8)));
  return address;
}

size_t keys_of(const OwnerQuestion& question) {
  return question.kind == Kind::Networks ? kLongestPrefix - kShortestPrefix + 1 : 1;
}

}  // namespace

OwnerChannel::OwnerChannel(ChannelSettings settings, Tell tell)
    : settings_(std::move(settings)),
      tell_(std::move(tell)),
      names_(settings_.realm),
      breaker_(settings_.breaker),
      pause_(loop_) {}

void OwnerChannel::start() {
  resp::ClientSettings client = settings_.client;
  client.master_only = true;  // another one may not have heard of the last change
  client.protocol = resp::Protocol::Resp3;
  resp::ClientEvents events;
  events.state = [this](resp::ClientEvents::State state, const std::string& why) { on_state(state, why); };
  events.push = [this](const resp::Value& push) { on_push(push); };
  resp::Locator locator = resp::located_by(loop_, settings_.url, client.tls);
  client_ = std::make_unique<resp::Client>(loop_, std::move(locator), std::move(client), std::move(events));
  client_->start();
  thread_ = std::thread([this] { loop_.run(); });
}

void OwnerChannel::stop() {
  if (!thread_.joinable()) return;
  loop_.stop();
  thread_.join();
  answers_.store(false);
}

/// Without its connection nothing tells that a key has changed.
void OwnerChannel::on_state(resp::ClientEvents::State state, const std::string&) {
  if (state == resp::ClientEvents::State::Down) {
    answers_.store(false, std::memory_order_release);
    pause_.cancel();
    tell_({{.kind = OwnerNews::Kind::AllChanged}});
    return;
  }
  counts_.connects.add();
  resp::Commands commands;
  commands.add("CLIENT", "TRACKING", "ON");
  client_->send(
      std::move(commands),
      [this](const resp::Result& result) {
        if (result.outcome == Outcome::Ok) return ready(!result.replies[0].is_error());
        if (client_->ready()) client_->reconnect("it does not answer");
      },
      kPatienceForTracking);
}

void OwnerChannel::ready(bool tracked) {
  tracked_ = tracked;
  if (!tracked && !std::exchange(told_untracked_, true))
    log_warning(
        "the MicroCloud does not tell of changes (CLIENT TRACKING is refused): owners are asked for each second");
  if (breaker_.open()) log_info("the MicroCloud answers again who owns an address");
  breaker_.close();
  answers_.store(true, std::memory_order_release);
}

void OwnerChannel::on_push(const resp::Value& push) {
  if (push.elements.size() < 2 || !push.elements[0].is("invalidate")) return;
  const resp::Value& keys = push.elements[1];
  std::vector<OwnerNews> news;
  if (keys.is_null()) news.push_back({.kind = OwnerNews::Kind::AllChanged});
  for (const resp::Value& key : keys.elements) news.push_back({.kind = OwnerNews::Kind::Changed, .key = key.text});
  tell_(std::move(news));
}

void OwnerChannel::ask(std::vector<OwnerQuestion> questions) {
  loop_.post([this, questions = std::move(questions)]() mutable {
    for (size_t from = 0; from < questions.size(); from += kAtOnce) {
      const auto begin = questions.begin() + static_cast<std::ptrdiff_t>(from);
      const auto end = begin + static_cast<std::ptrdiff_t>(std::min(kAtOnce, questions.size() - from));
      send({std::make_move_iterator(begin), std::make_move_iterator(end)});
    }
  });
}

void OwnerChannel::send(std::vector<OwnerQuestion> questions) {
  resp::Commands commands;
  const auto add = [&commands](std::string_view key) {
    commands.add("HGET", key, "user");
    commands.add("PTTL", key);
  };
  for (const OwnerQuestion& question : questions) {
    if (question.kind != Kind::Networks) {
      add(question.key);
      continue;
    }
    for (unsigned bits = kLongestPrefix; bits >= kShortestPrefix; --bits)
      add(names_.identity(network_of(question.network, bits), static_cast<uint8_t>(bits)));
  }
  client_->send(
      std::move(commands),
      [this, questions = std::move(questions)](const resp::Result& result) { on_answers(questions, result); },
      settings_.deadline);
}

void OwnerChannel::on_answers(const std::vector<OwnerQuestion>& questions, const resp::Result& result) {
  std::vector<OwnerNews> news;
  size_t at = 0;
  for (const OwnerQuestion& question : questions) {
    const size_t count = keys_of(question) * kRepliesAKey;
    if (result.outcome == Outcome::Ok) {
      news.push_back(read(question, result.replies.data() + at, count));
    } else {
      news.push_back({.kind = OwnerNews::Kind::NoAnswer, .key = question.key, .ticket = question.ticket});
    }
    at += count;
  }
  tell_(std::move(news));
  if (result.outcome == Outcome::Ok) return breaker_.succeeded();
  counts_.late.add(questions.size());
  if (client_->ready() && breaker_.failed()) open_breaker(result.why);
}

OwnerNews OwnerChannel::read(const OwnerQuestion& question, const resp::Value* replies, size_t count) {
  OwnerNews answer{
      .kind = OwnerNews::Kind::Answer, .key = question.key, .ticket = question.ticket, .tracked = tracked_};
  for (size_t at = 0; at + 1 < count; at += kRepliesAKey) {
    const resp::Value& user = replies[at];
    if (user.is_error()) {
      counts_.refused.add();
      if (!std::exchange(told_refused_, true))
        log_warning("the MicroCloud does not say who owns an address: " + user.text);
    }
    if (!user.has_text() || user.text.empty()) continue;
    answer.user = user.text;
    answer.lives_ms = replies[at + 1].as_integer().value_or(-1);
    break;
  }
  return answer;
}

void OwnerChannel::open_breaker(const std::string& why) {
  answers_.store(false, std::memory_order_release);
  counts_.opened.add();
  log_warning("the MicroCloud at " + settings_.url.text() + " is slow to answer, users are not asked for: " + why);
  pause_.start(breaker_.pause(), [this] { try_again(); });
}

/// Half open: one trial, which costs no record anything.
void OwnerChannel::try_again() {
  resp::Commands commands;
  commands.add("PING");
  client_->send(
      std::move(commands),
      [this](const resp::Result& result) {
        if (!client_->ready()) return;  // the next connection decides
        if (result.outcome == Outcome::Ok) return ready(tracked_);
        breaker_.trial_failed();
        pause_.start(breaker_.pause(), [this] { try_again(); });
      },
      settings_.deadline);
}

}  // namespace microcloud
