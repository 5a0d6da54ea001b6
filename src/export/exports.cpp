#include "export/exports.h"

#include <algorithm>
#include <stdexcept>

#include "export/file_link.h"
#include "export/udp_link.h"

namespace microcloud {
namespace {

constexpr std::string_view kFile = "file:";
constexpr const char* kAccepted = "udp://HOST:PORT, file:PATH, none";

std::unique_ptr<Link> open_link(const std::string& text) {
  if (text.starts_with(kFile)) return std::make_unique<FileLink>(text, text.substr(kFile.size()));
  return std::make_unique<UdpLink>(text, parse_target(text));
}

}  // namespace

struct Exports::Collector {
  std::unique_ptr<Link> link;
  std::unique_ptr<Exporter> exporter;
};

void check_collector(const std::string& text, ExportProtocol protocol) {
  const bool ipfix = protocol == ExportProtocol::Ipfix;
  if (text.starts_with(kFile)) {
    if (text.size() == kFile.size()) throw std::invalid_argument("'" + text + "': file:PATH needs a path");
    if (!ipfix) throw std::invalid_argument("'" + text + "': a file holds IPFIX (RFC 5655): -V 10");
    return;
  }
  if (text.find("://") == std::string::npos)
    throw std::invalid_argument("'" + text + "' is no collector; accepted: " + kAccepted);
  const Target target = parse_target(text);
  if (target.scheme != "udp") throw std::invalid_argument("'" + text + "' is no collector; accepted: " + kAccepted);
}

Exports::Exports(const ExportPlan& plan) : to_all_(plan.to_all), live_(plan.settings.live) {
  for (const std::string& text : plan.collectors) {
    check_collector(text, plan.settings.numbering.protocol);
    auto link = open_link(text);
    auto exporter = make_exporter(plan.settings, *link);
    collectors_.push_back(std::make_unique<Collector>(Collector{std::move(link), std::move(exporter)}));
  }
}

Exports::~Exports() = default;

void Exports::begin(const RecordRef* first) {
  begun_ = true;
  for (const auto& collector : collectors_) {
    if (first != nullptr) collector->exporter->foresee(*first);
  }
  for (const auto& collector : collectors_) collector->link->start(*collector->exporter);
}

void Exports::put(const RecordRef& record) {
  if (!begun_) begin(&record);
  if (to_all_) {
    for (const auto& collector : collectors_) collector->exporter->put(record);
    return;
  }
  // By the flow's number, which counts up: in turns, and all that is told of one flow at one collector.
  collectors_[record.common->flow_id % collectors_.size()]->exporter->put(record);
}

void Exports::flush() {
  if (!begun_ && !live_) return;  // a file's clock begins with its first record
  if (!begun_) begin(nullptr);
  const SteadyTime now = std::chrono::steady_clock::now();
  for (const auto& collector : collectors_) {
    collector->exporter->flush(now);
    collector->link->progress(now);
  }
}

void Exports::finish() {
  if (!begun_) begin(nullptr);
  for (const auto& collector : collectors_) collector->exporter->finish();
  for (const auto& collector : collectors_) collector->link->finish();
}

std::string Exports::error() const {
  for (const auto& collector : collectors_) {
    if (std::string error = collector->link->error(); !error.empty()) return error;
  }
  return {};
}

const std::string& Exports::name(size_t at) const {
  return collectors_[at]->link->name();
}

const ExportCounters& Exports::counters(size_t at) const {
  return collectors_[at]->link->counters();
}

std::vector<std::string> Exports::losses() const {
  std::vector<std::string> lines;
  for (size_t at = 0; at < size(); ++at) {
    const ExportCounters& of = counters(at);
    std::string line;
    for (size_t reason = 0; reason < static_cast<size_t>(ExportLoss::kCount); ++reason) {
      const auto why = static_cast<ExportLoss>(reason);
      if (of.lost.get(why) > 0) line += ", " + std::to_string(of.lost.get(why)) + " " + to_text(why);
    }
    if (of.shortened.get() > 0) line += ", " + std::to_string(of.shortened.get()) + " with a text or list cut short";
    if (!line.empty())
      lines.push_back(name(at) + ": " + std::to_string(of.sent.get()) + " of " + std::to_string(of.offered.get()) +
                      " records sent" + line);
  }
  return lines;
}

}  // namespace microcloud
