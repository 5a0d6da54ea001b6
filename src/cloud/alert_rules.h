// When the probe raises alerts: something is lost, or a host of the list `watched` is seen.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/metrics.h"
#include "cloud/alerts.h"
#include "cloud/watch_list.h"
#include "record/record.h"

namespace microcloud {

inline constexpr std::string_view kWatchedRule = "watched";

/// Those of losses, and kWatchedRule.
std::vector<std::string_view> alert_rule_names();

/// Rules of losses: at most one alert a rule and minute, with what was lost since the one before.
class LossRules {
 public:
  /// Those of them that are named in `names`.
  LossRules(const std::vector<std::string>& names, Alerts& alerts);

  /// Any thread, each second; `last`: what is left is told now.
  void look(const LossLadder& ladder, int64_t now_ms, bool last);

 private:
  struct State {
    std::string_view rule;
    uint64_t told = 0;
    int64_t minute = -1;
  };

  Alerts& alerts_;
  std::mutex mutex_;
  std::vector<State> states_;
};

/// The rule of hosts seen: at most one alert a host and minute.
class WatchedHosts {
 public:
  static constexpr size_t kMostAMinute = 1'000;

  WatchedHosts(const WatchList& list, Alerts& alerts) : list_(list), alerts_(alerts) {}

  /// One thread.
  void put(const RecordRef& record);
  /// Alerts that were not raised, as so many other hosts had one in the same minute. Any thread.
  const Counter& suppressed() const { return suppressed_; }

 private:
  void see(const IpAddress& host, const IpAddress& peer, const RecordRef& record);
  bool is_first(const std::string& host, int64_t minute);

  const WatchList& list_;
  Alerts& alerts_;
  uint64_t version_ = 0;
  std::shared_ptr<const PrefixSet> networks_ = std::make_shared<PrefixSet>();
  int64_t minute_ = 0;
  std::unordered_set<std::string> hosts_;  // with an alert in this minute
  Counter suppressed_;
};

}  // namespace microcloud
