#include "base/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

namespace microcloud {
namespace {

/// A label's value: the format escapes these three.
std::string escaped(std::string_view value) {
  std::string text;
  for (const char letter : value) {
    if (letter == '"' || letter == '\\') text += '\\';
    text += letter == '\n' ? ' ' : letter;
  }
  return text;
}

std::string label_text(MetricsPage::Labels labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    if (!text.empty()) text += ",";
    text += std::string(name) + "=\"" + escaped(value) + "\"";
  }
  return text;
}

std::string in_braces(const std::string& labels) {
  return labels.empty() ? "" : "{" + labels + "}";
}

/// https://prometheus.io/docs/instrumenting/exposition_formats/#histograms-and-summaries
std::string histogram_text(const std::string& name, const std::string& labels, const HistogramCounts& counts) {
  std::string out;
  uint64_t sum = 0;
  for (size_t at = 0; at < HistogramCounts::kBuckets; ++at) {
    sum += counts.counts[at];
    const std::string bound = at + 1 == HistogramCounts::kBuckets
                                  ? "+Inf"
                                  : fmt::format("{}", static_cast<double>(HistogramCounts::upper_us(at)) / 1e6);
    out += fmt::format("{}_bucket{{{}{}le=\"{}\"}} {}\n", name, labels, labels.empty() ? "" : ",", bound, sum);
  }
  out += fmt::format("{}_sum{} {}\n", name, in_braces(labels), static_cast<double>(counts.sum_us) / 1e6);
  return out + fmt::format("{}_count{} {}\n", name, in_braces(labels), sum);
}

}  // namespace

uint64_t LossStage::held() const {
  uint64_t gone = out;
  for (const auto& [reason, count] : dropped) gone += count;
  return in > gone ? in - gone : 0;  // counters are read one after the other while others count on
}

void LossLadder::add(const LossStage& stage) {
  const auto same =
      std::find_if(stages_.begin(), stages_.end(), [&stage](const LossStage& one) { return one.stage == stage.stage; });
  if (same == stages_.end()) {
    stages_.push_back(stage);
    return;
  }
  same->in += stage.in;
  same->out += stage.out;
  for (const auto& [reason, count] : stage.dropped) {
    const auto known = std::find_if(same->dropped.begin(), same->dropped.end(),
                                    [reason = reason](const auto& one) { return one.first == reason; });
    if (known == same->dropped.end()) {
      same->dropped.emplace_back(reason, count);
    } else {
      known->second += count;
    }
  }
}

MetricsPage::Sample& MetricsPage::sample(std::string_view name, std::string_view help, Kind kind, Labels labels) {
  auto family =
      std::find_if(families_.begin(), families_.end(), [name](const Family& one) { return one.name == name; });
  if (family == families_.end()) {
    family = families_.insert(families_.end(), {std::string(name), std::string(help), kind, {}});
  }
  assert(family->kind == kind);
  const std::string text = label_text(labels);
  auto found = std::find_if(family->samples.begin(), family->samples.end(),
                            [&text](const Sample& one) { return one.labels == text; });
  if (found == family->samples.end()) found = family->samples.insert(family->samples.end(), {text});
  return *found;
}

void MetricsPage::counter(std::string_view name, std::string_view help, Labels labels, uint64_t value) {
  sample(name, help, Kind::Counter, labels).whole += value;
}

void MetricsPage::gauge(std::string_view name, std::string_view help, Labels labels, double value) {
  sample(name, help, Kind::Gauge, labels).value += value;
}

void MetricsPage::histogram(std::string_view name, std::string_view help, Labels labels,
                            const HistogramCounts& counts) {
  sample(name, help, Kind::Histogram, labels).counts.add(counts);
}

void MetricsPage::ladder(const LossStage& stage) {
  counter("microcloud_stage_in_total", "What came into a stage: packets (nic, ring, decode, table) or records.",
          {{"stage", stage.stage}}, stage.in);
  counter("microcloud_stage_out_total", "What left a stage for the next one.", {{"stage", stage.stage}}, stage.out);
  gauge("microcloud_stage_held", "What came into a stage and is still in it: in - out - dropped.",
        {{"stage", stage.stage}}, static_cast<double>(stage.held()));
  for (const auto& [reason, count] : stage.dropped) {
    counter("microcloud_dropped_total", "What a stage did not pass on, by reason.",
            {{"stage", stage.stage}, {"reason", reason}}, count);
  }
}

void MetricsPage::print(const Family& family, const Sample& sample, std::string& out) {
  switch (family.kind) {
    case Kind::Counter:
      out += fmt::format("{}{} {}\n", family.name, in_braces(sample.labels), sample.whole);
      break;
    case Kind::Gauge:
      out += fmt::format("{}{} {}\n", family.name, in_braces(sample.labels), sample.value);
      break;
    case Kind::Histogram:
      out += histogram_text(family.name, sample.labels, sample.counts);
      break;
  }
}

std::string MetricsPage::text() const {
  constexpr const char* kKinds[] = {"counter", "gauge", "histogram"};
  std::string out;
  for (const Family& family : families_) {
    out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", family.name, family.help, family.name,
                       kKinds[static_cast<size_t>(family.kind)]);
    for (const Sample& one : family.samples) print(family, one, out);
  }
  return out;
}

void MetricsRegistry::add(Reading reading) {
  const std::lock_guard lock(mutex_);
  readings_.push_back(std::move(reading));
}

std::string MetricsRegistry::text() const {
  MetricsPage page;
  const std::lock_guard lock(mutex_);
  for (const Reading& reading : readings_) reading(page);
  return page.text();
}

}  // namespace microcloud
