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
  if (labels.size() == 0) return {};
  std::string text;
  for (const auto& [name, value] : labels) {
    text += text.empty() ? "{" : ",";
    text += std::string(name) + "=\"" + escaped(value) + "\"";
  }
  return text + "}";
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

MetricsPage::Sample& MetricsPage::sample(std::string_view name, std::string_view help, bool counter, Labels labels) {
  auto family =
      std::find_if(families_.begin(), families_.end(), [name](const Family& one) { return one.name == name; });
  if (family == families_.end()) {
    family = families_.insert(families_.end(), {std::string(name), std::string(help), counter, {}});
  }
  assert(family->counter == counter);
  const std::string text = label_text(labels);
  auto found = std::find_if(family->samples.begin(), family->samples.end(),
                            [&text](const Sample& one) { return one.labels == text; });
  if (found == family->samples.end()) found = family->samples.insert(family->samples.end(), {text, 0, 0});
  return *found;
}

void MetricsPage::counter(std::string_view name, std::string_view help, Labels labels, uint64_t value) {
  sample(name, help, true, labels).whole += value;
}

void MetricsPage::gauge(std::string_view name, std::string_view help, Labels labels, double value) {
  sample(name, help, false, labels).value += value;
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

std::string MetricsPage::text() const {
  std::string out;
  for (const Family& family : families_) {
    out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", family.name, family.help, family.name,
                       family.counter ? "counter" : "gauge");
    for (const Sample& one : family.samples) {
      out += family.counter ? fmt::format("{}{} {}\n", family.name, one.labels, one.whole)
                            : fmt::format("{}{} {}\n", family.name, one.labels, one.value);
    }
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
