// What runs beside a long-running command: the line each --stats, the metrics file and page, the reload that SIGHUP
// asks for.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "app/readiness.h"
#include "app/service_options.h"
#include "base/counter.h"
#include "base/metrics.h"
#include "net/http_listener.h"

namespace microcloud {

/// Made by the command, on its thread; what it is given is called on a thread of its own from start() to stop().
class Service {
 public:
  explicit Service(const ServiceOptions& options);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  MetricsRegistry& metrics() { return metrics_; }
  Readiness& readiness() { return readiness_; }
  /// `line(seconds)` is what --stats says, for so many seconds since it was last called.
  void set_progress(std::function<std::string(double)> line) { progress_ = std::move(line); }
  void each_second(std::function<void()> work) { each_second_.push_back(std::move(work)); }
  /// On SIGHUP `again()` loads or opens `what` anew; what it returns is why it could not, and the old state stays.
  void on_reload(std::string what, std::function<std::string()> again);

  /// Binds --metrics; `live`: where none is said, on the usual port or the next free one, as far as that can be. Throws
  /// std::runtime_error.
  void listen(bool live);
  /// Writes the metrics file for the first time too: throws std::runtime_error when that cannot be.
  void start();
  /// Ends the threads and writes the metrics file; returns why that could not be written, or an empty text.
  [[nodiscard]] std::string stop();

 private:
  struct Reloadable {
    std::string what;
    std::function<std::string()> again;
    Counter failures;
  };

  void run();
  void tick();
  void reload();
  std::string write_metrics() const;
  HttpReply answer(std::string_view path) const;

  const ServiceOptions options_;
  MetricsRegistry metrics_;
  Readiness readiness_;
  std::function<std::string(double)> progress_;
  std::vector<std::function<void()>> each_second_;
  std::vector<std::unique_ptr<Reloadable>> reloadables_;
  Counter reloads_;
  uint64_t seconds_ = 0;
  std::unique_ptr<HttpListener> listener_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
};

}  // namespace microcloud
