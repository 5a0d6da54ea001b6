// Who owns an address, as the MicroCloud says: identity.<address>, else the longest delegated prefix, else
// identity.<mac>.
#pragma once

#include <mutex>

#include "cloud/owner_cache.h"
#include "cloud/owner_channel.h"
#include "record/owners.h"

namespace microcloud {

struct OwnersSettings {
  ChannelSettings channel;
  /// Called on the channel's thread with what was asked of hashes (OwnerChannel::ask): Answer or NoAnswer.
  std::function<void(const OwnerNews&)> hear_of_hash;
  /// Called there with keys of watched trees (ChannelSettings) that have changed, have come, or are gone.
  std::function<void(const std::string& key)> hear_of_change;
  /// Which addresses are asked for; none: all that a host can have.
  std::function<bool(const IpAddress&)> is_asked_for;
  size_t most_kept = 65'536;  // answers
  size_t most_asked = 8'192;  // questions without an answer
  int64_t somebody_ms = 60'000;
  int64_t nobody_ms = 5'000;
  int64_t unknown_ms = 100;      // after a question that was not answered
  int64_t untracked_ms = 1'000;  // the longest where changes are not told
};

class CloudOwners final : public Owners {
 public:
  explicit CloudOwners(OwnersSettings settings);

  /// From here to stop() questions are answered.
  void start() { channel_.start(); }
  void stop() { channel_.stop(); }
  /// Until whatever is asked can be answered, but no longer than that.
  void wait_until_ready(std::chrono::milliseconds longest) const;

  Answer owner(const IpAddress& address, const std::optional<Mac>& mac) override;
  bool learn() override;

  /// Any thread.
  struct Counts {
    Counter asked;       // questions
    Counter from_cache;  // answered from memory
    Counter somebody;
    Counter nobody;
    Counter changed;   // keys whose answers counted no more
    Counter too_many;  // not asked, as too many were out
    Counter kept;      // answers in memory now
  };
  const Counts& counts() const { return counts_; }
  const OwnerChannel& channel() const { return channel_; }
  OwnerChannel& channel() { return channel_; }

 private:
  using State = OwnerCache::State;
  using Kind = OwnerQuestion::Kind;
  State look(OwnerCache& cache, Kind kind, std::string_view key, const IpAddress& network, std::string_view& user);
  void take(OwnerNews& news);

  const OwnersSettings settings_;
  KeyNames names_;
  OwnerCache hosts_;  // addresses and MAC addresses
  OwnerCache networks_;
  std::vector<OwnerQuestion> outgoing_;
  int64_t now_ms_ = 0;
  Counts counts_;

  std::mutex mutex_;
  std::vector<OwnerNews> inbox_;
  std::atomic<bool> has_news_{false};

  OwnerChannel channel_;
};

}  // namespace microcloud
