#include "cloud/alerts.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/log.h"
#include "record/json.h"

namespace microcloud {
namespace {

constexpr int64_t kMinuteMs = 60'000;
constexpr int64_t kLongestStream = 100'000;  // about

std::string alert_id(std::string_view probe, const Alert& alert) {
  return fmt::format("{}/{}/{}{}{}{}", probe, alert.rule, alert.host, alert.host.empty() ? "" : "/",
                     alert.time_ms / kMinuteMs, alert.last ? "-end" : "");
}

void add_member(std::string& json, std::string_view name, std::string_view text) {
  json += json.size() > 1 ? "," : "";
  append_json_string(json, name);
  json += ':';
  append_json_string(json, text);
}

std::string alert_json(std::string_view id, std::string_view probe, const Alert& alert) {
  std::string json = "{";
  add_member(json, "rule", alert.rule);
  add_member(json, "id", id);
  add_member(json, "probeId", probe);
  json += fmt::format(R"(,"timeMilliseconds":{})", alert.time_ms);
  if (!alert.host.empty()) add_member(json, "host", alert.host);
  if (!alert.details.empty()) json += ',';
  return json.append(alert.details) + '}';
}

}  // namespace

Alerts::Alerts(std::string prefix, std::string probe_id, Events& wake_ups)
    : prefix_(std::move(prefix)), probe_id_(std::move(probe_id)), wake_ups_(wake_ups) {}

void Alerts::raise(const Alert& alert) {
  std::string id = alert_id(probe_id_, alert);
  std::string json = alert_json(id, probe_id_, alert);
  const std::lock_guard lock(mutex_);
  counts_.raised.add();
  waiting_.push_back({std::move(id), std::string(alert.rule), std::move(json), alert.time_ms});
  drop_oldest();
}

void Alerts::drop_oldest() {
  while (waiting_.size() > kMost) {
    waiting_.pop_front();
    counts_.overflowed.add();
  }
}

/// One batch at a time, so that alerts come in their order.
void Alerts::send(UpdateWay& way, int64_t now_ms) {
  now_ms_ = now_ms;
  const std::string key = prefix_ + "stream.alerts";
  resp::Commands commands;
  {
    const std::lock_guard lock(mutex_);
    if (!out_.empty() || waiting_.empty() || now_ms < pause_until_ms_) return;
    for (; !waiting_.empty() && out_.size() < kAtOnce; waiting_.pop_front()) {
      const Entry& entry = out_.emplace_back(std::move(waiting_.front()));
      commands.add("XADD", key, "MAXLEN", "~", kLongestStream, "*", "id", entry.id, "rule", entry.rule, "probe",
                   probe_id_, "time", entry.time_ms, "alert", entry.json);
    }
  }
  way.send(key, commands, [this](const resp::Result& result) { on_result(result); });
}

/// In a cluster several commands are one transaction: what was refused as a whole has other replies than one for each.
void Alerts::on_result(const resp::Result& result) {
  std::vector<Entry> again;
  std::string why = result.why;
  const std::lock_guard lock(mutex_);
  const bool as_a_whole = result.outcome == resp::Outcome::Ok && result.replies.size() != out_.size();
  if (as_a_whole && !result.replies.empty()) why = result.replies.back().text;
  for (size_t at = 0; at < out_.size(); ++at) {
    Entry& entry = out_[at];
    const bool answered = !as_a_whole && at < result.replies.size();
    if (answered && !result.replies[at].is_error()) {
      counts_.written.add();
      wake_ups_.add("alert." + entry.rule, std::move(entry.json));
      continue;
    }
    if (answered) why = result.replies[at].text;
    if (answered || as_a_whole) counts_.refused.add();
    again.push_back(std::move(entry));
  }
  out_.clear();
  if (!again.empty()) pause_until_ms_ = now_ms_ + kPauseMs;
  // A connection that broke is told by whoever tells of updates.
  const bool refused = !again.empty() && result.outcome == resp::Outcome::Ok;
  if (refused && trouble_.empty()) log_warning(fmt::format("alerts are not taken, up to {} wait: {}", kMost, why));
  if (refused || again.empty()) trouble_ = refused ? why : "";
  put_back(std::move(again));
}

void Alerts::put_back(std::vector<Entry> entries) {
  waiting_.insert(waiting_.begin(), std::make_move_iterator(entries.begin()), std::make_move_iterator(entries.end()));
  drop_oldest();
}

bool Alerts::settled() const {
  const std::lock_guard lock(mutex_);
  return out_.empty() && waiting_.empty();
}

size_t Alerts::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size() + out_.size();
}

std::string Alerts::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

}  // namespace microcloud
