#include "cloud/writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/wall_clock.h"
#include "cloud/cluster_way.h"
#include "cloud/node_way.h"

namespace microcloud {
namespace {

using resp::Result;

constexpr size_t kMostEventBytes = size_t{8} << 20;  // that wait
constexpr int64_t kBeatMs = 1'000;

std::string ledger_name(const WriterSettings& settings) {
  if (settings.url.kind == resp::Url::Kind::Cluster) return "_l." + settings.probe_id;
  return realm_prefix(settings.accounting.realm) + "mc.led." + settings.probe_id + "." + settings.incarnation + ".0";
}

/// Packets that the clock was set back behind are visible at once.
void observe(std::span<const int64_t> packets_us, Histogram& visible) {
  const int64_t now_us = wall_us();
  for (const int64_t packet_us : packets_us)
    visible.observe(static_cast<uint64_t>(std::max<int64_t>(0, now_us - packet_us)));
}

using Fields = std::vector<std::pair<std::string, std::string>>;

void add_visible(const HistogramCounts& visible, Fields& fields) {
  const auto milliseconds = [&visible](double share) {
    return fmt::format("{:.3f}", visible.quantile_us(share) / 1e3);
  };
  fields.emplace_back("visibleP50Ms", milliseconds(0.5));
  fields.emplace_back("visibleP99Ms", milliseconds(0.99));
  fields.emplace_back("visibleHistogram", visible.text());
}

LaneSettings lane_settings(const WriterSettings& settings, Histogram& visible) {
  LaneSettings lane;
  lane.ledger = ledger_name(settings);
  lane.flush_ms = settings.flush_ms;
  lane.ttl_s = settings.accounting.births.ttl_s;
  lane.applied = [&visible](std::span<const int64_t> packets_us) { observe(packets_us, visible); };
  return lane;
}

}  // namespace

CloudWriter::CloudWriter(WriterSettings settings)
    : settings_(std::move(settings)),
      started_(Clock::now() - std::chrono::seconds(1)),
      limits_{.ttl_s = settings_.accounting.births.ttl_s},
      names_(settings_.accounting.realm),
      buffer_(settings_.most_waiting_bytes, HashSeed::random()),
      accounting_(settings_.accounting, buffer_, HashSeed::random()),
      events_(realm_prefix(settings_.accounting.realm), kMostEventBytes),
      alerts_(realm_prefix(settings_.accounting.realm), settings_.probe_id, events_),
      list_(realm_prefix(settings_.accounting.realm) + "list." + settings_.watch_list),
      timer_(loop_),
      way_(make_way()) {}

std::unique_ptr<UpdateWay> CloudWriter::make_way() {
  LaneSettings lane = lane_settings(settings_, visible_);
  PieceSource& pieces = *this;
  UnitSource& units = *this;
  if (settings_.url.kind != resp::Url::Kind::Cluster)
    return std::make_unique<NodeWay>(loop_, settings_.url, settings_.client, std::move(lane), pieces,
                                     [this](const Lane& answered) { note_batches(answered); });
  std::string heartbeat(names_.probe(settings_.probe_id));
  return std::make_unique<ClusterWay>(loop_, settings_.url, settings_.client, std::move(lane), std::move(heartbeat),
                                      units);
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
  tick();
  thread_ = std::thread([this] { loop_.run(); });
}

int64_t CloudWriter::now_ms() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started_).count();
}

void CloudWriter::put(const RecordRef& record) {
  const int64_t now = now_ms();
  const std::lock_guard lock(mutex_);
  buffer_.set_time(now, settings_.live ? record.common->packet_us : 0);
  accounting_.put(record, static_cast<uint32_t>(now / 1000));
}

void CloudWriter::sweep() {
  const std::lock_guard lock(mutex_);
  accounting_.sweep(static_cast<uint32_t>(now_ms() / 1000));
}

bool CloudWriter::drain(const std::function<bool()>& give_up) {
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
  return settled_ && buffer_.size() == 0;
}

