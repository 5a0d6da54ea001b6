#include "app/service.h"

#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>
#include <system_error>

#include "base/log.h"
#include "base/thread_name.h"

namespace microcloud {
namespace {

std::atomic<bool> reload_asked{false};

extern "C" void on_reload_signal(int) {
  reload_asked.store(true, std::memory_order_relaxed);
}

void catch_reload_signal() {
  struct sigaction action {};
  action.sa_handler = on_reload_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGHUP, &action, nullptr);
}

/// The names are those that every Prometheus client gives.
void tell_process(MetricsPage& page) {
  page.gauge("microcloud_build_info", "1, for its label: the version of the program.",
             {{"version", MICROCLOUD_VERSION}}, 1);
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  page.gauge("microcloud_cpu_seconds", "CPU time taken so far, user and system.", {},
             seconds(usage.ru_utime) + seconds(usage.ru_stime));
  page.gauge("microcloud_peak_memory_bytes", "The most memory that was resident.", {},
             static_cast<double>(usage.ru_maxrss) * 1024);
}

}  // namespace

Service::Service(const ServiceOptions& options) : options_(options) {
  catch_reload_signal();
  metrics_.add(tell_process);
  metrics_.add([this](MetricsPage& page) {
    page.counter("microcloud_reloads_total", "How often SIGHUP was obeyed.", {}, reloads_.get());
    for (const auto& one : reloadables_) {
      page.counter("microcloud_reload_failures_total", "What could not be loaded or opened anew, and kept its state.",
                   {{"what", one->what}}, one->failures.get());
    }
  });
  on_reload("log", reopen_log);
}

Service::~Service() {
  listener_.reset();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Service::on_reload(std::string what, std::function<std::string()> again) {
  auto one = std::make_unique<Reloadable>();
  one->what = std::move(what);
  one->again = std::move(again);
  reloadables_.push_back(std::move(one));
}

void Service::listen(bool live) {
  if (options_.metrics == "none" || (options_.metrics.empty() && !live)) return;
  constexpr unsigned kPortsToTry = 20;
  const bool usual = options_.metrics.empty();
  const HttpListener::Settings settings{.address = usual ? ListenAddress{"127.0.0.1", kMetricsPort, true}
                                                         : parse_listen_address(options_.metrics, kMetricsPort),
                                        .ports_to_try = usual ? kPortsToTry : 1,
                                        .token = metrics_token(options_)};
  try {
    listener_ = std::make_unique<HttpListener>(settings, [this](std::string_view path) { return answer(path); });
    log_info("metrics on " + listener_->url() + "/metrics");
  } catch (const std::runtime_error& error) {
    if (!usual) throw std::runtime_error(std::string("--metrics: ") + error.what());
    log_warning(std::string("metrics are not served: ") + error.what());
  }
}

HttpReply Service::answer(std::string_view path) const {
  if (path == "/metrics") return {200, "text/plain; version=0.0.4; charset=utf-8", metrics_.text()};
  if (path == "/healthz") return {200, "application/json", "{\"alive\":true}\n"};
  if (path == "/readyz") {
    const Readiness::State state = readiness_.state();
    return {state.ready ? 200U : 503U, "application/json", state.json};
  }
  return {404, "text/plain; charset=utf-8", "here are /metrics, /healthz and /readyz\n"};
}

void Service::start() {
  if (const std::string error = write_metrics(); !error.empty()) throw std::runtime_error(error);
  thread_ = std::thread([this] {
    name_thread("mc-service");
    run();
  });
  if (listener_) listener_->start();
}

std::string Service::stop() {
  listener_.reset();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  return write_metrics();
}

void Service::run() {
  using Clock = std::chrono::steady_clock;
  constexpr auto kSecond = std::chrono::seconds(1);
  constexpr auto kLook = std::chrono::milliseconds(100);  // for SIGHUP, which wakes nobody
  auto next = Clock::now() + kSecond;
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kLook, [this] { return stopping_; })) {
    if (reload_asked.exchange(false, std::memory_order_relaxed)) reload();
    if (Clock::now() < next) continue;
    next += kSecond;
    tick();
  }
}

void Service::tick() {
  for (const auto& work : each_second_) work();
  if (options_.stats_s == 0 || ++seconds_ % options_.stats_s != 0) return;
  if (progress_) log_info(progress_(options_.stats_s));
  if (const std::string error = write_metrics(); !error.empty()) log_error(error);
}

void Service::reload() {
  reloads_.add();
  std::string kept;
  std::set<std::string> said;  // a file may be wrong by itself and as a part of the configuration
  for (const auto& one : reloadables_) {
    const std::string error = one->again();
    if (error.empty()) continue;
    one->failures.add();
    if (said.insert(error).second) log_error("reload: " + error + "; the old state is kept");
    kept += (kept.empty() ? "" : ", ") + one->what;
  }
  log_info(kept.empty() ? "reloaded" : "reloaded, but for: " + kept);
}

/// Readers see the old page or the new one, never half of it.
std::string Service::write_metrics() const {
  if (options_.metrics_file.empty()) return {};
  const std::string fresh = options_.metrics_file + ".new";
  std::ofstream file(fresh, std::ios::trunc);
  file << metrics_.text();
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(fresh, options_.metrics_file, error);
  if (!file || error) return "cannot write the metrics to " + options_.metrics_file;
  return {};
}

}  // namespace microcloud
