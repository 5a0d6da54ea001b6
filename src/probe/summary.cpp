#include "probe/summary.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace microcloud {
namespace {

constexpr size_t kRows = 8;
constexpr size_t kMostTunnelKinds = 1000;

std::string time_text(int64_t time_us) {
  const time_t seconds = static_cast<time_t>(time_us / 1'000'000);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

std::string protocol_text(uint8_t protocol) {
  if (const protoent* entry = getprotobynumber(protocol); entry != nullptr) return entry->p_name;
  switch (protocol) {  // where the system has no list of them
    case ip_protocol::kTcp:
      return "tcp";
    case ip_protocol::kUdp:
      return "udp";
    case ip_protocol::kIcmp:
      return "icmp";
    case ip_protocol::kIcmpv6:
      return "ipv6-icmp";
    case ip_protocol::kSctp:
      return "sctp";
    default:
      return "protocol " + std::to_string(protocol);
  }
}

std::string service_text(uint32_t service) {
  const std::string protocol = protocol_text(static_cast<uint8_t>(service >> 16));
  const auto port = static_cast<uint16_t>(service & 0xffff);
  std::string text = protocol + "/" + std::to_string(port);
  if (const servent* entry = getservbyport(htons(port), protocol.c_str()); entry != nullptr)
    text += std::string(" ") + entry->s_name;
  return text;
}

std::string ignored_text(const ProbeTotals& totals) {
  std::string reasons;
  for (size_t at = 0; at < std::size(totals.ignored); ++at) {
    if (totals.ignored[at] == 0) continue;
    append(reasons, "%s%s %" PRIu64, reasons.empty() ? "" : ", ", ignored_name(static_cast<Ignored>(at)),
           totals.ignored[at]);
  }
  return reasons.empty() ? "" : " (" + reasons + ")";
}

/// Where every packet went, behind "N read" or "N packets read".
std::string balance_text(const ProbeTotals& totals) {
  std::string out;
  append(out, " = %" PRIu64 " metered + %" PRIu64 " ignored%s", totals.metered(), totals.ignored_in_all(),
         ignored_text(totals).c_str());
  if (totals.sampling > 1) append(out, " + %" PRIu64 " not sampled (1 in %u is)", totals.not_sampled, totals.sampling);
  return out;
}

/// What a count that is of a sample stands for, or nothing.
std::string estimate_text(const ProbeTotals& totals, Anomaly anomaly) {
  if (anomaly != Anomaly::BadTransportChecksum || totals.every_checksum) return {};
  const uint64_t count = totals.anomalies[static_cast<size_t>(anomaly)];
  std::string out;
  append(out, "(1 packet in %u is checked: about %" PRIu64 " in all)", Intake::kChecksumOneIn,
         count * Intake::kChecksumOneIn);
  return out;
}

/// Of a file that was not read to its end, or nothing.
std::string stopped_text(const ProbeTotals& totals) {
  std::string out;
  if (!totals.stopped || totals.position == 0) return out;
  if (totals.size == 0) {
    append(out, "stopped when %" PRIu64 " bytes of the input were read", totals.position);
  } else if (totals.position < totals.size) {
    append(out, "stopped when %" PRIu64 " of the %" PRIu64 " bytes of the input were read (%.1f%%)", totals.position,
           totals.size, 100.0 * static_cast<double>(totals.position) / static_cast<double>(totals.size));
  }
  return out;
}

template <typename Name, typename Rows>
auto named(const Rows& rows, const Name& name) {
  std::vector<std::pair<std::string, TrafficSums>> out;
  for (const auto& [key, sums] : rows) out.emplace_back(name(key), sums);
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& a, const auto& b) { return a.second.octets > b.second.octets; });
  if (out.size() > kRows) out.resize(kRows);
  return out;
}

