// What a writer tells of itself: the heartbeat in probe.<id>, and a line in the log when the server's state changes.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/wall_clock.h"
#include "cloud/writer.h"

namespace microcloud {
namespace {

using resp::Result;

using Fields = std::vector<std::pair<std::string, std::string>>;

void add_visible(const HistogramCounts& visible, Fields& fields) {
  const auto milliseconds = [&visible](double share) {
    return fmt::format("{:.3f}", visible.quantile_us(share) / 1e3);
  };
  fields.emplace_back("visibleP50Ms", milliseconds(0.5));
  fields.emplace_back("visibleP99Ms", milliseconds(0.99));
  fields.emplace_back("visibleHistogram", visible.text());
}

}  // namespace

void CloudWriter::beat(bool last) {
  beaten_ms_ = now_ms();
  const WriterStatus status = this->status();
  if (!status.connected) return on_beat(last);
  Fields fields;
  if (settings_.heartbeat) fields = settings_.heartbeat();
  const auto add = [&fields](const char* name, uint64_t value) { fields.emplace_back(name, std::to_string(value)); };
  add("batch", status.batch);
  add("keysRefused", status.keys_refused);
  // Alerts that wait when the process ends never come.
  add("cloudLost", status.lost() + alerts_.counts().overflowed.get() + (last ? alerts_.waiting() : 0));
  add("cloudWaitingKeys", status.waiting_keys);
  add("cloudKeptBatches", status.kept_batches);
  add("cloudLagMilliseconds", static_cast<uint64_t>(std::max<int64_t>(0, status.lane.lag_ms)));
  if (settings_.live) add_visible(status.visible, fields);
  if (last) add("ended", static_cast<uint64_t>(wall_ms()));
  const std::string key(names_.probe(settings_.probe_id));
  resp::Commands commands;
  if (!std::exchange(has_beaten_, true)) commands.add("DEL", key);  // what an earlier life told there
  commands.start(2 + 2 * fields.size());
  commands.argument("HSET");
  commands.argument(key);
  for (const auto& [name, value] : fields) {
    commands.argument(name);
    commands.argument(value);
  }
  commands.add("EXPIRE", key, settings_.accounting.births.ttl_s);
  way_->send(key, commands, [this, last](const Result&) { on_beat(last); });
  way_->count_keys([this](uint64_t keys) {
    const std::lock_guard lock(mutex_);
    accounting_.set_keys_of_node(keys);
  });
}

void CloudWriter::on_beat(bool last) {
  const std::lock_guard lock(mutex_);
  last_beat_done_ = last_beat_done_ || last;
}

void CloudWriter::tell_alarms(uint64_t alarms) {
  if (alarms > 0 && alarms_told_ == 0)
    log_error("the MicroCloud at " + settings_.url.text() +
              " refuses new updates as repeats, they are lost: another probe has the name " + settings_.probe_id +
              " too, or the clock was set back");
  alarms_told_ = alarms;
}

/// One line when it changes, not for each reason of the same.
void CloudWriter::tell(Reach reach, const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    status_.trouble = why;
  }
  if (reach == told_) return;
  told_ = reach;
  const std::string where = "the MicroCloud at " + settings_.url.text();
  if (reach == Reach::Takes) {
    log_info(where + " takes updates");
  } else {
    log_warning(where + (reach == Reach::Away ? " is away" : " takes no updates") + ", they wait: " + why);
  }
}

}  // namespace microcloud
