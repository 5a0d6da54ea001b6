// microcloud probe: wiring, signals, the run.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <map>

#include "app/capture_report.h"
#include "app/command.h"
#include "app/command_line.h"
#include "app/privileges.h"
#include "app/probe_options.h"
#include "app/probe_outputs.h"
#include "app/progress.h"
#include "app/service.h"
#include "app/stop_signals.h"
#include "capture/file_source.h"
#include "capture/interface.h"
#include "capture/live_source.h"
#include "capture/looped_source.h"
#include "capture/paced_source.h"
#include "probe/loss_ladder.h"
#include "probe/probe.h"

namespace microcloud {
namespace {

std::unique_ptr<Source> file_source(const ProbeOptions& options) {
  const auto open = [options] { return open_file(options.file, options.filter, options.snap_length); };
  std::unique_ptr<Source> source = options.loop > 1 ? std::make_unique<LoopedSource>(open, options.loop) : open();
  if (options.realtime) source = std::make_unique<PacedSource>(std::move(source));
  return source;
}

/// Also one that goes by another of its names: each of its packets would be counted twice.
void refuse_one_twice(const std::vector<std::string>& interfaces) {
  std::map<int, std::string> known;
  for (const std::string& name : interfaces) {
    const auto [before, is_new] = known.emplace(find_interface(name).index, name);
    if (is_new) continue;
    throw UsageError(before->second == name
                         ? "-i " + name + ": this interface is given twice"
                         : "-i " + name + ": this is the interface " + before->second + ", which is given already");
  }
}

/// One list a worker: its part of each interface, or the file.
std::vector<std::vector<Input>> open_inputs(const ProbeOptions& options, CaptureReport& report) {
  if (!options.live()) {
    std::vector<std::vector<Input>> inputs(1);
    inputs[0].push_back({file_source(options), 0});
    return inputs;
  }
  refuse_one_twice(options.interfaces);
  std::vector<std::vector<Input>> inputs(options.workers);
  uint16_t port = 0;
  for (const std::string& interface : options.interfaces) {
    ++port;
    LiveOptions live;
    live.interface = interface;
    live.bpf_filter = options.filter;
    live.snap_length = options.snap_length;
    live.promiscuous = !options.no_promiscuous;
    if (options.workers > 1) live.wait_ms = 2;
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

void go_on_without_privileges(const ProbeOptions& options) {
  const bool live = options.live();
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
  ProbeOptions options;
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

/// What is told beside the records while `probe` runs. All must outlive the service's threads.
void set_up_service(Service& service, const ProbeOptions& options, Probe& probe, CaptureReport& report,
                    const ProbeOutputs& outputs) {
  service.metrics().add([&probe, &report](MetricsPage& page) {
    report.tell(probe, page);
    tell_metrics(probe, page);
  });
  report.add_checks(service.readiness());
  if (probe.live()) {
    service.each_second([&options, &probe, &report, &outputs] {
      report.look(probe, options.snap_length, options.every_checksum,
                  [&outputs](const std::string& sentence) { outputs.notice(sentence); });
    });
  }
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
  outputs.set_up(service);
  service.set_progress([&probe, before = ProbeTotals{}](double seconds) mutable {
    const ProbeTotals now = probe.totals();
    return progress_line(now, std::exchange(before, now), seconds, probe.live());
  });
}

/// Returns why the run failed, or an empty text.
std::string run_to_end(Probe& probe, ProbeOutputs& outputs, Service& service) {
  running_probe = &probe;
  catch_stop_signals(on_stop_signal);
  service.start();
  outputs.start();
  probe.start();
  std::string error = probe.wait();
  running_probe = nullptr;
  outputs.stop();
  outputs.log_end(probe);
  if (const std::string unwritten = service.stop(); error.empty()) error = unwritten;
  return error;
}

}  // namespace

int run_probe(int count, char** arguments) {
  ProbeOptions options;
  CLI::App app(
      "Meter traffic into bidirectional flow records, live or from a capture file.\n"
      "Without an output a summary is printed: at the end of a file, each second of live capture.\n",
      "probe");
  declare(app, options);
  if (const auto status = parse_command_line(app, count, arguments, [&options] { check(options); })) return *status;

  set_up_log(log_settings(options.service));

  ProbeSettings settings = probe_settings(options);
  ProbeOutputs outputs(options, settings.probe_id);
  outputs.join(settings.inspect);
  CaptureReport report;
  std::vector<std::vector<Input>> inputs = open_inputs(options, report);
  for (const std::string& name : options.interfaces)
    settings.interfaces.push_back(static_cast<uint32_t>(find_interface(name).index));

  Probe probe(std::move(settings), std::move(inputs), outputs.all());
  outputs.watch(probe, report);
  outputs.listen(probe);
  Service service(options.service);
  service.on_reload("configuration", [count, arguments, before = fixed_configuration(app)] {
    return read_again(count, arguments, before);
  });
  set_up_service(service, options, probe, report, outputs);
  if (options.live()) log_info("capturing on " + options.source());
  service.listen(options.live());
  go_on_without_privileges(options);
  const std::string error = run_to_end(probe, outputs, service);
  if (!error.empty()) throw std::runtime_error(error);
  return kExitDone;
}

}  // namespace microcloud
