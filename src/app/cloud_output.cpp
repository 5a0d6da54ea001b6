#include "app/cloud_output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <random>
#include <system_error>

#include "base/log.h"
#include "base/wall_clock.h"

namespace microcloud {
namespace {

using Clock = std::chrono::steady_clock;

/// Never the same again: a time, and chance for two that start in the same millisecond.
std::string new_incarnation() {
  return fmt::format("{:x}-{:x}", wall_ms(), std::random_device()());
}

HostChoice host_choice(const std::string& word) {
  if (word == "local") return HostChoice::Local;
  return word == "answered" ? HostChoice::Answered : HostChoice::All;
}

/// Of the LossStage: increments, as records merge on their way.
LossStage loss_stage(const WriterStatus& status) {
  LossStage stage{"cloud", status.increments, status.lane.increments - status.lane.refused, {}};
  stage.dropped = {{"overflow", status.overflowed},
                   {"spill_damaged", status.damaged},
                   {"refused", status.lane.refused},
                   {"server_lost", status.lane.lost}};
  return stage;
}

using Fields = std::vector<std::pair<std::string, std::string>>;

void add_ladder(const LossLadder& ladder, Fields& fields) {
  for (const LossStage& stage : ladder.stages()) {
    const std::string name(stage.stage);
    fields.emplace_back(name + ".in", std::to_string(stage.in));
    fields.emplace_back(name + ".out", std::to_string(stage.out));
    fields.emplace_back(name + ".held", std::to_string(stage.held()));
    for (const auto& [reason, count] : stage.dropped)
      fields.emplace_back(fmt::format("{}.dropped.{}", name, reason), std::to_string(count));
  }
}

std::string joined(const std::vector<std::string_view>& names) {
  std::string text;
  for (const std::string_view name : names) text.append(text.empty() ? "" : ", ").append(name);
  return text;
}

/// Those that the options name. Throws UsageError.
std::vector<std::string> chosen_rules(const CloudOptions& options) {
  const std::vector<std::string_view> all = alert_rule_names();
  if (options.alerts.empty() || options.alerts == std::vector<std::string>{"all"}) return {all.begin(), all.end()};
  if (options.alerts == std::vector<std::string>{"none"}) return {};
  for (const std::string& rule : options.alerts) {
    if (std::find(all.begin(), all.end(), rule) == all.end())
      throw UsageError("--alerts: there is no rule '" + rule + "'; accepted: all, none, or some of " + joined(all));
  }
  return options.alerts;
}

void check_events(const CloudOptions& options) {
  for (const std::string& kind : options.events) {
    std::string accepted = "all, probe";
    bool known = kind == "all" || kind == "probe";
    for (const RecordType* type : record_types()) {
      known = known || type->name == kind;
      accepted += ", " + std::string(type->name);
    }
    if (!known) throw UsageError("--events: there are none of '" + kind + "'; accepted: " + accepted);
  }
}

constexpr uint64_t kLeastSize = uint64_t{1} << 20, kMostSize = uint64_t{1} << 50;
constexpr uint64_t kDefaultSpill = uint64_t{1} << 30;

bool is_size(uint64_t bytes) {
  return bytes >= kLeastSize && bytes <= kMostSize;
}

/// Opens nothing. Throws UsageError.
OverflowSettings spill_settings(const CloudOptions& options) {
  if (!is_size(options.memory_bytes)) throw UsageError("--cloud-memory: accepted: 1MB to 1PB");
  OverflowSettings settings;
  settings.directory = options.spill_directory;
  settings.most_bytes = options.spill_bytes.value_or(kDefaultSpill);
  if (!is_size(settings.most_bytes)) throw UsageError("--cloud-spill-size: accepted: 1MB to 1PB");
  if (settings.directory.empty()) return settings;
  std::error_code error;
  const bool is_directory = std::filesystem::is_directory(settings.directory, error);
  if (!is_directory && !error) error = std::make_error_code(std::errc::not_a_directory);
  if (!error && access(settings.directory.c_str(), W_OK | X_OK) != 0) error = {errno, std::system_category()};
  if (error)
    throw UsageError(fmt::format("--cloud-spill: no file can be made in {}: {}", settings.directory, error.message()));
  return settings;
}

}  // namespace

/// What probe.<id> tells of the probe itself.
Fields heartbeat(const CloudSurroundings& around) {
  const Probe& probe = *around.metering->load();
  const ProbeTotals totals = probe.totals();
  Fields fields = {{"version", MICROCLOUD_VERSION},
                   {"beat", std::to_string(wall_ms())},
                   {"interfaces", around.source},
                   {"packets", std::to_string(totals.read)},
                   {"drops", std::to_string(totals.kernel_drops + totals.handover_drops + totals.record_drops)},
                   {"flows", std::to_string(totals.open_flows)}};
  if (const std::string listen = around.listen ? around.listen() : ""; !listen.empty())
    fields.emplace_back("listen", listen);
  if (around.ladder) add_ladder(around.ladder(), fields);
  return fields;
}

AccountingSettings accounting_settings(const CloudOptions& options, const CloudSurroundings& around) {
  AccountingSettings settings;
  settings.realm = options.realm;
  settings.hosts = host_choice(options.hosts);
  settings.births = {.per_second = options.new_keys, .most_keys = options.most_keys, .ttl_s = options.ttl_s};
  settings.is_local = [local = around.local](const IpAddress& address) { return local.contains(address); };
  settings.scale = around.sampling;
  return settings;
}

WriterSettings writer_settings(const CloudOptions& options, const std::string& probe_id) {
  WriterSettings settings;
  CloudAccess access = cloud_access(options);
  settings.url = std::move(access.url);
  settings.client = std::move(access.client);
  settings.client.name = "microcloud-probe";
  check_events(options);
  const std::vector<std::string> rules = chosen_rules(options);
  if (std::find(rules.begin(), rules.end(), kWatchedRule) != rules.end()) settings.watch_list = kWatchedRule;
  settings.accounting.realm = options.realm;
  settings.flush_ms = options.flush_ms;
  settings.most_waiting_bytes = options.memory_bytes;
  settings.spill = spill_settings(options);
  settings.probe_id = probe_id;
  settings.incarnation = new_incarnation();
  return settings;
}

CloudOutput::CloudOutput(const CloudOptions& options, const CloudSurroundings& around)
    : events_(options.events),
      probe_id_(around.probe_id),
      drain_(around.drain),
      live_(around.live),
      metering_(*around.metering),
      writer_(surrounded(writer_settings(options, around.probe_id), options, around)),
      loss_rules_(chosen_rules(options), writer_.alerts()) {
  where_ = "the MicroCloud at " + writer_.node();
  if (writer_.reads_watch_list()) watched_.emplace(writer_.watch_list(), writer_.alerts());
}

WriterSettings CloudOutput::surrounded(WriterSettings settings, const CloudOptions& options,
                                       const CloudSurroundings& around) {
  settings.accounting = accounting_settings(options, around);
  CloudCredentials::renew(settings.client, around.credentials);
  settings.live = around.live;
  settings.readable = around.has_face;
  settings.heartbeat = [around] { return heartbeat(around); };
  if (around.ladder) {
    settings.each_second = [this, ladder = around.ladder](bool last) { loss_rules_.look(ladder(), wall_ms(), last); };
  }
  return settings;
}

void CloudOutput::wait_for_list(std::chrono::steady_clock::time_point until) const {
  while (watched_ && writer_.watch_list().version() == 0 && Clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

bool CloudOutput::publishes(std::string_view kind) const {
  return std::any_of(events_.begin(), events_.end(),
                     [kind](const std::string& one) { return one == kind || one == "all"; });
}

void CloudOutput::put(const RecordRef& record) {
  writer_.put(record);
  if (watched_) watched_->put(record);
  if (events_.empty() || !publishes(record.type->name)) return;
  line_.clear();
  json_.append(record, line_);
  line_.pop_back();  // the line's end
  writer_.publish("event." + std::string(record.type->name), line_);
}

/// Of the probe itself: event.probe.started, event.probe.stopped.
void CloudOutput::tell_event(std::string_view what) {
  if (!publishes("probe")) return;
  std::string payload = fmt::format(R"({{"event":"probe.{}","timeMilliseconds":{},"probeId":)", what, wall_ms());
  append_json_string(payload, probe_id_);
  writer_.publish("event.probe." + std::string(what), payload + "}");
}

void CloudOutput::finish() {
  tell_event("stopped");
  constexpr auto kHurriedDrain = std::chrono::seconds(3);
  const auto begun = Clock::now();
  const auto hurried = [this] { return metering_.load()->stopped(); };
  const auto give_up = [&] {
    const auto waited = Clock::now() - begun;
    return waited >= drain_ || (waited >= kHurriedDrain && hurried());
  };
  const bool taken = writer_.drain(give_up);
  const WriterStatus status = writer_.status();
  const uint64_t held = loss_stage(status).held();
  const size_t alerts = writer_.alerts().waiting();
  if (!taken && status.fatal.empty()) {
    const std::string lacks = held > 0 ? fmt::format("has not taken {} increments of counters", held)
                              : alerts > 0
                                  ? fmt::format("has not taken {} alerts", alerts)
                                  : fmt::format("has {} batches that no replica confirms", status.kept_batches);
    const std::string why = status.trouble.empty() ? writer_.alerts().trouble() : status.trouble;
    const std::string sentence = fmt::format("{} {}{}", where_, lacks, why.empty() ? "" : ": " + why);
    if (hurried()) log_warning(sentence);
    if (!hurried()) not_taken_ = sentence;
  }
  if (status.lost() > 0) {
    const std::string damaged =
        status.damaged > 0 ? fmt::format(", {} in the spill file as it could not be read back", status.damaged) : "";
    log_warning(
        fmt::format("{}: {} increments of counters lost ({} as too much waited, {} refused, {} lost by the server{})",
                    where_, status.lost(), status.overflowed, status.lane.refused, status.lane.lost, damaged));
  }
  if (status.others_overflowed > 0)
    log_warning(fmt::format("{}: {} updates of texts lost as too much waited", where_, status.others_overflowed));
  if (status.lane.refused_others > 0) {
    log_warning(fmt::format("{}: {} commands refused that bring no increment: texts, times, times to live", where_,
                            status.lane.refused_others));
  }
}

std::string CloudOutput::error() const {
  return not_taken_.empty() ? writer_.status().fatal : not_taken_;
}

LossStage CloudOutput::stage() const {
  return loss_stage(writer_.status());
}

void CloudOutput::tell_metrics(MetricsPage& page) const {
  const WriterStatus status = writer_.status();
  page.ladder(loss_stage(status));
  page.gauge("microcloud_cloud_connected", "1: the server takes updates.", {},
             status.connected && status.trouble.empty() ? 1 : 0);
  page.gauge("microcloud_cloud_waiting_keys", "Keys whose updates wait to be sent.", {},
             static_cast<double>(status.waiting_keys));
  page.gauge("microcloud_cloud_waiting_bytes", "Memory that they take.", {}, static_cast<double>(status.waiting_bytes));
  if (status.spill) {
    page.gauge("microcloud_cloud_spilled_keys", "Updates of keys that wait in the spill file.", {},
               static_cast<double>(status.spill->keys));
    page.gauge("microcloud_cloud_spilled_bytes", "What the file takes.", {}, static_cast<double>(status.spill->bytes));
    page.counter("microcloud_cloud_spill_failures_total", "Times that the file could not be written or read back.", {},
                 status.spill->failures);
  }
  const EventCounts& events = writer_.events();
  const auto tell_events = [&page](std::string_view outcome, const Counter& counter) {
    page.counter("microcloud_cloud_events_total", "Messages for channels (--events, alerts), by what became of them.",
                 {{"outcome", outcome}}, counter.get());
  };
  tell_events("published", events.published);
  tell_events("overflow", events.overflowed);
  tell_events("lost", events.lost);
  tell_events("refused", events.refused);
  tell_alerts(page);
  page.gauge("microcloud_cloud_kept_batches", "Batches that may have to be sent again.", {},
             static_cast<double>(status.kept_batches));
  page.gauge("microcloud_cloud_kept_bytes", "Memory that they take.", {}, static_cast<double>(status.kept_bytes));
  if (live_) {
    page.histogram("microcloud_cloud_visible_seconds",
                   "From the packet that completed a record to the server's reply to the update that tells of it.", {},
                   status.visible);
  }
  page.counter("microcloud_cloud_batches_total", "Batches applied.", {}, status.lane.applied);
  page.counter("microcloud_cloud_batches_sent_again_total", "Batches that went out more than once.", {},
               status.lane.sent_again);
  page.counter("microcloud_cloud_batches_rolled_back_total", "Batches that the server lost after it had them.", {},
               status.lane.rolled_back);
  page.counter("microcloud_cloud_keys_refused_total", "Times that a key was not born because of the bounds.", {},
               status.keys_refused);
  page.counter("microcloud_cloud_commands_refused_total",
               "Commands without an increment (texts, times, times to live) that the server does not take.", {},
               status.lane.refused_others);
  page.counter("microcloud_cloud_texts_lost_total",
               "Updates of keys without any increment (texts) that were given up as too much waited.", {},
               status.others_overflowed);
  page.counter("microcloud_cloud_keys_reborn_total", "Keys that had gone from the server before their time.", {},
               status.lane.reborn);
  page.counter(
      "microcloud_cloud_first_sends_refused_total",
      "Increments that the cluster refused as a repeat though they were new (also in microcloud_dropped_total).", {},
      status.lane.alarms);
}

void CloudOutput::tell_alerts(MetricsPage& page) const {
  const AlertCounts& alerts = writer_.alerts().counts();
  const auto tell = [&page](std::string_view outcome, uint64_t count) {
    page.counter("microcloud_cloud_alerts_total", "Alerts (--alerts), by what became of them.", {{"outcome", outcome}},
                 count);
  };
  tell("written", alerts.written.get());
  tell("overflow", alerts.overflowed.get());
  tell("suppressed", watched_ ? watched_->suppressed().get() : 0);
  page.counter("microcloud_cloud_alert_refusals_total", "Times that the server refused an alert, which waits.", {},
               alerts.refused.get());
  page.gauge("microcloud_cloud_waiting_alerts", "Alerts that the server has not taken.", {},
             static_cast<double>(writer_.alerts().waiting()));
}

void CloudOutput::add_checks(Readiness& readiness) const {
  readiness.add("cloud", [this] {
    const WriterStatus status = writer_.status();
    return status.connected ? status.trouble : "not connected" + (status.trouble.empty() ? "" : ": " + status.trouble);
  });
}

}  // namespace microcloud
