#include "cloud/writer.h"

#include <algorithm>

#include "base/thread_name.h"
#include "base/wall_clock.h"
#include "cloud/cluster_way.h"
#include "cloud/node_way.h"

namespace microcloud {
namespace {

constexpr size_t kMostEventBytes = size_t{8} << 20;  // that wait
constexpr int64_t kBeatMs = 1'000;
constexpr int64_t kLongestTurnMs = 50;
constexpr int64_t kUrgentMs = 5;                      // between two flushes of what is urgent
constexpr size_t kMostUrgentKept = size_t{16} << 20;  // bytes of batches

/// Packets that the clock was set back behind are visible at once.
void observe(std::span<const int64_t> packets_us, Histogram& visible) {
  const int64_t now_us = wall_us();
  for (const int64_t packet_us : packets_us)
    visible.observe(static_cast<uint64_t>(std::max<int64_t>(0, now_us - packet_us)));
}

/// Of both lanes.
LaneCounts sum_of(LaneCounts sum, const LaneCounts& urgent) {
  sum.applied += urgent.applied;
  sum.increments += urgent.increments;
  sum.sent_again += urgent.sent_again;
  sum.refused += urgent.refused;
  sum.refused_others += urgent.refused_others;
  sum.rolled_back += urgent.rolled_back;
  sum.lost += urgent.lost;
  sum.reborn += urgent.reborn;
  sum.alarms += urgent.alarms;
  return sum;
}

}  // namespace

CloudWriter::CloudWriter(WriterSettings settings)
    : settings_(std::move(settings)),
      started_(Clock::now() - std::chrono::seconds(1)),
      names_(settings_.accounting.realm),
      merging_(mutex_, {settings_.most_waiting_bytes, settings_.accounting.births.ttl_s, settings_.readable,
                        settings_.spill, is_cluster(),
                        [this](std::string_view key, const SeenTimes& times) { accounting_.reborn(key, times); }}),
      urgent_(mutex_, {settings_.most_urgent_bytes, settings_.accounting.births.ttl_s, settings_.readable}),
      accounting_(settings_.accounting, merging_.buffer(), urgent_.buffer(), HashSeed::random()),
      events_(realm_prefix(settings_.accounting.realm), kMostEventBytes),
      alerts_(realm_prefix(settings_.accounting.realm), settings_.probe_id, events_),
      list_(realm_prefix(settings_.accounting.realm) + "list." + settings_.watch_list),
      timer_(loop_),
      urgent_timer_(loop_),
      reach_("the MicroCloud at " + settings_.url.text(), log_line),
      losses_("the MicroCloud at " + settings_.url.text(), log_line),
      way_(make_way(LaneKind::Merging, merging_, "batch")),
      urgent_way_(make_way(LaneKind::Urgent, urgent_, "urgentBatch")) {}

std::string CloudWriter::ledger_of(LaneKind kind) const {
  const bool urgent = kind == LaneKind::Urgent;
  if (is_cluster()) return (urgent ? "_u." : "_l.") + settings_.probe_id;
  return realm_prefix(settings_.accounting.realm) + "mc.led." + settings_.probe_id + "." + settings_.incarnation +
         (urgent ? ".1" : ".0");
}

std::unique_ptr<UpdateWay> CloudWriter::make_way(LaneKind kind, LaneFeed& feed, std::string_view batch_field) {
  LaneSettings lane;
  lane.ledger = ledger_of(kind);
  lane.flush_ms = settings_.flush_ms;
  if (kind == LaneKind::Urgent) {
    lane.flush_ms = kUrgentMs;
    lane.at_once = true;
    lane.keep_bytes = kMostUrgentKept;
  }
  lane.ttl_s = settings_.accounting.births.ttl_s;
  lane.applied = [this](std::span<const int64_t> packets_us) { observe(packets_us, visible_); };
  if (!is_cluster())
    return std::make_unique<NodeWay>(loop_, settings_.url, settings_.client, std::move(lane), feed,
                                     [&feed](const Lane& answered) { feed.note_batches(answered); });
  EarlierLife earlier{std::string(names_.probe(settings_.probe_id)), std::string(batch_field)};
  return std::make_unique<ClusterWay>(loop_, settings_.url, settings_.client, std::move(lane), std::move(earlier),
                                      feed);
}

CloudWriter::~CloudWriter() {
  stop();
}

void CloudWriter::stop() {
  if (!thread_.joinable()) return;
  loop_.stop();
  thread_.join();
}

void CloudWriter::start() {
  way_->start(now_ms());
  urgent_way_->start(now_ms());
  tick();
  thread_ = std::thread([this] {
    name_thread("mc-cloud");
    loop_.run();
  });
}

int64_t CloudWriter::now_ms() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started_).count();
}

void CloudWriter::put(const RecordRef& record) {
  const int64_t now = now_ms();
  const int64_t packet_us = settings_.live ? record.common->packet_us : 0;
  const std::lock_guard lock(mutex_);
  MergeBuffer& urgent = urgent_.buffer();
  const bool was_empty = urgent.ready() == 0;
  merging_.buffer().set_time(now, packet_us);
  urgent.set_time(now, packet_us);
  accounting_.put(record, static_cast<uint32_t>(now / 1000));
  merging_.note_ready();
  if (urgent.ready() == 0) return;
  urgent_.note_ready();
  if (was_empty) loop_.post([this] { tick_urgent(); });
}

