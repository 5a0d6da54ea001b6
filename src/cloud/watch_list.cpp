#include "cloud/watch_list.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"

namespace microcloud {
namespace {

constexpr int64_t kEveryMs = 500;

/// The only reply; nullptr: there is none now, as the connection broke or the server is busy with itself, which is told
/// elsewhere.
const resp::Value* reply_of(const resp::Result& result) {
  if (result.outcome != resp::Outcome::Ok || result.replies.size() != 1) return nullptr;
  return resp::outcome_of(result.replies[0]) == resp::Outcome::Retry ? nullptr : &result.replies[0];
}

}  // namespace

void WatchList::look(UpdateWay& way, int64_t now_ms) {
  if (asking_ || now_ms - looked_ms_ < kEveryMs) return;
  asking_ = true;
  looked_ms_ = now_ms;
  resp::Commands commands;
  commands.add("SCARD", key_);
  way.send(key_, commands, [this, &way](const resp::Result& result) { on_size(way, result); });
}

void WatchList::on_size(UpdateWay& way, const resp::Result& result) {
  asking_ = false;
  const resp::Value* reply = reply_of(result);
  if (reply == nullptr) return;
  if (reply->is_error()) return tell(reply->text);
  if (reply->as_integer().value_or(0) > static_cast<int64_t>(kMost))
    return tell(fmt::format("it has more than {} entries", kMost));
  asking_ = true;
  resp::Commands commands;
  commands.add("SMEMBERS", key_);
  way.send(key_, commands, [this](const resp::Result& members) { on_members(members); });
}

void WatchList::on_members(const resp::Result& result) {
  asking_ = false;
  const resp::Value* reply = reply_of(result);
  if (reply == nullptr) return;
  if (reply->is_error()) return tell(reply->text);
  std::vector<std::string> members;
  for (const resp::Value& member : reply->elements) members.push_back(member.text);
  std::ranges::sort(members);
  if (version() > 0 && members == members_) return;
  take(std::move(members));
}

void WatchList::take(std::vector<std::string> members) {
  auto networks = std::make_shared<PrefixSet>();
  std::string wrong;
  for (const std::string& member : members) {
    try {
      networks->add(member);
    } catch (const std::invalid_argument& error) {
      if (wrong.empty()) wrong = error.what();
    }
  }
  members_ = std::move(members);
  const std::lock_guard lock(mutex_);
  networks_ = std::move(networks);
  version_.fetch_add(1, std::memory_order_release);
  tell(wrong.empty() ? "" : "an entry is left out: " + wrong);
}

std::shared_ptr<const PrefixSet> WatchList::networks() const {
  const std::lock_guard lock(mutex_);
  return networks_;
}

void WatchList::tell(std::string why) {
  if (why != told_ && !why.empty()) log_warning(fmt::format("the list {}: {}", key_, why));
  told_ = std::move(why);
}

}  // namespace microcloud
