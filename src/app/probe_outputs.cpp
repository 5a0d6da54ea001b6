#include "app/probe_outputs.h"

#include <unistd.h>

#include "base/log.h"
#include "probe/loss_ladder.h"

namespace microcloud {
namespace {

LossStage json_stage(const JsonOutput& json) {
  const JsonOutput::Counts& counts = json.counts();
  const uint64_t written = counts.written.get(), lost = counts.lost.get();
  return {"store", counts.put.get(), written, {{"write_error", lost}}};
}

void tell_json(const JsonOutput& json, MetricsPage& page) {
  page.ladder(json_stage(json));
  page.counter("microcloud_reload_failures_total", "What could not be loaded or opened anew, and kept its state.",
               {{"what", "json"}}, json.counts().reopen_failures.get());
}

/// A sentence at the start, and again each hour.
void say_hourly(Service& service, const std::string& sentence) {
  service.each_second([warning = HourlyWarning(sentence)]() mutable { warning.second_passed(); });
}

}  // namespace

ProbeOutputs::ProbeOutputs(const ProbeOptions& options, const std::string& probe_id)
    : insecure_(options.exports.insecure), cloud_access_(cloud_options(options)) {
  if (!options.live() && isatty(STDERR_FILENO) != 0) all_.push_back(&progress_);
  if (options.exports.exports()) add_exports(options, probe_id);
  if (!options.json.empty()) all_.push_back((json_ = std::make_unique<JsonOutput>(options.json)).get());
  around_ = {.probe_id = probe_id,
             .source = options.source(),
             .local = local_networks(options),
             .sampling = options.exports.sampling,
             .live = options.live(),
             .drain = std::chrono::seconds(options.exports.drain_s),
             .metering = &metering_,
             .ladder = [this] { return ladder(); },
             .listen = [this] { return face_ ? face_->address() : std::string(); },
             .has_face = options.face.serves(options.live()),
             .credentials = credentials_};
  accounting_ = accounting_settings(options.cloud, around_);
  if (!options.cloud.url.empty()) add_cloud(options);
  const bool chosen = exports_ || json_ || cloud_ || !options.exports.collectors.empty();
  if (!chosen) add_summary(options);
  if (around_.has_face) all_.push_back((face_ = std::make_unique<FaceOutput>(options.face)).get());
  if (cloud_) add_enrichment(options);
}

void ProbeOutputs::add_exports(const ProbeOptions& options, const std::string& probe_id) {
  ExportPlan plan = export_plan(options.exports, probe_id, options.live());
  plan.settings.ignored_packets = [this] {
    const Probe* probe = metering_.load();
    return probe == nullptr ? uint64_t{0} : probe->totals().ignored_in_all();
  };
  plan.drain.hurried = [this] {
    const Probe* probe = metering_.load();
    return probe != nullptr && probe->stopped();
  };
  if (const std::string text = left_out_text(plan); !text.empty()) log_info(text);
  all_.push_back((exports_ = std::make_unique<ExportOutput>(plan)).get());
}

void ProbeOutputs::add_cloud(const ProbeOptions& options) {
  all_.push_back((cloud_ = std::make_unique<CloudOutput>(cloud_options(options), around_)).get());
}

void ProbeOutputs::add_enrichment(const ProbeOptions& options) {
  CloudAccess access = cloud_access(cloud_options(options));
  CloudCredentials::renew(access.client, credentials_);
  enriched_ = std::make_unique<EnrichedOutputs>(
      EnrichedSettings{std::move(access), options.cloud.realm, around_.local, options.live()}, std::move(all_));
  all_ = {&enriched_->stage()};
}

void ProbeOutputs::add_summary(const ProbeOptions& options) {
  const auto when =
      options.live() && isatty(STDOUT_FILENO) != 0 ? SummaryOutput::When::Live : SummaryOutput::When::AtEnd;
  summary_ = std::make_unique<SummaryOutput>(options.source(), when, local_networks(options));
  all_.push_back(summary_.get());
}

void ProbeOutputs::watch(const Probe& probe, const CaptureReport& report) {
  metering_ = &probe;
  report_ = &report;
  progress_.watch(probe);
  if (summary_) summary_->watch(probe);
}

void ProbeOutputs::join(const InspectSettings& inspect) {
  if (enriched_) enriched_->announce_to(*inspect.announcements);
  auto& book = inspect.shared->of<CallBook>();
  book.know(around_.probe_id, enriched_ ? &enriched_->calls_for(book) : nullptr);
}

void ProbeOutputs::listen(Probe& probe) {
  if (!face_) return;
  LiveView view;
  view.accounting = accounting_;
  view.probe_id = around_.probe_id;
  view.heartbeat = [around = around_] { return heartbeat(around); };
  view.seed = HashSeed::random();
  if (cloud_) {
    view.writer = &cloud_->writer();
    view.incarnation = cloud_->writer().incarnation();
  }
  face_->open(probe, std::move(view));
}

/// What stands later on the way is read first, so that no stage seems to give more than it got.
LossLadder ProbeOutputs::ladder() const {
  const std::optional<LossStage> store = json_ ? std::optional(json_stage(*json_)) : std::nullopt;
  const std::optional<LossStage> cloud = cloud_ ? std::optional(cloud_->stage()) : std::nullopt;
  const std::vector<LossStage> collectors = exports_ ? exports_->stages() : std::vector<LossStage>();
  const Probe& probe = *metering_.load();
  LossLadder ladder;
  for (const LossStage& stage : report_->stages()) ladder.add(stage);
  for (const LossStage& stage : loss_ladder(probe.totals(), probe.live())) ladder.add(stage);
  for (const LossStage& stage : collectors) ladder.add(stage);
  if (cloud) ladder.add(*cloud);
  if (store) ladder.add(*store);
  return ladder;
}

void ProbeOutputs::set_up(Service& service) const {
  if (insecure_) {
    say_hourly(service,
               "--insecure: whoever answers for a tls:// collector or a rediss:// MicroCloud is believed, and may read "
               "what is sent there");
  }
  if (json_) {
    service.metrics().add([json = json_.get()](MetricsPage& page) { tell_json(*json, page); });
    service.on_reload("json", [json = json_.get()] {
      json->reopen();
      return std::string();
    });
  }
  if (exports_) {
    service.metrics().add([exports = exports_.get()](MetricsPage& page) { exports->tell_metrics(page); });
    exports_->add_checks(service.readiness());
  }
  if (cloud_) {
    service.metrics().add([cloud = cloud_.get()](MetricsPage& page) { cloud->tell_metrics(page); });
    cloud_->add_checks(service.readiness());
    service.on_reload("cloud", [this] {
      try {
        credentials_->read_again(cloud_access_);
      } catch (const UsageError& error) {
        return std::string(error.what());
      }
      return std::string();
    });
  }
  if (enriched_)
    service.metrics().add([enriched = enriched_.get()](MetricsPage& page) { enriched->tell_metrics(page); });
  if (face_) {
    service.metrics().add(
        [this, face = face_.get()](MetricsPage& page) { face->tell_metrics(*metering_.load(), page); });
    face_->served_by(service);
  }
}

void ProbeOutputs::notice(const std::string& sentence) const {
  if (summary_) summary_->notice(sentence);
}

void ProbeOutputs::start() {
  constexpr auto kPatience = std::chrono::milliseconds(1'000);  // of a file: until all that its records need is there
  const auto until = std::chrono::steady_clock::now() + kPatience;
  if (cloud_) cloud_->start();
  if (face_) face_->start();
  if (enriched_) enriched_->start(kPatience);
  if (cloud_ && !metering_.load()->live()) cloud_->wait_for_list(until);
}

void ProbeOutputs::stop() {
  if (face_) face_->stop();
  if (enriched_) enriched_->stop();
  if (cloud_) cloud_->stop();
}

void ProbeOutputs::log_end(const Probe& probe) const {
  if (!summary_) log_info(conservation_text(probe.totals()));
  if (exports_) exports_->log_losses();
}

}  // namespace microcloud
