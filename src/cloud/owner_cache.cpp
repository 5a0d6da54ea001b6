#include "cloud/owner_cache.h"

namespace microcloud {

const OwnerCache::Entry* OwnerCache::find(std::string_view key, int64_t now_ms) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  const Entry& entry = found->second.entry;
  if (entry.state == State::Asked || now_ms < entry.until_ms) return &entry;
  erase(found);
  return nullptr;
}

uint32_t OwnerCache::ask(std::string_view key) {
  forget(key);
  while (entries_.size() >= most_) erase(entries_.find(order_.front()));
  const auto at = entries_.try_emplace(std::string(key)).first;
  at->second.place = order_.insert(order_.end(), at->first);
  at->second.entry.ticket = ++tickets_;
  ++asked_;
  return tickets_;
}

bool OwnerCache::answer(std::string_view key, uint32_t ticket, State state, std::string user, int64_t until_ms,
                        uint32_t server) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return false;
  Entry& entry = found->second.entry;
  if (entry.state != State::Asked || entry.ticket != ticket) return false;
  --asked_;
  entry.state = state;
  entry.user = std::move(user);
  entry.until_ms = until_ms;
  entry.server = server;
  return true;
}

void OwnerCache::forget(std::string_view key) {
  if (const auto found = entries_.find(key); found != entries_.end()) erase(found);
}

void OwnerCache::forget_from(uint32_t server) {
  for (auto at = entries_.begin(); at != entries_.end();) {
    const auto next = std::next(at);
    const Entry& entry = at->second.entry;
    if (entry.state != State::Asked && entry.server == server) erase(at);
    at = next;
  }
}

void OwnerCache::clear() {
  entries_.clear();
  order_.clear();
  asked_ = 0;
}

void OwnerCache::erase(Entries::iterator at) {
  if (at->second.entry.state == State::Asked) --asked_;
  order_.erase(at->second.place);
  entries_.erase(at);
}

}  // namespace microcloud
