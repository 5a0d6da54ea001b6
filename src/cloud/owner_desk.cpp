#include "cloud/owner_desk.h"

#include <utility>

#include "base/log.h"

namespace microcloud {
namespace {

// What providers delegate to subscribers (RFC 6177; RFC 8415, 6.3), the longest first.
constexpr uint8_t kLongestPrefix = 64, kShortestPrefix = 32;
constexpr size_t kMostOfUser = 255;  // octets of a name
constexpr size_t kMostOfHash = 512;  // fields that are read of one

IpAddress network_of(IpAddress address, unsigned bits) {
  for (unsigned bit = bits; bit < 128; ++bit) address.bytes[bit / 8] &= static_cast<uint8_t>(~(0x80U >> (bit % 8)));
  return address;
}

}  // namespace

OwnerDesk::OwnerDesk(ChannelSettings its_settings, Tell its_tell)
    : settings(std::move(its_settings)), tell(std::move(its_tell)), names_(settings.realm) {}

size_t OwnerDesk::keys(const OwnerQuestion& question) {
  return question.kind == OwnerQuestion::Kind::Networks ? kLongestPrefix - kShortestPrefix + 1 : 1;
}

std::vector<std::string> OwnerDesk::keys_of(const OwnerQuestion& question) {
  if (question.kind != OwnerQuestion::Kind::Networks) return {question.key};
  std::vector<std::string> keys;
  for (unsigned bits = kLongestPrefix; bits >= kShortestPrefix; --bits)
    keys.emplace_back(names_.identity(network_of(question.network, bits), static_cast<uint8_t>(bits)));
  return keys;
}

void OwnerDesk::add_commands(resp::Commands& commands, const OwnerQuestion& question, const std::string& key) {
  if (question.kind == OwnerQuestion::Kind::Hash) {
    commands.add("HGETALL", key);
  } else {
    commands.add("HGET", key, "user");
  }
  commands.add("PTTL", key);
}

KeyAnswer OwnerDesk::read(const OwnerQuestion& question, const resp::Value& said, const resp::Value* lives) {
  KeyAnswer answer{.answered = true};
  if (resp::outcome_of(said) == resp::Outcome::Retry) return {};  // it may hold something
  if (said.is_error()) {
    counts.refused.add();
    if (!std::exchange(told_refused_, true))
      log_warning("the MicroCloud does not say what " + question.key + " holds: " + said.text);
  }
  if (question.kind == OwnerQuestion::Kind::Hash) {
    for (size_t at = 0; at + 1 < said.elements.size() && answer.fields.size() < kMostOfHash; at += 2)
      answer.fields.emplace_back(said.elements[at].text, said.elements[at + 1].text);
    return answer;
  }
  if (!said.has_text()) return answer;
  answer.user = said.text.substr(0, kMostOfUser);
  if (lives != nullptr) answer.lives_ms = lives->as_integer().value_or(-1);
  return answer;
}

/// The first that somebody owns decides, if all before it were answered.
OwnerNews OwnerDesk::conclude(const OwnerQuestion& question, std::span<KeyAnswer> keys) {
  OwnerNews answer{.kind = OwnerNews::Kind::Answer,
                   .key = question.key,
                   .ticket = question.ticket,
                   .of_hash = question.kind == OwnerQuestion::Kind::Hash};
  for (KeyAnswer& key : keys) {
    if (!key.answered) {
      answer.kind = OwnerNews::Kind::NoAnswer;
      return answer;
    }
    answer.fields = std::move(key.fields);
    answer.tracked = answer.tracked && key.tracked;
    answer.server = key.server;
    if (key.user.empty()) continue;
    answer.user = std::move(key.user);
    answer.lives_ms = key.lives_ms;
    break;
  }
  return answer;
}

void OwnerDesk::heed(const resp::Value& push, OwnerServer from) {
  if (push.elements.size() < 2 || !push.elements[0].is("invalidate")) return;
  const resp::Value& keys = push.elements[1];
  if (keys.is_null()) return tell_all_changed(from);
  std::vector<OwnerNews> news;
  for (const resp::Value& key : keys.elements) news.push_back({.kind = OwnerNews::Kind::Changed, .key = key.text});
  tell(std::move(news));
}

void OwnerDesk::say_untracked() {
  if (std::exchange(told_untracked_, true)) return;
  log_warning("the MicroCloud does not tell of changes (CLIENT TRACKING is refused): owners are asked for each second");
}

}  // namespace microcloud
