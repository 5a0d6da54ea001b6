#include "cloud/alert_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/wall_clock.h"
#include "record/json.h"

namespace microcloud {
namespace {

constexpr int64_t kMinuteMs = 60'000;

struct LossRule {
  std::string_view name;
  bool (*is_of)(std::string_view stage, std::string_view reason);  // the ladder's
};

constexpr LossRule kLossRules[] = {
    {"capture-drops",
     [](std::string_view stage, std::string_view reason) {
       return (stage == "ring" && reason == "full") || (stage == "table" && reason == "handover_full");
     }},
    {"cloud-lost", [](std::string_view stage, std::string_view) { return stage == "cloud"; }},
    {"export-lost", [](std::string_view stage, std::string_view) { return stage == "export"; }},
};

uint64_t lost_by(const LossRule& rule, const LossLadder& ladder) {
  uint64_t lost = 0;
  for (const LossStage& stage : ladder.stages()) {
    for (const auto& [reason, count] : stage.dropped) lost += rule.is_of(stage.stage, reason) ? count : 0;
  }
  return lost;
}

}  // namespace

std::vector<std::string_view> alert_rule_names() {
  std::vector<std::string_view> names;
  for (const LossRule& rule : kLossRules) names.push_back(rule.name);
  names.push_back(kWatchedRule);
  return names;
}

LossRules::LossRules(const std::vector<std::string>& names, Alerts& alerts) : alerts_(alerts) {
  for (const LossRule& rule : kLossRules) {
    if (std::ranges::find(names, rule.name) != names.end()) states_.push_back({.rule = rule.name});
  }
}

void LossRules::look(const LossLadder& ladder, int64_t now_ms, bool last) {
  const int64_t minute = now_ms / kMinuteMs;
  const std::lock_guard lock(mutex_);
  for (State& state : states_) {
    const auto rule = std::ranges::find(kLossRules, state.rule, &LossRule::name);
    const uint64_t lost = lost_by(*rule, ladder);
    if (lost <= state.told || (minute == state.minute && !last)) continue;
    const std::string details = fmt::format(R"("count":{},"total":{})", lost - state.told, lost);
    alerts_.raise({.rule = state.rule, .details = details, .time_ms = now_ms, .last = last});
    state.told = lost;
    state.minute = minute;
  }
}

void WatchedHosts::put(const RecordRef& record) {
  if (const uint64_t version = list_.version(); version != version_) {
    version_ = version;
    networks_ = list_.networks();
  }
  if (networks_->empty()) return;
  see(record.common->source, record.common->destination, record);
  see(record.common->destination, record.common->source, record);
}

void WatchedHosts::see(const IpAddress& host, const IpAddress& peer, const RecordRef& record) {
  const auto entry = networks_->find(host);
  if (!entry) return;
  const int64_t now_ms = wall_ms();
  const std::string text = to_text(host);
  if (!is_first(text, now_ms / kMinuteMs)) return;
  std::string details = R"("entry":)";
  append_json_string(details, networks_->text(*entry));
  details += R"(,"peer":)";
  append_json_string(details, to_text(peer));
  details += R"(,"record":)";
  append_json_string(details, record.type->name);
  alerts_.raise({.rule = kWatchedRule, .host = text, .details = details, .time_ms = now_ms});
}

bool WatchedHosts::is_first(const std::string& host, int64_t minute) {
  if (minute != minute_) hosts_.clear();
  minute_ = minute;
  if (hosts_.contains(host)) return false;
  if (hosts_.size() >= kMostAMinute) {
    suppressed_.add();
    return false;
  }
  hosts_.insert(host);
  return true;
}

}  // namespace microcloud
