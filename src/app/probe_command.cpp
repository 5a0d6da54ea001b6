// microcloud probe: options, wiring, signals.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>

#include "app/capture_report.h"
#include "app/cloud_options.h"
#include "app/cloud_output.h"
#include "app/command.h"
#include "app/command_line.h"
#include "app/export_options.h"
#include "app/export_output.h"
#include "app/inspect_options.h"
#include "app/privileges.h"
#include "app/progress.h"
#include "app/service.h"
#include "capture/file_source.h"
#include "capture/interface.h"
#include "capture/live_source.h"
#include "capture/looped_source.h"
#include "capture/paced_source.h"
#include "probe/json_output.h"
#include "probe/loss_ladder.h"
#include "probe/probe.h"
#include "probe/summary.h"

namespace microcloud {
namespace {

struct Options {
  std::vector<std::string> interfaces;
  std::string file;
  std::string filter;
  uint32_t active_s = 120;
  uint32_t idle_s = 30;
  uint32_t flows = 1'000'000;
  std::vector<std::string> local_networks;
  uint32_t snap_length = 0;
  uint32_t workers = 1;
  uint32_t loop = 1;
  std::string json;
  std::string probe_id;
  bool realtime = false;
  bool every_checksum = false;
  InspectOptions inspect;
  bool no_promiscuous = false;
  ServiceOptions service;
  ExportOptions exports;
  CloudOptions cloud;
};

std::string host_name() {
  char name[256] = "probe";
  if (gethostname(name, sizeof name - 1) != 0) return "probe";
  return name;
}

void declare(CLI::App& app, Options& options) {
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
  app.add_flag("--checksums", options.every_checksum, "check every TCP and UDP checksum, not one packet in 64");
  app.add_flag("--no-promiscuous", options.no_promiscuous, "take only packets that the interface would take anyway");
  declare(app, options.inspect);
  app.add_option("--probe-id", options.probe_id, "name of this probe in its records (default: the host's name)")
      ->type_name("NAME");
  declare_exports(app, options.exports);
  declare_cloud(app, options.cloud);
  declare_service(app, options.service);
  app.footer(
      "Examples:\n"
      "  microcloud probe -i eth0                        what passes there, until Ctrl-C\n"
      "  microcloud probe -r trace.pcap --json -         flow records as JSON lines\n"
      "  microcloud probe --config /etc/microcloud/probe.toml --check-config");
}

PrefixSet local_networks(const Options& options) {
  PrefixSet networks;
  try {
    for (const std::string& text : options.local_networks) networks.add(text);
  } catch (const std::invalid_argument& error) {
    throw UsageError(std::string("--local-networks: ") + error.what());
  }
  return networks;
}

void check_cloud(const Options& options) {
  if (options.cloud.hosts == "local" && options.local_networks.empty())
    throw UsageError("--hosts local: which addresses are local is said by -L NETWORKS");
  if (!options.cloud.url.empty()) (void)writer_settings(options.cloud, options.probe_id);
}

void check(const Options& options) {
  check_service(options.service);
  const bool live = !options.interfaces.empty();
  if (live == !options.file.empty()) {
    throw UsageError(live ? "-i and -r exclude each other: give one of them"
                          : "nothing to read: give -i IFACE or -r FILE");
  }
  if (live && (options.loop != 1 || options.realtime))
    throw UsageError("--loop and --realtime go with -r FILE, not with -i");
  if (options.loop != 1 && options.file == "-")
    throw UsageError("--loop: standard input can be read only once; give a file");
  (void)local_networks(options);
  if (options.workers > options.flows) throw UsageError("--workers: at most one a flow of -w");
  if (options.exports.exports()) (void)export_plan(options.exports, "", live);
  check_cloud(options);
}

std::unique_ptr<Source> file_source(const Options& options) {
  const auto open = [options] { return open_file(options.file, options.filter, options.snap_length); };
  std::unique_ptr<Source> source = options.loop > 1 ? std::make_unique<LoopedSource>(open, options.loop) : open();
  if (options.realtime) source = std::make_unique<PacedSource>(std::move(source));
  return source;
}

/// One list a worker: its part of each interface, or the file.
std::vector<std::vector<Input>> open_inputs(const Options& options, CaptureReport& report) {
  if (options.interfaces.empty()) {
    std::vector<std::vector<Input>> inputs(1);
    inputs[0].push_back({file_source(options), 0});
    return inputs;
  }
  std::vector<std::vector<Input>> inputs(options.workers);
  uint16_t port = 0;
  for (const std::string& interface : options.interfaces) {
    ++port;
    LiveOptions live;
    live.interface = interface;
    live.bpf_filter = options.filter;
    live.snap_length = options.snap_length;
    live.promiscuous = !options.no_promiscuous;
    if (options.interfaces.size() > 1) live.wait_ms = 0;
    unsigned worker = 0;
    const Interface facts = find_interface(interface);
    for (auto& source : open_live(live, options.workers)) {
      inputs[worker].push_back({report.watch(std::move(source), facts, worker), port});
      ++worker;
    }
  }
  return inputs;
}

std::atomic<Probe*> running_probe{nullptr};

/// The first signal ends the run in order, the second one at once.
extern "C" void on_stop_signal(int) {
  static std::atomic<int> signals{0};
  if (signals.fetch_add(1) > 0) _exit(kExitFailed);
  if (Probe* probe = running_probe.load(); probe != nullptr) probe->stop();
}

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

ProbeSettings probe_settings(const Options& options) {
  ProbeSettings settings;
  settings.workers = options.workers;
  settings.live = !options.interfaces.empty();
  settings.started_us =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  settings.every_checksum = options.every_checksum;
  settings.flows.capacity = options.flows;
  settings.flows.active_ms = options.active_s * 1000;
  settings.flows.idle_ms = options.idle_s * 1000;
  settings.flows.seed = HashSeed::random();
  settings.sampling = options.exports.sampling;
  if (settings.live) settings.sampling_seed = HashSeed::random().a;
  settings.inspect = inspect_settings(options.inspect, settings.sampling > 1);
  settings.inspect.seed = settings.flows.seed;
  settings.probe_id = options.probe_id.empty() ? host_name() : options.probe_id;
  return settings;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

void go_on_without_privileges(const Options& options) {
  const bool live = !options.interfaces.empty();
  const std::string done =
      drop_privileges(options.service.user.empty() && live && geteuid() == 0 ? usual_user() : options.service.user);
  if (live) log_info(done);
}

/// All that --print-config tells, but for what can change on the way.
std::string fixed_configuration(const CLI::App& app) {
  std::string text = configuration_text(app, {});
  const size_t level = text.find("\nlog-level ");
  return text.erase(level, text.find('\n', level + 1) - level);
}

/// For SIGHUP: why the configuration cannot be read again, or nothing.
std::string read_again(int count, char** arguments, const std::string& before) {
  Options options;
  CLI::App app("", "probe");
  declare(app, options);
  try {
    (void)parse_command_line(app, count, arguments, [&options] { check(options); });
  } catch (const UsageError& error) {
    return error.what();
  }
  set_log_level(log_settings(options.service).level);
  if (fixed_configuration(app) != before)
    log_warning("more than the log level has changed in the configuration: the rest takes effect at the next start");
  return {};
}

void tell_json(const JsonOutput& json, MetricsPage& page) {
  const JsonOutput::Counts& counts = json.counts();
  const uint64_t written = counts.written.get(), lost = counts.lost.get();
  page.ladder({"store", counts.put.get(), written, {{"write_error", lost}}});
  page.counter("microcloud_reload_failures_total", "What could not be loaded or opened anew, and kept its state.",
               {{"what", "json"}}, counts.reopen_failures.get());
}

/// What is told beside the records while `probe` runs. All must outlive the service's threads.
void set_up_service(Service& service, const Options& options, const Probe& probe, JsonOutput* json,
                    CaptureReport& report, SummaryOutput* summary) {
  service.metrics().add([&probe, &report](MetricsPage& page) {
    report.tell(probe, page);
    tell_metrics(probe, page);
  });
  report.add_checks(service.readiness());
  if (probe.live()) {
    service.each_second([&options, &probe, &report, summary] {
      report.look(probe, options.snap_length, options.every_checksum, [summary](const std::string& sentence) {
        if (summary != nullptr) summary->notice(sentence);
      });
    });
  }
  if (json != nullptr) {
    service.metrics().add([json](MetricsPage& page) { tell_json(*json, page); });
    service.on_reload("json", [json] {
      json->reopen();
      return std::string();
    });
  }
  service.set_progress([&probe, before = ProbeTotals{}](double seconds) mutable {
    const ProbeTotals now = probe.totals();
    return progress_line(now, std::exchange(before, now), seconds, probe.live());
  });
}

void set_up_exports(Service& service, const ExportOptions& options, const ExportOutput& exports) {
  service.metrics().add([&exports](MetricsPage& page) { exports.tell_metrics(page); });
  exports.add_checks(service.readiness());
  const std::string insecure = insecure_text(options);
  if (insecure.empty()) return;
  log_warning(insecure);
  service.each_second([insecure, seconds = 0U]() mutable {
    constexpr unsigned kHour = 3600;
    if (++seconds % kHour == 0) log_warning(insecure);
  });
}

CloudSurroundings cloud_surroundings(const Options& options, const std::string& probe_id,
                                     const std::atomic<const Probe*>& metering) {
  return {.probe_id = probe_id,
          .source = options.interfaces.empty() ? options.file : joined(options.interfaces),
          .local = local_networks(options),
          .sampling = options.exports.sampling,
          .drain = std::chrono::seconds(options.exports.drain_s),
          .metering = &metering};
}

void set_up_cloud(Service& service, const CloudOutput& cloud) {
  service.metrics().add([&cloud](MetricsPage& page) { cloud.tell_metrics(page); });
  cloud.add_checks(service.readiness());
}

}  // namespace

int run_probe(int count, char** arguments) {
  Options options;
  CLI::App app(
      "Meter traffic into bidirectional flow records, live or from a capture file.\n"
      "Without an output a summary is printed: at the end of a file, each second of live capture.\n",
      "probe");
  declare(app, options);
  if (const auto status = parse_command_line(app, count, arguments, [&options] { check(options); })) return *status;

  set_up_log(log_settings(options.service));

  std::unique_ptr<ExportOutput> exports;
  std::unique_ptr<JsonOutput> json;
  std::unique_ptr<CloudOutput> cloud;
  std::unique_ptr<SummaryOutput> summary;
  Progress progress;
  std::vector<Output*> outputs;
  ProbeSettings settings = probe_settings(options);
  const bool live = settings.live;
  std::atomic<const Probe*> metering{nullptr};
  if (options.exports.exports()) {
    ExportPlan plan = export_plan(options.exports, settings.probe_id, live);
    plan.settings.ignored_packets = [&metering] {
      const Probe* probe_now = metering.load();
      return probe_now == nullptr ? uint64_t{0} : probe_now->totals().ignored_in_all();
    };
    plan.drain.hurried = [&metering] {
      const Probe* probe_now = metering.load();
      return probe_now != nullptr && probe_now->stopped();
    };
    if (const std::string text = left_out_text(plan); !text.empty()) log_info(text);
    outputs.push_back((exports = std::make_unique<ExportOutput>(plan)).get());
  }
  if (!options.json.empty()) outputs.push_back((json = std::make_unique<JsonOutput>(options.json)).get());
  if (!options.cloud.url.empty()) {
    cloud = std::make_unique<CloudOutput>(options.cloud, cloud_surroundings(options, settings.probe_id, metering));
    outputs.push_back(cloud.get());
  }
  if (outputs.empty() && options.exports.collectors.empty()) {
    const auto when = live && isatty(STDOUT_FILENO) != 0 ? SummaryOutput::When::Live : SummaryOutput::When::AtEnd;
    summary = std::make_unique<SummaryOutput>(live ? joined(options.interfaces) : options.file, when,
                                              local_networks(options));
    outputs.push_back(summary.get());
  }
  const bool show_progress = !live && isatty(STDERR_FILENO) != 0;
  if (show_progress) outputs.insert(outputs.begin(), &progress);

  CaptureReport report;
  std::vector<std::vector<Input>> inputs = open_inputs(options, report);
  for (const std::string& name : options.interfaces)
    settings.interfaces.push_back(static_cast<uint32_t>(find_interface(name).index));

  Probe probe(std::move(settings), std::move(inputs), outputs);
  progress.watch(probe);
  if (summary) summary->watch(probe);
  Service service(options.service);
  service.on_reload("configuration", [count, arguments, before = fixed_configuration(app)] {
    return read_again(count, arguments, before);
  });
  if (!options.inspect.ndpi_protocols.empty()) {
    service.on_reload("ndpi-protocols", [&probe] {
      try {
        probe.reload_applications();
      } catch (const std::runtime_error& error) {
        return std::string(error.what());
      }
      return std::string();
    });
  }
  set_up_service(service, options, probe, json.get(), report, summary.get());
  if (exports) set_up_exports(service, options.exports, *exports);
  if (cloud) set_up_cloud(service, *cloud);
  metering = &probe;
  if (live) log_info("capturing on " + joined(options.interfaces));
  service.listen(live);
  go_on_without_privileges(options);
  running_probe = &probe;
  catch_stop_signals();
  service.start();
  if (cloud) cloud->start();
  probe.start();
  std::string error = probe.wait();
  running_probe = nullptr;
  if (cloud) cloud->stop();

  if (!summary) log_info(conservation_text(probe.totals()));
  if (exports) exports->log_losses();
  if (const std::string unwritten = service.stop(); error.empty()) error = unwritten;
  if (!error.empty()) throw std::runtime_error(error);
  return kExitDone;
}

}  // namespace microcloud
