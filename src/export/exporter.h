// From records to the messages of one collector.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/wall_clock.h"
#include "export/link.h"
#include "record/record.h"
#include "record/template.h"

namespace microcloud {

struct ExportSettings {
  Numbering numbering;
  RecordTypes types;
  std::vector<std::pair<const RecordType*, Template>> templates;  // of -T; other types have their default
  uint32_t domain = 0;                                            // observation domain, source id
  uint32_t template_refresh_s = 60;                               // over UDP
  uint32_t sampling = 1;                                          // one packet in so many was metered
  bool live = false;                                              // the clock is the wall's, else the records' own
  std::function<uint64_t()> ignored_packets;                      // by the metering process, so far
};

/// What exporters read of flow records, whichever columns they export: found by name, absent in other types.
class FlowNumbers {
 public:
  explicit FlowNumbers(const RecordType& type);
  bool is_flow() const { return packets_.has_value(); }
  Told told(const RecordRef& record) const;
  uint64_t reverse_packets(const RecordRef& record) const { return number(record, reverse_packets_); }
  /// Milliseconds since 1970; of a transaction both are when it was observed.
  int64_t start_ms(const RecordRef& record) const { return static_cast<int64_t>(number(record, start_)); }
  int64_t end_ms(const RecordRef& record) const { return static_cast<int64_t>(number(record, end_)); }

 private:
  static uint64_t number(const RecordRef& record, const std::optional<Column>& column);
  std::optional<Column> packets_, octets_, reverse_packets_, reverse_octets_, start_, end_;
};

/// The exporter's clock: the wall's, or the latest time that a record told; and where its uptime counts from.
class ExportClock {
 public:
  explicit ExportClock(bool live) : live_(live) {}
  /// A record with these times comes; true when uptimes cannot tell them, so that what waits must go out before
  /// restart().
  bool note(int64_t start_ms, int64_t end_ms) {
    if (!begun_) [[unlikely]] {
      restart(start_ms, end_ms);
      return false;
    }
    const int64_t now_ms = live_ ? wall_ms() : std::max(now_ms_, end_ms);
    const bool told = start_ms >= boot_ms_ && std::max(end_ms, now_ms) - boot_ms_ <= kUptimeMostMs;
    if (told) now_ms_ = now_ms;
    return !told;
  }
  void restart(int64_t start_ms, int64_t end_ms);
  void tell(Session& session);
  /// Of a record that was noted. What lies before the uptime's 32 bits (see is_told()) is told as their first moment.
  uint32_t uptime_ms(int64_t time_ms) const {
    return static_cast<uint32_t>(std::clamp<int64_t>(time_ms - boot_ms_, 0, kUptimeMostMs));
  }
  /// False: the start of a record that lasts for more than 49 days.
  bool is_told(int64_t start_ms) const { return start_ms >= boot_ms_; }

 private:
  static constexpr int64_t kUptimeMostMs = 0xffffffff;

  bool live_;
  bool begun_ = false;
  int64_t now_ms_ = 0;
  int64_t boot_ms_ = 0;
};

/// Used by the output thread alone.
class Exporter : public Link::Opening {
 public:
  explicit Exporter(bool live) : clock_(live) {}
  /// The first record, before the link starts: its time is that of the headers which come before it.
  void foresee(const RecordRef& record);
  virtual void put(const RecordRef& record) = 0;
  /// Sends what waits to fill a message; repeats templates when it is time.
  virtual void flush(SteadyTime now) = 0;
  /// The exporter's own last words (statistics); then everything is on its way.
  virtual void finish() = 0;

 protected:
  ExportClock clock_;
};

/// `link` outlives the exporter.
std::unique_ptr<Exporter> make_exporter(const ExportSettings& settings, Link& link);

}  // namespace microcloud