void append_notes(std::string& out, const ProbeTotals& totals) {
  std::string notes;
  for (size_t at = 0; at < std::size(totals.anomalies); ++at) {
    if (totals.anomalies[at] == 0) continue;
    const auto anomaly = static_cast<Anomaly>(at);
    append(notes, "  %-38s %9" PRIu64, anomaly_name(anomaly), totals.anomalies[at]);
    if (const std::string all = estimate_text(totals, anomaly); !all.empty()) notes += " " + all;
    notes += '\n';
  }
  const std::pair<const char*, uint64_t> others[] = {{"flows ended because the table was full", totals.evicted},
                                                     {"packets dropped by the kernel", totals.kernel_drops},
                                                     {"packets dropped between workers", totals.handover_drops},
                                                     {"records dropped before the outputs", totals.record_drops},
                                                     {"packets not matching the filter", totals.filtered},
                                                     {"sent copies on loopback left out", totals.loopback_copies},
                                                     {"packets handed to another worker", totals.handed_over}};
  for (const auto& [name, count] : others) {
    if (count > 0) append(notes, "  %-38s %9" PRIu64 "\n", name, count);
  }
  if (!notes.empty()) out += "\nNoticed\n" + notes;
}

}  // namespace

size_t Summary::AddressHash::operator()(const IpAddress& address) const {
  uint64_t words[2];
  std::memcpy(words, address.bytes.data(), sizeof words);
  return hash_words(HashSeed{}, words[0], words[1], address.version);
}

void Summary::add(const Common& common, const FlowRecord& flow) {
  const TrafficSums sums{flow.octets + flow.reverse_octets, flow.packets + flow.reverse_packets,
                         flow.slice == 1 ? 1U : 0U};
  all_ += sums;
  protocols_[common.protocol] += sums;
  if (common.has_ports) services_[static_cast<uint32_t>(common.protocol) << 16 | common.destination_port] += sums;
  if (flow.application) applications_[std::string(*flow.application)] += sums;

  add_hosts(common, flow, sums.flows);
  if (!localities_.empty()) localities_.add(common, flow);

  if (flow.tunnels.count == 0) return;
  std::string names;
  for (size_t at = 0; at < flow.tunnels.count; ++at)
    names += (at > 0 ? " > " : "") + std::string(tunnel_name(flow.tunnels.items[at]));
  if (tunnels_.size() >= kMostTunnelKinds && !tunnels_.contains(names)) names = "others";
  tunnels_[names] += sums;
}

/// Those of -L, or all.
void Summary::add_hosts(const Common& common, const FlowRecord& flow, uint64_t flows) {
  if (localities_.empty() || localities_.is_local(common.source)) {
    HostSums& source = hosts_[common.source];
    source.sent += flow.octets;
    source.received += flow.reverse_octets;
    source.flows += flows;
  }
  if (localities_.empty() || localities_.is_local(common.destination)) {
    HostSums& destination = hosts_[common.destination];
    destination.sent += flow.reverse_octets;
    destination.received += flow.octets;
    if (common.source != common.destination) destination.flows += flows;
  }
}

