#include "export/exports.h"

#include <algorithm>
#include <charconv>
#include <random>
#include <stdexcept>
#include <thread>

#include "export/file_link.h"
#include "export/stream_link.h"
#include "export/udp_link.h"
#include "net/sctp_connection.h"
#include "net/tcp_connection.h"

namespace microcloud {
namespace {

constexpr std::string_view kFile = "file:";
constexpr const char* kAccepted =
    "udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT, sctp://HOST:PORT, sctp://HOST:PORT?udp=9899, file:PATH, none";
constexpr size_t kStreamMessage = size_t{16} << 10;  // a TLS record holds no more
constexpr std::chrono::milliseconds kNap{2};

/// The port of SCTP in UDP: `udp=9899`. Nothing: 0, SCTP in IP itself.
uint16_t encapsulation(const std::string& parameters) {
  constexpr std::string_view kUdp = "udp=";
  if (parameters.empty()) return 0;
  uint16_t port = 0;
  const char* end = parameters.data() + parameters.size();
  const char* digits = parameters.data() + kUdp.size();
  if (!parameters.starts_with(kUdp) || std::from_chars(digits, end, port).ptr != end || port == 0)
    throw std::invalid_argument("'?" + parameters + "': sctp:// takes ?udp=PORT (9899, by RFC 6951), or nothing");
  return port;
}

}  // namespace

struct Exports::Collector {
  std::unique_ptr<Link> link;
  std::unique_ptr<Exporter> exporter;
  bool given_up = false;  // of a file: room was waited for in vain, and there is none yet
};

std::string check_collector(const std::string& text, ExportProtocol protocol) {
  const bool ipfix = protocol == ExportProtocol::Ipfix;
  const auto refuse = [&text](const std::string& why) { throw std::invalid_argument("'" + text + "'" + why); };
  if (text.starts_with(kFile)) {
    if (text.size() == kFile.size()) refuse(": file:PATH needs a path");
    if (!ipfix) refuse(": a file holds IPFIX (RFC 5655): -V 10");
    return "file";
  }
  const std::string none = std::string(" is no collector; accepted: ") + kAccepted;
  if (text.find("://") == std::string::npos) refuse(none);
  const Target target = parse_target(text);
  const bool stream = target.scheme == "tcp" || target.scheme == "tls";
  if (target.scheme == "sctp") {
    (void)encapsulation(target.parameters);
    if (protocol == ExportProtocol::NetflowV5) refuse(": NetFlow v5 goes over udp:// alone");
    return target.scheme;
  }
  if (target.scheme != "udp" && !stream) refuse(none);
  if (!target.parameters.empty()) refuse(": nothing stands behind the port of " + target.scheme + "://");
  if (stream && !ipfix) refuse(": NetFlow does not tell where a message ends in a stream: -V 10, or udp://");
  return target.scheme;
}

Exports::Exports(const ExportPlan& plan) : to_all_(plan.to_all), live_(plan.settings.live), drain_(plan.drain) {
  for (const std::string& text : plan.collectors) {
    check_collector(text, plan.settings.numbering.protocol);
    auto link = open_link(text, plan.tls);
    auto exporter = make_exporter(plan.settings, *link);
    collectors_.push_back(std::make_unique<Collector>(Collector{std::move(link), std::move(exporter)}));
  }
}

std::unique_ptr<Link> Exports::open_link(const std::string& text, const TlsSettings& tls) {
  if (text.starts_with(kFile)) return std::make_unique<FileLink>(text, text.substr(kFile.size()));
  const Target target = parse_target(text);
  if (target.scheme == "udp") return std::make_unique<UdpLink>(text, target);
  const BackOff back_off{std::random_device{}()};
  if (target.scheme == "sctp") {
    const auto way = std::make_shared<SctpWay>(encapsulation(target.parameters));
    Dialer dialer(
        target, SOCK_DGRAM, [way](const SocketAddress& peer) { return way->connect(peer); }, back_off);
    return std::make_unique<StreamLink>(text, std::move(dialer), SctpWay::kLargestMessage);
  }
  Dialer::Connect connect = [](const SocketAddress& peer) { return std::make_unique<TcpConnection>(peer); };
  if (target.scheme == "tls") {
    if (!tls_) tls_ = std::make_unique<TlsContext>(tls);
    connect = [context = tls_.get(), host = target.host](const SocketAddress& peer) {
      return context->connect(peer, host);
    };
  }
  return std::make_unique<StreamLink>(text, Dialer(target, SOCK_STREAM, std::move(connect), back_off), kStreamMessage);
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
    for (const auto& collector : collectors_) put(*collector, record);
    return;
  }
  // By the flow's number, which counts up: in turns, and all that is told of one flow at one collector.
  const size_t turn = collectors_.size() == 1 ? 0 : record.common->flow_id % collectors_.size();
  put(*collectors_[turn], record);
}