WriterStatus CloudWriter::status() const {
  const std::lock_guard lock(mutex_);
  WriterStatus status = status_;
  status.increments = buffer_.totals().increments;
  status.overflowed = buffer_.totals().lost;
  status.waiting_keys = buffer_.size();
  status.waiting_bytes = buffer_.bytes();
  status.keys_refused = accounting_.keys_refused();
  status.visible = visible_.read();
  return status;
}

size_t CloudWriter::waiting() {
  const std::lock_guard lock(mutex_);
  return buffer_.size();
}

std::optional<Piece> CloudWriter::cut() {
  const std::lock_guard lock(mutex_);
  settled_ = false;  // until the lane says so
  std::optional<Piece> piece = cut_piece(buffer_, limits_);
  if (piece && settings_.readable)
    unacknowledged_.push_back(std::make_shared<const Batch>(Batch{++unacknowledged_to_, piece->commands}));
  return piece;
}

std::string CloudWriter::ledger() const {
  return ledger_name(settings_);
}

void CloudWriter::look(const std::function<void(const Unacknowledged&)>& at) const {
  way_->hold_still([&](const ClusterLane* lane) {
    const std::lock_guard lock(mutex_);
    at({buffer_, accounting_, acknowledged_, unacknowledged_, lane});
  });
}

/// A server that lost what it had acknowledged has those batches no more.
void CloudWriter::note_batches(const Lane& lane) {
  const std::lock_guard lock(mutex_);
  const uint64_t acknowledged = lane.acknowledged();
  while (!unacknowledged_.empty() && unacknowledged_.front()->number <= acknowledged) unacknowledged_.pop_front();
  if (settings_.readable && acknowledged < acknowledged_) {
    unacknowledged_.clear();
    for (uint64_t number = acknowledged + 1; number <= lane.last_number(); ++number) {
      if (const Piece* piece = lane.piece(number); piece != nullptr)
        unacknowledged_.push_back(std::make_shared<const Batch>(Batch{number, piece->commands}));
    }
  }
  acknowledged_ = acknowledged;
}

size_t CloudWriter::ready() {
  const std::lock_guard lock(mutex_);
  return buffer_.ready();
}

UnitCut CloudWriter::cut(size_t most, const std::function<bool(resp::Slot)>& takes) {
  const std::lock_guard lock(mutex_);
  settled_ = false;  // until the lane says so
  return cut_units(buffer_, most, takes);
}

void CloudWriter::unshelve(const std::vector<resp::Slot>& slots) {
  const std::lock_guard lock(mutex_);
  for (const resp::Slot slot : slots) buffer_.unshelve(slot);
}

void CloudWriter::tick() {
  const int64_t now = now_ms();
  way_->tick(now);
  const WayStatus way = way_->status();
  publish_status(way);
  tell_alarms(way.counts.alarms);
  if (now - beaten_ms_ >= kBeatMs) beat(false);
  if (settings_.each_second && now - second_ms_ >= kBeatMs) {
    second_ms_ = now;
    settings_.each_second(false);
  }
  if (way.connected) {
    if (!settings_.watch_list.empty()) list_.look(*way_, now);
    alerts_.send(*way_, now);
    events_.send(*way_);
  }
  if (!way.connected) {
    if (!way.trouble.empty()) tell(Reach::Away, way.trouble);
  } else {
    tell(way.trouble.empty() ? Reach::Takes : Reach::Refuses, way.trouble);
  }
  timer_.start(std::chrono::milliseconds(std::clamp<int64_t>(settings_.flush_ms / 2, 1, 50)), [this] { tick(); });
}

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

void CloudWriter::publish_status(const WayStatus& way) {
  const std::lock_guard lock(mutex_);
  status_.connected = way.connected;
  status_.fatal = way.fatal;
  status_.batch = way.batch;
  status_.kept_batches = way.kept_batches;
  status_.kept_bytes = way.kept_bytes;
  status_.lane = way.counts;
  settled_ = way.settled;
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
