#include "app/probe_options.h"

#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <optional>

#include "base/wall_clock.h"
#include "capture/packet_filter.h"
#include "record/community_id.h"

namespace microcloud {
namespace {

std::string host_name() {
  char name[256] = "probe";
  if (gethostname(name, sizeof name - 1) != 0) return "probe";
  return name;
}

void check_cloud(const ProbeOptions& options) {
  if (options.cloud.hosts == "local" && options.local_networks.empty())
    throw UsageError("--hosts local: which addresses are local is said by -L NETWORKS");
  const std::pair<const char*, bool> only_there[] = {{"--events", !options.cloud.events.empty()},
                                                     {"--alerts", !options.cloud.alerts.empty()},
                                                     {"--cloud-spill", !options.cloud.spill_directory.empty()}};
  for (const auto& [option, given] : only_there) {
    if (given && options.cloud.url.empty())
      throw UsageError(std::string(option) + " goes with --cloud redis://HOST:PORT");
  }
  if (options.cloud.spill_directory.empty() && options.cloud.spill_bytes)
    throw UsageError("--cloud-spill-size goes with --cloud-spill DIR");
  const TlsSettings& tls = options.cloud.tls;
  const bool any_tls = !tls.ca_file.empty() || !tls.certificate_file.empty() || !tls.key_file.empty();
  if (!options.cloud.url.empty() || any_tls) (void)writer_settings(cloud_options(options), options.probe_id);
  if (options.exports.insecure && !uses_tls(options.exports) && !uses_tls(options.cloud))
    throw UsageError("--insecure goes with -n tls://HOST:PORT or --cloud rediss://HOST:PORT");
}

void check_bpf(const std::string& filter) {
  try {
    if (!filter.empty()) check_filter(filter);
  } catch (const std::invalid_argument& error) {
    throw UsageError(std::string("--filter: ") + error.what());
  }
}

/// Device and inode of a regular file; of anything else nothing.
std::optional<std::pair<dev_t, ino_t>> identity(const std::string& path, int standard) {
  struct stat facts {};
  const int status = path == "-" ? fstat(standard, &facts) : stat(path.c_str(), &facts);
  if (status != 0 || !S_ISREG(facts.st_mode)) return {};
  return std::pair(facts.st_dev, facts.st_ino);
}

/// None may be the capture that is read, by whatever name: opening it would empty it, or what is written be read.
void check_outputs(const ProbeOptions& options) {
  constexpr std::string_view kFile = "file:";
  if (options.live()) return;
  const auto input = identity(options.file, STDIN_FILENO);
  if (!input) return;
  std::vector<std::pair<std::string, std::string>> outputs = {{"standard output", "-"},
                                                              {"--json", options.json},
                                                              {"--metrics-file", options.service.metrics_file},
                                                              {"--log-file", options.service.log_file}};
  for (const std::string& collector : options.exports.collectors) {
    if (collector.starts_with(kFile)) outputs.emplace_back("--collector", collector.substr(kFile.size()));
  }
  for (const auto& [name, path] : outputs) {
    if (path.empty() || identity(path, STDOUT_FILENO) != input) continue;
    throw UsageError(name + (path == "-" ? "" : ": " + path) + " is the capture file that is read: give another one");
  }
}

/// Also what goes to no collector: a template is right or wrong all the same.
void check_exports(ExportOptions exports, bool live) {
  if (!exports.exports()) exports.collectors.clear();
  (void)export_plan(exports, "", live);
}

}  // namespace

CloudOptions cloud_options(const ProbeOptions& options) {
  CloudOptions cloud = options.cloud;
  cloud.insecure = options.exports.insecure;
  return cloud;
}

std::string ProbeOptions::source() const {
  if (!live()) return file;
  std::string out;
  for (const std::string& name : interfaces) out += (out.empty() ? "" : ", ") + name;
  return out;
}

void declare(CLI::App& app, ProbeOptions& options) {
  constexpr uint32_t kLongestTimeoutS = 7 * 86'400;
  app.add_option("-i,--interface", options.interfaces, "capture live on this interface; may be repeated")
      ->type_name("IFACE");
  app.add_option("-r,--read", options.file, "read a capture file (pcap, pcapng); - is standard input")
      ->type_name("FILE");
  app.add_option("-f,--filter", options.filter, "meter only packets that match this BPF filter")->type_name("BPF");
  app.add_option("--json", options.json, "write records as JSON lines to this file; - is standard output")
      ->type_name("FILE");
  app.add_option("-t,--active", options.active_s, "active timeout in seconds: a longer flow is told in slices")
      ->check(CLI::Range(1U, kLongestTimeoutS))
      ->capture_default_str()
      ->type_name("SECONDS");
  app.add_option("-d,--idle", options.idle_s, "idle timeout in seconds: a flow without packets for so long has ended")
      ->check(CLI::Range(1U, kLongestTimeoutS))
      ->capture_default_str()
      ->type_name("SECONDS");
  app.add_option("-w,--flows", options.flows, "flows at once; memory is taken as they come, about 230 bytes each")
      ->check(CLI::Range(1U, 1U << 28))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("-s,--snaplen", options.snap_length, "take at most this many bytes of a packet; 0: all")
      ->check(CLI::Range(0U, 262'144U))
      ->capture_default_str()
      ->type_name("BYTES");
  app.add_option(
         "-L,--local-networks", options.local_networks,
         "networks that are yours, with commas between them: the summary tells what goes in and out, and of your "
         "hosts alone")
      ->delimiter(',')
      ->type_name("NETWORKS");
  app.add_option("-S,--sampling", options.exports.sampling,
                 "meter one packet in N, chosen at random: counters are of those, and records and exports tell N")
      ->check(CLI::Range(1U, 1U << 24))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--workers", options.workers, "threads that meter; live: of each interface")
      ->check(CLI::Range(1U, 64U))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--loop", options.loop, "read the file so many times over, its time going on")
      ->check(CLI::Range(1U, 1'000'000U))
      ->capture_default_str()
      ->type_name("N");
  app.add_flag("--realtime", options.realtime, "read the file at its own pace");
  app.add_flag("--checksums", options.every_checksum,
               "check every TCP and UDP checksum, not those of one packet in 64, by chance");
  app.add_flag("--no-promiscuous", options.no_promiscuous, "take only packets that the interface would take anyway");
  declare(app, options.inspect);
  app.add_option("--probe-id", options.probe_id, "name of this probe in its records (default: the host's name)")
      ->type_name("NAME");
  declare_exports(app, options.exports);
  declare_cloud(app, options.cloud);
  declare_face(app, options.face);
  declare_service(app, options.service);
  app.footer(
      "Examples:\n"
      "  microcloud probe -i eth0                        what passes there, until Ctrl-C\n"
      "  microcloud probe -r trace.pcap --json -         flow records as JSON lines\n"
      "  microcloud probe --config /etc/microcloud/probe.toml --check-config");
}

PrefixSet local_networks(const ProbeOptions& options) {
  PrefixSet networks;
  try {
    for (const std::string& text : options.local_networks) networks.add(text);
  } catch (const std::invalid_argument& error) {
    throw UsageError(std::string("--local-networks: ") + error.what());
  }
  return networks;
}

void check(const ProbeOptions& options) {
  check_service(options.service);
  const bool live = options.live();
  if (live == !options.file.empty()) {
    throw UsageError(live ? "-i and -r exclude each other: give one of them"
                          : "nothing to read: give -i IFACE or -r FILE");
  }
  if (live && (options.loop != 1 || options.realtime))
    throw UsageError("--loop and --realtime go with -r FILE, not with -i");
  if (options.loop != 1 && options.file == "-")
    throw UsageError("--loop: standard input can be read only once; give a file");
  check_bpf(options.filter);
  check_outputs(options);
  (void)local_networks(options);
  if (options.workers > options.flows) throw UsageError("--workers: at most one a flow of -w");
  check_exports(options.exports, live);
  check(options.inspect, options.exports.sampling > 1);
  check_cloud(options);
  check_face(options.face);
}

ProbeSettings probe_settings(const ProbeOptions& options) {
  ProbeSettings settings;
  settings.workers = options.workers;
  settings.live = options.live();
  settings.started_us = wall_us();
  settings.every_checksum = options.every_checksum;
  settings.flows.capacity = options.flows;
  settings.flows.active_ms = options.active_s * 1000;
  settings.flows.idle_ms = options.idle_s * 1000;
  settings.flows.seed = HashSeed::random();
  settings.flows.tell_systems = !options.cloud.url.empty() || options.face.serves(options.live());
  settings.flows.community_seed = community_seed(options.cloud.realm);
  settings.sampling = options.exports.sampling;
  if (settings.live) settings.sampling_seed = HashSeed::random().a;
  settings.inspect = inspect_settings(options.inspect, settings.sampling > 1);
  settings.inspect.seed = settings.flows.seed;
  settings.probe_id = options.probe_id.empty() ? host_name() : options.probe_id;
  return settings;
}

}  // namespace microcloud
