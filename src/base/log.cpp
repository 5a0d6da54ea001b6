#include "base/log.h"

#include <fmt/chrono.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <stdexcept>

#include "base/printable.h"

namespace microcloud {
namespace {

constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                                 spdlog::level::err, spdlog::level::off};
constexpr const char* kNames[] = {"debug", "info", "warning", "error", "off"};

/// The sink of all lines. Lines are few: a lock around each costs nothing, and lets the file be exchanged.
struct Log {
  std::mutex mutex;
  LogSettings settings;
  std::shared_ptr<spdlog::sinks::sink> sink;
};

Log& the_log() {
  static Log log;
  return log;
}

/// A line of JSON is made here, whole; a line of text by the sink, which knows where colours begin and end.
std::shared_ptr<spdlog::sinks::sink> open_sink(const LogSettings& settings) {
  std::shared_ptr<spdlog::sinks::sink> sink;
  if (settings.file.empty()) {
    sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  } else {
    try {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(settings.file);
    } catch (const spdlog::spdlog_ex&) {
      throw std::runtime_error("cannot open the log file " + settings.file + ": is its folder there and writable?");
    }
  }
  sink->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      settings.format == LogFormat::Json ? "%v" : "%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc));
  return sink;
}

std::string json_line(LogLevel level, std::string_view message, spdlog::log_clock::time_point when) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(when.time_since_epoch()).count();
  std::string escaped;
  for (const char letter : message) {
    if (letter == '"' || letter == '\\') escaped += '\\';
    escaped += letter;
  }
  return fmt::format(R"({{"time":"{:%Y-%m-%dT%H:%M:%S}.{:03}Z","level":"{}","message":"{}"}})",
                     fmt::gmtime(static_cast<time_t>(ms / 1000)), ms % 1000, kNames[static_cast<size_t>(level)],
                     escaped);
}

}  // namespace

void set_up_log(const LogSettings& settings) {
  Log& log = the_log();
  const std::lock_guard lock(log.mutex);
  log.sink = open_sink(settings);
  log.settings = settings;
}

void set_log_level(LogLevel level) {
  Log& log = the_log();
  const std::lock_guard lock(log.mutex);
  log.settings.level = level;
}

std::string reopen_log() {
  Log& log = the_log();
  const std::lock_guard lock(log.mutex);
  if (log.settings.file.empty()) return {};
  try {
    log.sink = open_sink(log.settings);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return {};
}

void log_line(LogLevel level, std::string_view message) {
  Log& log = the_log();
  const std::lock_guard lock(log.mutex);
  if (level < log.settings.level || level == LogLevel::Off) return;
  if (!log.sink) log.sink = open_sink(log.settings);
  const auto when = spdlog::log_clock::now();
  std::string line = printable(message);
  if (log.settings.format == LogFormat::Json) line = json_line(level, line, when);
  log.sink->log({when, {}, "microcloud", kLevels[static_cast<size_t>(level)], line});
  log.sink->flush();
}

}  // namespace microcloud
