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

constexpr int64_t kNamesakeMs = 10'000;  // without a beat of it, it has gone
constexpr int64_t kLedgerLingerS = 3'600;

using Fields = std::vector<std::pair<std::string, std::string>>;

void add_visible(const HistogramCounts& visible, Fields& fields) {
  if (visible.count() == 0) return;  // nothing was measured yet
  const auto milliseconds = [&visible](double share) {
    return fmt::format("{:.3f}", visible.quantile_us(share) / 1e3);
  };
  fields.emplace_back("visibleP50Ms", milliseconds(0.5));
  fields.emplace_back("visibleP99Ms", milliseconds(0.99));
  fields.emplace_back("visibleHistogram", visible.text());
}

}  // namespace

Fields CloudWriter::health(bool last) const {
  const WriterStatus status = this->status();
  Fields fields;
  const auto add = [&fields](const char* name, uint64_t value) { fields.emplace_back(name, std::to_string(value)); };
  fields.emplace_back("life", settings_.incarnation);
  add("urgentBatch", status.urgent_batch);
  add("keysRefused", status.keys_refused);
  add("cloudLost",
      status.lost() + status.others_overflowed + alerts_.counts().overflowed.get() + (last ? alerts_.waiting() : 0));
  add("cloudWaitingKeys", status.waiting_keys);
  add("cloudSpilledKeys", status.spill ? status.spill->keys : 0);
  add("cloudKeptBatches", status.kept_batches);
  add("cloudLagMilliseconds", static_cast<uint64_t>(std::max<int64_t>(0, status.lane.lag_ms)));
  if (settings_.live) add_visible(status.visible, fields);
  return fields;
}

void CloudWriter::beat(bool last) {
  beaten_ms_ = now_ms();
  if (last) {
    if (done()) {
      reach_.see(Reach::Takes, {}, beaten_ms_);  // it has all
    } else {
      tell_reach(way_->status(), urgent_way_->status());
    }
    reach_.end(beaten_ms_);
  }
  const WriterStatus status = this->status();
  // The first one takes away what an earlier life told there, which both lanes read before.
  const bool reaches_it = has_beaten_ || last ? way_->status().connected : status.connected && status.fatal.empty();
  if (!reaches_it) return on_beat(last);
  Fields fields;
  if (settings_.heartbeat) fields = settings_.heartbeat();
  fields.emplace_back("batch", std::to_string(status.batch));
  const Fields health = this->health(last);
  fields.insert(fields.end(), health.begin(), health.end());
  if (last) fields.emplace_back("ended", std::to_string(wall_ms()));
  if (last && !is_cluster()) expire_ledgers({ledger_of(LaneKind::Merging), ledger_of(LaneKind::Urgent)});
  if (namesake_ms_ && beaten_ms_ - *namesake_ms_ < kNamesakeMs) fields.emplace_back("namesake", "1");
  const std::string key(names_.probe(settings_.probe_id));
  resp::Commands commands;
  const bool first = !std::exchange(has_beaten_, true);
  if (first) {
    commands.add("HMGET", key, "beat", "ended");
    commands.add("DEL", key);  // what an earlier life told there
  } else {
    commands.add("HGET", key, "life");
  }
  commands.start(2 + 2 * fields.size());
  commands.argument("HSET");
  commands.argument(key);
  for (const auto& [name, value] : fields) {
    commands.argument(name);
    commands.argument(value);
  }
  commands.add("EXPIRE", key, settings_.accounting.births.ttl_s);
  way_->send(key, commands, [this, first, last](const Result& result) {
    if (result.outcome == resp::Outcome::Ok) {
      first ? tell_earlier_life(result.replies[0]) : look_for_namesake(result.replies[0]);
    }
    on_beat(last);
  });
  uint64_t arrived = 0;
  {
    const std::lock_guard lock(mutex_);
    const Overflow* overflow = merging_.overflow();
    arrived = accounting_.arrived_births(waiting_keys() + (overflow == nullptr ? 0 : overflow->counts().updates));
  }
  way_->count_keys([this, arrived](uint64_t keys) {
    const std::lock_guard lock(mutex_);
    accounting_.set_keys_of_node(keys, arrived);
  });
}

