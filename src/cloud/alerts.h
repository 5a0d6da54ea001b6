// Alerts on their way to the MicroCloud's stream (XADD): each is sent until the server has taken it, so at least once.
#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/counter.h"
#include "cloud/events.h"
#include "cloud/update_way.h"

namespace microcloud {

struct AlertCounts {
  Counter raised;
  Counter written;     // the server has said so
  Counter overflowed;  // too many waited, the oldest went
  Counter refused;     // times that the server did not take one; it is sent again
};

/// What happened. The stream's readers tell one that came twice by its id: probe, rule, host and minute.
struct Alert {
  std::string_view rule;
  std::string_view host = {};     // empty: of no host
  std::string_view details = {};  // further members of its JSON object: `"count":5`
  int64_t time_ms = 0;            // since 1970
  bool last = false;              // the rest, as the probe ends: though its minute may have had one
};

class Alerts {
 public:
  static constexpr size_t kMost = 1'000;  // that wait

  /// `wake_ups`: where an alert that is in the stream is published too.
  Alerts(std::string prefix, std::string probe_id, Events& wake_ups);

  /// Any thread.
  void raise(const Alert& alert);
  /// On the loop's thread, every few milliseconds while the way is connected.
  void send(UpdateWay& way, int64_t now_ms);
  /// Any thread: the server has all.
  bool settled() const;
  size_t waiting() const;
  /// Why the server does not take them, in its words; empty: it does, as far as is known.
  std::string trouble() const;
  const AlertCounts& counts() const { return counts_; }

 private:
  static constexpr size_t kAtOnce = 64;
  static constexpr int64_t kPauseMs = 1'000;  // after a refusal

  struct Entry {
    std::string id;
    std::string rule;
    std::string json;
    int64_t time_ms;
  };

  void drop_oldest();
  void on_result(const resp::Result& result);
  void put_back(std::vector<Entry> entries);

  const std::string prefix_;
  const std::string probe_id_;
  Events& wake_ups_;

  mutable std::mutex mutex_;
  std::deque<Entry> waiting_;
  std::vector<Entry> out_;
  std::string trouble_;
  AlertCounts counts_;

  int64_t now_ms_ = 0;  // of the loop
  int64_t pause_until_ms_ = 0;
};

}  // namespace microcloud
