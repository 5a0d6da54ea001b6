#include "app/export_output.h"

#include <algorithm>
#include <stdexcept>

#include "base/log.h"

namespace microcloud {
namespace {

/// Never 0, which RFC 7011 keeps for what is of no one domain; the same in every run of a probe.
uint32_t domain_of(const std::string& probe_id) {
  uint32_t hash = 2166136261U;  // FNV-1a
  for (const char letter : probe_id) hash = (hash ^ static_cast<uint8_t>(letter)) * 16777619U;
  return hash == 0 ? 1 : hash;
}

/// "dns: %A %B" is of dns records; without a type, of flow records.
std::pair<const RecordType*, std::string_view> type_of(std::string_view text) {
  std::string_view name = "flow";
  if (const size_t colon = text.find(':'); colon != std::string_view::npos) {
    name = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  std::string known;
  for (const RecordType* type : record_types()) {
    if (type->name == name) return {type, text};
    known += (known.empty() ? "" : ", ") + std::string(type->name);
  }
  throw UsageError("-T: there are no records of type '" + std::string(name) + "'; accepted: " + known);
}

Numbering numbering(const ExportOptions& options) {
  Numbering numbering;
  numbering.protocol = static_cast<ExportProtocol>(options.version);
  numbering.ntop = options.elements == "ntop";
  if (options.pen != 0) numbering.pen = options.pen;
  numbering.uniflow = options.uniflow;
  if (options.pen == pen::kReverse || options.pen == pen::kNtop)
    throw UsageError("--pen: " + std::to_string(options.pen) + " is not your own; give the number that IANA gave you");
  if (!numbering.ntop && !numbering.pen && options.version == 10)
    throw UsageError("--elements own needs --pen N, the enterprise number under which they are exported");
  return numbering;
}

void parse_templates(const ExportOptions& options, ExportSettings& settings) {
  for (const std::string& text : options.templates) {
    const auto [type, names] = type_of(text);
    for (const auto& [other, columns] : settings.templates) {
      if (other == type) throw UsageError("-T: a second template of " + std::string(type->name) + " records");
    }
    try {
      settings.templates.emplace_back(type, parse_template(names, *type, settings.types, settings.numbering));
    } catch (const TemplateError& error) {
      throw UsageError("-T: " + std::string(error.what()));
    }
  }
}

/// NetFlow v9 tells one direction a record, but for a template that names both.
void choose_directions(ExportSettings& settings) {
  if (settings.numbering.protocol != ExportProtocol::NetflowV9) return;
  const auto reverse = [](const Column& column) { return column.field->element.pen == pen::kReverse; };
  const bool both = std::any_of(settings.templates.begin(), settings.templates.end(), [&](const auto& one) {
    return std::any_of(one.second.columns.begin(), one.second.columns.end(), reverse);
  });
  if (!both) settings.numbering.uniflow = true;
}

/// Checked by reading the files as a run would.
TlsSettings tls_settings(const ExportOptions& options, bool used) {
  const std::pair<const char*, bool> given[] = {{"--tls-ca", !options.tls.ca_file.empty()},
                                                {"--tls-cert", !options.tls.certificate_file.empty()},
                                                {"--tls-key", !options.tls.key_file.empty()}};
  for (const auto& [name, is_given] : given) {
    if (is_given && !used) throw UsageError(std::string(name) + " goes with -n tls://HOST:PORT");
  }
  if (options.insecure && !options.tls.ca_file.empty())
    throw UsageError("--insecure: nobody is verified, so --tls-ca has no use beside it; give one of them");
  if (options.tls.certificate_file.empty() != options.tls.key_file.empty())
    throw UsageError("--tls-cert and --tls-key go together: a certificate and its key");
  TlsSettings settings = options.tls;
  settings.verify = !options.insecure;
  if (!used) return settings;
  const auto try_files = [](const char* names, const TlsSettings& some) {
    try {
      const TlsContext tried(some);
    } catch (const std::runtime_error& error) {
      throw UsageError(std::string(names) + ": " + error.what());
    }
  };
  try_files("--tls-ca", {.ca_file = settings.ca_file});
  try_files("--tls-cert, --tls-key", {.certificate_file = settings.certificate_file, .key_file = settings.key_file});
  return settings;
}

}  // namespace

ExportPlan export_plan(const ExportOptions& options, const std::string& probe_id, bool live) {
  ExportPlan plan;
  ExportSettings& settings = plan.settings;
  settings.numbering = numbering(options);
  settings.types = record_types();
  settings.live = live;
  settings.domain = options.has_domain ? options.domain : domain_of(probe_id);
  settings.template_refresh_s = options.template_refresh_s;
  settings.sampling = options.sampling;
  plan.collectors = options.collectors;
  plan.to_all = options.all_collectors;
  if (options.version == 5 && !options.templates.empty())
    throw UsageError("-T: NetFlow v5 has one layout; templates go with -V 9 or -V 10");
  constexpr uint32_t kMostInV5 = (1U << 14) - 1;
  if (options.version == 5 && options.sampling > kMostInV5)
    throw UsageError("-S: NetFlow v5 can tell one packet in " + std::to_string(kMostInV5) +
                     " at most; -V 9 and -V 10 tell more");
  parse_templates(options, settings);
  choose_directions(settings);
  plan.drain.longest = std::chrono::seconds(options.drain_s);
  bool tls = false;
  for (const std::string& collector : options.collectors) {
    if (collector == "none") throw UsageError("-n: 'none' stands alone");
    try {
      tls = check_collector(collector, settings.numbering.protocol) == "tls" || tls;
    } catch (const std::invalid_argument& error) {
      throw UsageError("--collector: " + std::string(error.what()));
    }
  }
  plan.tls = tls_settings(options, tls);
  return plan;
}

bool uses_tls(const ExportOptions& options) {
  return std::any_of(options.collectors.begin(), options.collectors.end(),
                     [](const std::string& collector) { return collector.starts_with("tls://"); });
}

std::string left_out_text(const ExportPlan& plan) {
  const ExportSettings& settings = plan.settings;
  if (settings.numbering.protocol == ExportProtocol::NetflowV5)
    return "NetFlow v5 tells of IPv4 flows alone: IPv6 flows and all other records are not exported";
  std::vector<std::string> names;
  for (const RecordType* type : settings.types) {
    const auto given = std::find_if(settings.templates.begin(), settings.templates.end(),
                                    [type](const auto& one) { return one.first == type; });
    if (given == settings.templates.end()) default_template(*type, settings.numbering, &names);
  }
  std::string list;
  std::vector<std::string> told;
  for (const std::string& name : names) {
    if (std::find(told.begin(), told.end(), name) != told.end()) continue;
    told.push_back(name);
    list += (list.empty() ? "" : ", ") + name;
  }
  if (list.empty()) return {};
  return settings.numbering.protocol == ExportProtocol::NetflowV9
             ? "not exported, as they have no NetFlow v9 number: " + list
             : "not exported, as they have a number only under --pen N: " + list;
}

std::vector<LossStage> ExportOutput::stages() const {
  std::vector<LossStage> stages;
  for (size_t at = 0; at < exports_.size(); ++at) {
    const ExportCounters& of = exports_.counters(at);
    // What left first, so that nothing seems to have left that did not come.
    LossStage stage{"export", 0, of.sent.get(), {}};
    for (size_t reason = 0; reason < static_cast<size_t>(ExportLoss::kCount); ++reason) {
      const auto why = static_cast<ExportLoss>(reason);
      stage.dropped.emplace_back(to_text(why), of.lost.get(why));
    }
    stage.in = of.offered.get();
    stages.push_back(std::move(stage));
  }
  return stages;
}

void ExportOutput::tell_metrics(MetricsPage& page) const {
  for (const LossStage& stage : stages()) page.ladder(stage);
  for (size_t at = 0; at < exports_.size(); ++at) {
    const ExportCounters& of = exports_.counters(at);
    page.gauge("microcloud_export_collectors_up", "Collectors that a session is open with.", {},
               static_cast<double>(of.up.get()));
    page.counter("microcloud_export_messages_total", "Messages sent to collectors.", {}, of.messages.get());
    page.counter("microcloud_export_octets_total", "Octets of the messages sent to collectors.", {}, of.octets.get());
    page.counter("microcloud_export_sessions_total", "Sessions begun with collectors.", {}, of.sessions.get());
    page.counter("microcloud_export_refusals_total", "Times that a host said nobody listens to its UDP port.", {},
                 of.refused.get());
    page.counter("microcloud_export_shortened_records_total", "Records with a text or list that was cut to fit.", {},
                 of.shortened.get());
    page.counter("microcloud_export_clipped_records_total",
                 "Records that lasted for more than the 49 days that NetFlow v5 and v9 can tell, with a later start.",
                 {}, of.clipped.get());
  }
}

void ExportOutput::log_losses() const {
  for (const std::string& line : exports_.losses()) log_warning(line);
}

void ExportOutput::add_checks(Readiness& readiness) const {
  for (size_t at = 0; at < exports_.size(); ++at)
    readiness.add("collector " + exports_.name(at), [this, at] { return exports_.away(at); });
}

}  // namespace microcloud
