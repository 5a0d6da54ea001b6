// Log lines: what happened to the program, for a person or for a machine that reads JSON. State changes only: never a
// packet's doing, never a secret or what a packet carried.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace microcloud {

enum class LogLevel : uint8_t { Debug, Info, Warning, Error, Off };
enum class LogFormat : uint8_t { Text, Json };

struct LogSettings {
  LogLevel level = LogLevel::Info;
  LogFormat format = LogFormat::Text;
  std::string file;  // empty: standard error, with colours on a terminal
};

/// Once, before the first line and the first thread. Throws std::runtime_error when the file cannot be opened.
void set_up_log(const LogSettings& settings);
/// Any thread. Lines below `level` are left out from now on.
void set_log_level(LogLevel level);
/// Any thread: opens the file anew (after it was renamed). An error leaves the old one in use; empty: done.
[[nodiscard]] std::string reopen_log();

/// Any thread: one line. Control characters in `message` become question marks, so that it stays one.
void log_line(LogLevel level, std::string_view message);
inline void log_debug(std::string_view message) {
  log_line(LogLevel::Debug, message);
}
inline void log_info(std::string_view message) {
  log_line(LogLevel::Info, message);
}
inline void log_warning(std::string_view message) {
  log_line(LogLevel::Warning, message);
}
inline void log_error(std::string_view message) {
  log_line(LogLevel::Error, message);
}

/// A warning that is said at once and again after each hour.
class HourlyWarning {
 public:
  explicit HourlyWarning(std::string sentence) : sentence_(std::move(sentence)) { log_warning(sentence_); }
  void second_passed() {
    constexpr unsigned kHour = 3600;
    if (++seconds_ % kHour == 0) log_warning(sentence_);
  }

 private:
  std::string sentence_;
  unsigned seconds_ = 0;
};

}  // namespace microcloud