void Exports::put(Collector& collector, const RecordRef& record) {
  if (!live_ && collector.link->full()) make_room(collector);
  collector.exporter->put(record);
}

/// A file waits for its collectors; but for one that takes nothing in so long, no longer until it does again.
void Exports::make_room(Collector& collector) {
  auto until = std::chrono::steady_clock::now() + drain_.longest;
  uint64_t taken = collector.link->counters().messages.get();
  while (collector.link->full() && !collector.given_up) {
    const SteadyTime now = std::chrono::steady_clock::now();
    progress(now);
    if (const uint64_t more = collector.link->counters().messages.get(); more != taken) {
      taken = more;
      until = now + drain_.longest;
    }
    collector.given_up = now >= until || hurried();
    if (!collector.given_up) std::this_thread::sleep_for(kNap);
  }
  if (!collector.link->full()) collector.given_up = false;
}

void Exports::progress(SteadyTime now) {
  for (const auto& collector : collectors_) collector->link->progress(now);
}

void Exports::flush() {
  if (!begun_ && !live_) return;  // a file's clock begins with its first record
  if (!begun_) begin(nullptr);
  const SteadyTime now = std::chrono::steady_clock::now();
  for (const auto& collector : collectors_) collector->exporter->flush(now);
  progress(now);
}

/// Waits until the collectors have taken everything, within bounds; returns whether it was hurried.
bool Exports::drain() {
  constexpr std::chrono::seconds kHurriedLongest{3};
  SteadyTime until = std::chrono::steady_clock::now() + drain_.longest;
  bool in_a_hurry = false;
  const auto waits = [](const auto& collector) { return collector->link->waiting(); };
  for (;;) {
    const SteadyTime now = std::chrono::steady_clock::now();
    if (!in_a_hurry && hurried()) {
      in_a_hurry = true;
      until = std::min(until, now + kHurriedLongest);
    }
    progress(now);
    if (now >= until || std::none_of(collectors_.begin(), collectors_.end(), waits)) return in_a_hurry;
    std::this_thread::sleep_for(kNap);
  }
}

void Exports::finish() {
  if (!begun_) begin(nullptr);
  for (const auto& collector : collectors_) collector->exporter->finish();
  const bool in_a_hurry = drain();
  for (const auto& collector : collectors_) {
    collector->link->finish();
    if (in_a_hurry) continue;  // told to end now: what was not taken is a line of the log
    if (const std::string left = collector->link->not_taken(); !left.empty())
      not_taken_ += (not_taken_.empty() ? "" : "; ") + left;
  }
}

std::string Exports::error() const {
  for (const auto& collector : collectors_) {
    if (std::string error = collector->link->error(); !error.empty()) return error;
  }
  return not_taken_;
}

std::string Exports::away(size_t at) const {
  return collectors_[at]->link->away();
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
    if (of.clipped.get() > 0)
      line += ", " + std::to_string(of.clipped.get()) + " with a start 49 days before their end";
    if (!line.empty()) {
      lines.push_back(name(at) + ": " + std::to_string(of.sent.get()) + " of " + std::to_string(of.offered.get()) +
                      " records sent" + line);
    }
  }
  return lines;
}

}  // namespace microcloud
