#include "cloud/cloud_owners.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace microcloud {
namespace {

constexpr std::string_view kIdentities = "identity.";

using Clock = std::chrono::steady_clock;

int64_t clock_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch()).count();
}

/// Multicast, broadcast and the unspecified address are nobody's.
bool can_be_owned(const IpAddress& address) {
  if (address.version == 4) return address.bytes[0] != 0 && address.bytes[0] < 224;
  return address.version == 6 && address.bytes[0] != 0xff &&
         std::any_of(address.bytes.begin(), address.bytes.end(), [](uint8_t byte) { return byte != 0; });
}

bool is_of_network(std::string_view key) {
  const size_t dot = key.rfind('.');
  return dot != std::string_view::npos && key.find('/', dot) != std::string_view::npos;
}

bool is_of_owner(std::string_view key) {
  const size_t slash = key.find('/');
  return key.starts_with(kIdentities) ||
         (slash != std::string_view::npos && key.substr(slash + 1).starts_with(kIdentities));
}

constexpr uint8_t kNetworkBits = 64;

IpAddress network_of(IpAddress address) {
  std::fill(address.bytes.begin() + kNetworkBits / 8, address.bytes.end(), uint8_t{0});
  return address;
}

}  // namespace

CloudOwners::CloudOwners(OwnersSettings settings)
    : settings_(std::move(settings)),
      names_(settings_.channel.realm),
      hosts_(settings_.most_kept, HashSeed::random()),
      networks_(settings_.most_kept, HashSeed::random()),
      now_ms_(clock_ms()),
      channel_(settings_.channel, [this](std::vector<OwnerNews> news) {
        std::erase_if(news, [this](OwnerNews& one) {
          const bool of_change = one.kind == OwnerNews::Kind::Changed && !is_of_owner(one.key);
          if (one.of_hash && settings_.hear_of_hash) settings_.hear_of_hash(one);
          if (of_change && settings_.hear_of_change) settings_.hear_of_change(one.key);
          return one.of_hash || of_change;
        });
        if (news.empty()) return;
        const std::lock_guard lock(mutex_);
        inbox_.insert(inbox_.end(), std::make_move_iterator(news.begin()), std::make_move_iterator(news.end()));
        has_news_.store(true, std::memory_order_release);
      }) {}

void CloudOwners::wait_until_ready(std::chrono::milliseconds longest) const {
  const auto end = Clock::now() + longest;
  while (!channel_.all_answer() && Clock::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

/// All that may decide is asked for at once: the answers of one round are enough.
Owners::Answer CloudOwners::owner(const IpAddress& address, const std::optional<Mac>& mac) {
  if (!can_be_owned(address)) return {Known::Nobody, {}};
  if (settings_.is_asked_for && !settings_.is_asked_for(address)) return {Known::Nobody, {}};
  bool waits = false;
  std::string_view user;
  const auto decides = [&](State state) {
    waits = waits || state == State::Asked;
    return state == State::Unknown || (state == State::Somebody && !waits);
  };
  const auto decided = [&](State state) {
    return state == State::Unknown ? Answer{Known::Unknown, {}} : Answer{Known::Somebody, user};
  };
  State state = look(hosts_, Kind::Address, names_.identity(address), {}, user);
  if (decides(state)) return decided(state);
  if (address.version == 6) {
    const IpAddress network = network_of(address);
    state = look(networks_, Kind::Networks, names_.identity(network, kNetworkBits), network, user);
    if (decides(state)) return decided(state);
  }
  if (mac) {
    state = look(hosts_, Kind::Mac, names_.identity(*mac), {}, user);
    if (decides(state)) return decided(state);
  }
  return {waits ? Known::Asked : Known::Nobody, {}};
}

OwnerCache::State CloudOwners::look(OwnerCache& cache, Kind kind, std::string_view key, const IpAddress& network,
                                    std::string_view& user) {
  if (const OwnerCache::Entry* entry = cache.find(key, now_ms_); entry != nullptr) {
    if (entry->state != State::Asked) counts_.from_cache.add();
    user = entry->user;
    return entry->state;
  }
  if (!channel_.answers()) return State::Unknown;
  if (hosts_.asked() + networks_.asked() >= settings_.most_asked) {
    counts_.too_many.add();
    return State::Unknown;
  }
  counts_.asked.add();
  outgoing_.push_back({kind, std::string(key), network, cache.ask(key)});
  return State::Asked;
}

bool CloudOwners::learn() {
  now_ms_ = clock_ms();
  if (!outgoing_.empty()) channel_.ask(std::exchange(outgoing_, {}));
  if (!has_news_.load(std::memory_order_acquire)) return false;
  std::vector<OwnerNews> news;
  {
    const std::lock_guard lock(mutex_);
    news.swap(inbox_);
    has_news_.store(false, std::memory_order_relaxed);
  }
  for (OwnerNews& one : news) take(one);
  counts_.kept.set(hosts_.size() + networks_.size());
  return true;
}

void CloudOwners::take(OwnerNews& news) {
  OwnerCache& cache = is_of_network(news.key) ? networks_ : hosts_;
  switch (news.kind) {
    case OwnerNews::Kind::Answer: {
      const bool nobody = news.user.empty() || news.lives_ms == 0;
      int64_t keep = nobody ? settings_.nobody_ms : settings_.somebody_ms;
      if (!nobody && news.lives_ms > 0) keep = std::min(keep, news.lives_ms);
      if (!news.tracked) keep = std::min(keep, settings_.untracked_ms);
      (nobody ? counts_.nobody : counts_.somebody).add();
      cache.answer(news.key, news.ticket, nobody ? State::Nobody : State::Somebody, std::move(news.user),
                   now_ms_ + keep, news.server);
      break;
    }
    case OwnerNews::Kind::NoAnswer:
      cache.answer(news.key, news.ticket, State::Unknown, {}, now_ms_ + settings_.unknown_ms);
      break;
    case OwnerNews::Kind::Changed:
      counts_.changed.add();
      // One prefix may be the longest of many networks, or of none that is known here.
      if (is_of_network(news.key)) {
        networks_.clear();
      } else {
        hosts_.forget(news.key);
      }
      break;
    case OwnerNews::Kind::AllChanged:
      if (news.server == kEveryServer) {
        hosts_.clear();
      } else {
        hosts_.forget_from(news.server);
      }
      networks_.clear();  // what several servers said
      break;
  }
}

}  // namespace microcloud