/// They have no time to live while what bears their numbers may come; of a life that has ended nothing does, in an
/// hour. A life that did not end in order is ended by the next one of that name, which finds it in the list of lives.
void CloudWriter::begin_ledgers() {
  const std::string lives = this->lives();
  resp::Commands commands;
  commands.add("HKEYS", lives);
  commands.add("HSET", lives, ledger_of(LaneKind::Merging), wall_ms(), ledger_of(LaneKind::Urgent), wall_ms());
  way_->send(lives, commands, [this](const Result& result) {
    if (result.outcome != resp::Outcome::Ok) {
      has_begun_ = false;  // once more
      return;
    }
    std::vector<std::string> ended;
    for (const resp::Value& ledger : result.replies[0].elements) {
      if (ledger.text != ledger_of(LaneKind::Merging) && ledger.text != ledger_of(LaneKind::Urgent))
        ended.push_back(ledger.text);
    }
    expire_ledgers(ended);
  });
}

void CloudWriter::expire_ledgers(const std::vector<std::string>& ledgers) {
  const std::string lives = this->lives();
  for (const std::string& ledger : ledgers) {
    resp::Commands commands;
    commands.add("EXPIRE", ledger, kLedgerLingerS);
    commands.add("HDEL", lives, ledger);
    way_->send(ledger, commands, [](const Result&) {});
  }
}

std::string CloudWriter::lives() const {
  return realm_prefix(settings_.accounting.realm) + "mc.lives." + settings_.probe_id;
}

/// `beat_and_ended`: what the life before left, each null where it did not.
void CloudWriter::tell_earlier_life(const resp::Value& beat_and_ended) const {
  if (beat_and_ended.elements.size() != 2) return;
  const auto beat = beat_and_ended.elements[0].as_integer();
  if (!beat || !beat_and_ended.elements[1].is_null()) return;
  log_warning(
      fmt::format("the MicroCloud at {} heard last of the probe {} before this one {} s ago, and not that it ended: "
                  "what it had not sent is lost",
                  settings_.url.text(), settings_.probe_id, std::max<int64_t>(0, wall_ms() - *beat) / 1'000));
}

/// Who beats in between is another one, and alive.
void CloudWriter::look_for_namesake(const resp::Value& life) {
  // Another type is another command's reply: a transaction was refused.
  if (life.type != resp::Type::Bulk || life.text.empty() || life.text == settings_.incarnation) return;
  if (std::exchange(namesake_ms_, now_ms())) return;
  log_error("the MicroCloud at " + settings_.url.text() + " has another probe " + settings_.probe_id +
            ": others see one of them only; give each a name of its own (--probe-id)");
}

void CloudWriter::on_beat(bool last) {
  const std::lock_guard lock(mutex_);
  last_beat_done_ = last_beat_done_ || last;
}

void CloudWriter::tell_schema(int64_t schema) {
  if (schema != kCloudSchema + 1 || std::exchange(has_told_schema_, true)) return;
  log_warning(
      fmt::format("the MicroCloud at {} has keys of schema {}; this probe knows {}, and leaves alone what is new",
                  settings_.url.text(), schema, kCloudSchema));
}

void CloudWriter::tell_losses(const std::string& refusal) {
  const WriterStatus status = this->status();
  losses_.see({.overflowed = status.overflowed,
               .others_overflowed = status.others_overflowed,
               .refused = status.lane.refused,
               .refused_others = status.lane.refused_others,
               .lost = status.lane.lost,
               .rolled_back = status.lane.rolled_back,
               .refusal = refusal},
              now_ms());
}

void CloudWriter::tell_alarms(uint64_t alarms) {
  if (alarms > 0 && alarms_told_ == 0)
    log_error("the MicroCloud at " + settings_.url.text() +
              " refuses new updates as repeats, they are lost: another probe has the name " + settings_.probe_id +
              " too, or the clock was set back");
  alarms_told_ = alarms;
}

void CloudWriter::tell_reach(const WayStatus& merging, const WayStatus& urgent) {
  const bool away = !merging.connected || !urgent.connected;
  const std::string& trouble = merging.trouble.empty() ? urgent.trouble : merging.trouble;
  if (!merging.fatal.empty() || !urgent.fatal.empty()) return;  // that is told as what ends the run
  if (trouble.empty() && !(merging.takes && urgent.takes)) return reach_.tick(now_ms());  // it comes
  {
    const std::lock_guard lock(mutex_);
    status_.trouble = trouble;
  }
  reach_.see(away ? Reach::Away : trouble.empty() ? Reach::Takes : Reach::Refuses, trouble, now_ms());
}

}  // namespace microcloud