std::string Summary::text(const std::string& title, const ProbeTotals& totals) const {
  std::string out;
  const double seconds = static_cast<double>(totals.last_us - totals.first_us) / 1e6;
  append(out, "%s: %" PRIu64 " packets, %s bytes", title.c_str(), totals.read, scaled(totals.read_octets).c_str());
  if (totals.read > 0) append(out, " in %.3f s from %s UTC", seconds, time_text(totals.first_us).c_str());
  if (seconds > 0) {
    append(out, "\n%s packets/s, %sbit/s on the wire", scaled(static_cast<double>(totals.read) / seconds).c_str(),
           (scaled(static_cast<double>(totals.read_octets) * 8 / seconds) + (seconds > 0 ? " " : "")).c_str());
  }
  append(out, "\n%" PRIu64 " read%s", totals.read, balance_text(totals).c_str());
  if (totals.handover_drops > 0) append(out, " + %" PRIu64 " dropped", totals.handover_drops);
  append(out, "\n%" PRIu64 " flows in %" PRIu64 " records", totals.flows, totals.records);
  if (totals.open_flows > 0) {
    append(out, ", %" PRIu64 " open", totals.open_flows);
    append(out, "\nflows come into the tables when they end: after %u s of silence (-d), or each %u s (-t)",
           totals.idle_s, totals.active_s);
  }
  if (const std::string part = stopped_text(totals); !part.empty()) out += "\n" + part;
  if (totals.sampling > 1) append(out, "\nsampled: what follows is what was metered, about one in %u", totals.sampling);
  out += '\n';

  append_sums_table(out, "Protocols", named(protocols_, protocol_text), all_.octets);
  const auto services = services_.largest(kRows);
  if (!services.empty())
    append_sums_table(out, "Services (responder's port)", named(services, service_text), all_.octets);
  const auto as_it_is = [](const std::string& name) { return name; };
  if (const auto applications = applications_.largest(kRows); !applications.empty())
    append_sums_table(out, "Applications (nDPI)", named(applications, as_it_is), all_.octets);
  if (!tunnels_.empty()) append_sums_table(out, "Encapsulations", named(tunnels_, as_it_is), all_.octets);

  if (!localities_.empty()) out += localities_.text();

  std::vector<std::pair<std::string, HostSums>> hosts;
  for (const auto& [address, sums] : hosts_.largest(kRows)) hosts.emplace_back(to_text(address), sums);
  const std::string head = localities_.empty() ? "Top hosts" : "Top local hosts";
  append_hosts_table(out, head + (hosts_.exact() ? "" : " (about)"), hosts);
  append_notes(out, totals);
  return out;
}

std::string conservation_text(const ProbeTotals& totals) {
  std::string out;
  append(out, "%" PRIu64 " packets read%s", totals.read, balance_text(totals).c_str());
  if (totals.handover_drops > 0) append(out, " + %" PRIu64 " dropped between workers", totals.handover_drops);
  append(out, "; %" PRIu64 " flows in %" PRIu64 " records", totals.flows, totals.records);
  if (totals.evicted > 0) append(out, ", %" PRIu64 " ended because the table was full", totals.evicted);
  if (totals.filtered > 0) append(out, "; %" PRIu64 " packets not matching the filter", totals.filtered);
  if (totals.kernel_drops > 0) append(out, "; %" PRIu64 " packets dropped by the kernel", totals.kernel_drops);
  if (totals.record_drops > 0) append(out, "; %" PRIu64 " records dropped before the outputs", totals.record_drops);
  for (size_t at = 0; at < std::size(totals.anomalies); ++at) {
    if (totals.anomalies[at] == 0) continue;
    const auto anomaly = static_cast<Anomaly>(at);
    append(out, "; %s %" PRIu64, anomaly_name(anomaly), totals.anomalies[at]);
    if (const std::string all = estimate_text(totals, anomaly); !all.empty()) out += " " + all;
  }
  if (const std::string part = stopped_text(totals); !part.empty()) out += "; " + part;
  return out;
}

void SummaryOutput::put(const RecordRef& record) {
  if (record.type == &kFlowRecordType) summary_.add(*record.common, *static_cast<const FlowRecord*>(record.body));
}

void SummaryOutput::notice(const std::string& sentence) {
  const std::lock_guard lock(notices_mutex_);
  notices_ += "\n! " + sentence + "\n";
}

std::string SummaryOutput::text() {
  const std::lock_guard lock(notices_mutex_);
  return summary_.text(title_, probe_->totals()) + notices_;
}

void SummaryOutput::flush() {
  const auto now = std::chrono::steady_clock::now();
  if (when_ != When::Live || probe_ == nullptr || now - drawn_ < std::chrono::seconds(1)) return;
  drawn_ = now;
  print("\033[H\033[2J" + text());
}

void SummaryOutput::print(const std::string& out) {
  if (!error_.empty()) return;
  if (fputs(out.c_str(), stdout) >= 0 && fflush(stdout) == 0) return;
  error_ = std::string("cannot write the summary to standard output: ") + std::strerror(errno);
}

void SummaryOutput::finish() {
  if (probe_ == nullptr) return;
  std::string out = text();
  if (when_ == When::Live && isatty(STDOUT_FILENO) != 0) out.insert(0, "\033[H\033[2J");
  print(out);
}

}  // namespace microcloud