void CloudWriter::sweep() {
  const std::lock_guard lock(mutex_);
  accounting_.sweep(static_cast<uint32_t>(now_ms() / 1000));
}

bool CloudWriter::drain(const std::function<bool()>& give_up) {
  {
    const std::lock_guard lock(mutex_);
    merging_.buffer().hurry();
    merging_.note_ready();
  }
  const auto wait = [&] {
    while (!done()) {
      if (give_up() || !status().fatal.empty()) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  };
  bool taken = wait();
  if (!status().fatal.empty()) return false;
  if (taken && settings_.each_second) {
    settings_.each_second(true);  // it may make more
    taken = wait();
  }
  // The last heartbeat tells what the run came to.
  loop_.post([this] { beat(true); });
  for (int tries = 0; tries < 500; ++tries) {
    {
      const std::lock_guard lock(mutex_);
      if (last_beat_done_) break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return taken;
}

bool CloudWriter::done() const {
  if (!alerts_.settled() || !events_.empty()) return false;  // in this order: alerts make events
  const std::lock_guard lock(mutex_);
  return merging_.empty() && urgent_.empty();
}

uint64_t CloudWriter::waiting_keys() const {
  const Overflow* overflow = merging_.overflow();
  return merging_.buffer().size() + urgent_.buffer().size() + (overflow == nullptr ? 0 : overflow->returning().size());
}

WriterStatus CloudWriter::status() const {
  const std::lock_guard lock(mutex_);
  WriterStatus status = status_;
  for (const LaneFeed* feed : {&merging_, &urgent_}) {
    const MergeBuffer& buffer = feed->buffer();
    status.increments += buffer.totals().increments;
    status.overflowed += buffer.totals().lost;
    status.others_overflowed += buffer.totals().others_lost;
    status.waiting_bytes += buffer.bytes();
  }
  if (const Overflow* overflow = merging_.overflow(); overflow != nullptr) {
    const Overflow::Counts counts = overflow->counts();
    status.overflowed += counts.overflowed;
    status.damaged = counts.lost;
    status.waiting_bytes += overflow->returning().bytes();
    status.spill = {counts.updates, counts.bytes, counts.failures};
  }
  status.waiting_keys = waiting_keys();
  status.keys_refused = accounting_.keys_refused();
  status.visible = visible_.read();
  return status;
}

std::string CloudWriter::ledger() const {
  return ledger_of(LaneKind::Merging);
}

void CloudWriter::look(const std::function<void(const Unacknowledged&)>& at) const {
  way_->hold_still([&](const ClusterLane* merging) {
    urgent_way_->hold_still([&](const ClusterLane* urgent) {
      const std::lock_guard lock(mutex_);
      at({accounting_, {merging_, merging}, {urgent_, urgent}});
    });
  });
}

void CloudWriter::tick() {
  const int64_t now = now_ms();
  merging_.release(now);
  way_->tick(now);
  tick_urgent();
  const WayStatus way = way_->status();
  const WayStatus urgent = urgent_way_->status();
  publish_status(way, urgent);
  if (way.takes && !is_cluster() && !std::exchange(has_begun_, true)) begin_ledgers();
  tell_schema(way.schema);
  tell_alarms(way.counts.alarms + urgent.counts.alarms);
  const bool can_begin_to_beat = !has_beaten_ && way.takes && urgent.takes;
  if (now - beaten_ms_ >= kBeatMs || can_begin_to_beat) {
    tell_losses(way.refusal.empty() ? urgent.refusal : way.refusal);
    beat(false);
  }
  if (settings_.each_second && now - second_ms_ >= kBeatMs) {
    second_ms_ = now;
    settings_.each_second(false);
  }
  if (way.connected) {
    if (!settings_.watch_list.empty()) list_.look(*way_, now);
    alerts_.send(*way_, now);
    events_.send(*way_);
  }
  tell_reach(way, urgent);
  const int64_t turn_ms = std::clamp<int64_t>(settings_.flush_ms / 2, 1, kLongestTurnMs);
  timer_.start(std::chrono::milliseconds(turn_ms), [this] { tick(); });
}

/// What is urgent and cannot go at once goes a little later.
void CloudWriter::tick_urgent() {
  urgent_way_->tick(now_ms());
  if (urgent_.ready() > 0 && urgent_way_->status().connected)
    urgent_timer_.start(std::chrono::milliseconds(kUrgentMs), [this] { tick_urgent(); });
}

void CloudWriter::publish_status(const WayStatus& merging, const WayStatus& urgent) {
  const std::lock_guard lock(mutex_);
  status_.connected = merging.connected && urgent.connected;
  status_.fatal = merging.fatal.empty() ? urgent.fatal : merging.fatal;
  status_.batch = merging.batch;
  status_.urgent_batch = urgent.batch;
  status_.kept_batches = merging.kept_batches + urgent.kept_batches;
  status_.kept_bytes = merging.kept_bytes + urgent.kept_bytes;
  status_.lane = sum_of(merging.counts, urgent.counts);
  merging_.settle(merging.settled);
  urgent_.settle(urgent.settled);
}

}  // namespace microcloud
