#include "app/enriched_outputs.h"

#include <algorithm>
#include <utility>

#include "protocols/wire/tns_messages.h"

namespace microcloud {
namespace {

// A file's reader can wait, so that its users do not hang on chance.
constexpr auto kPatienceOfFile = std::chrono::milliseconds(500);

OwnersSettings owners_settings(EnrichedSettings settings, std::function<void(const OwnerNews&)> hear_of_hash,
                               std::function<void(const std::string&)> hear_of_change) {
  OwnersSettings owners;
  owners.hear_of_hash = std::move(hear_of_hash);
  owners.hear_of_change = std::move(hear_of_change);
  owners.channel.watched = {std::string(kRedirectionTree)};
  owners.channel.url = std::move(settings.access.url);
  owners.channel.client = std::move(settings.access.client);
  owners.channel.client.name = "microcloud-probe-questions";
  owners.channel.realm = std::move(settings.realm);
  if (!settings.live) owners.channel.deadline = kPatienceOfFile;
  if (!settings.local.empty())
    owners.is_asked_for = [local = settings.local](const IpAddress& address) { return local.contains(address); };
  return owners;
}

EnrichmentSettings stage_settings(bool live) {
  EnrichmentSettings settings;
  settings.wait_when_full = !live;
  if (!live) settings.patience = kPatienceOfFile;
  return settings;
}

void tell_owners(const CloudOwners& owners, MetricsPage& page) {
  const CloudOwners::Counts& counts = owners.counts();
  const ChannelCounts& channel = owners.channel().counts();
  const auto answers = [&page](std::string_view answer, const Counter& counter) {
    page.counter("microcloud_cloud_answers_total", "Who owns an address: by what was answered, and by whom.",
                 {{"answer", answer}}, counter.get());
  };
  answers("memory", counts.from_cache);
  answers("somebody", counts.somebody);
  answers("nobody", counts.nobody);
  answers("late", channel.late);
  answers("error", channel.refused);
  answers("too_many_asked", counts.too_many);
  page.counter("microcloud_cloud_questions_total", "Questions sent.", {}, counts.asked.get());
  page.counter("microcloud_cloud_changed_answers_total", "Keys that the server said have changed since.", {},
               counts.changed.get());
  page.counter("microcloud_cloud_breaker_opened_total",
               "Times that nobody was asked for a while, as answers were late.", {}, channel.opened.get());
  page.gauge("microcloud_cloud_kept_answers", "Answers in memory.", {}, static_cast<double>(counts.kept.get()));
  page.gauge("microcloud_cloud_answering", "1: the server is asked.", {}, owners.channel().answers() ? 1 : 0);
}

void tell_stage(const EnrichmentStage& stage, MetricsPage& page) {
  const EnrichmentStage::Counts& counts = stage.counts();
  const uint64_t out = counts.out.get();
  const uint64_t in = std::max(counts.in.get(), out);
  page.counter("microcloud_probe_enriched_records_total", "Records that left for the outputs with a user.", {},
               counts.with_user.get());
  page.counter("microcloud_probe_waited_records_total", "Records that waited for an answer of the MicroCloud.", {},
               counts.waited.get());
  page.gauge("microcloud_probe_waiting_records", "Records that wait for one now.", {}, static_cast<double>(in - out));
  for (size_t at = 0; at < static_cast<size_t>(Unanswered::kCount); ++at) {
    const auto why = static_cast<Unanswered>(at);
    page.counter("microcloud_probe_unanswered_records_total", "Records that left before it was known whose they are.",
                 {{"reason", to_text(why)}}, counts.unanswered.get(why));
  }
}

}  // namespace

EnrichedOutputs::EnrichedOutputs(const EnrichedSettings& settings, std::vector<Output*> outputs)
    : live_(settings.live),
      owners_(owners_settings(
          settings,
          [this](const OwnerNews& news) {
            if (!redirections_.hear(news)) calls_.hear(news);
          },
          [this](const std::string& key) { redirections_.hear_of_change(key); })),
      calls_(owners_.channel(), settings.realm, live_),
      redirections_(owners_.channel(), settings.realm),
      stage_(stage_settings(live_), owners_, std::move(outputs)) {}

void EnrichedOutputs::start(std::chrono::milliseconds patience) {
  owners_.start();
  if (!live_) owners_.wait_until_ready(patience);
}

void EnrichedOutputs::tell_metrics(MetricsPage& page) const {
  tell_owners(owners_, page);
  tell_stage(stage_, page);
  calls_.tell_metrics(page);
}

}  // namespace microcloud
