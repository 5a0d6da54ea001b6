#include "cloud/writer.h"

#include <algorithm>

#include "base/wall_clock.h"
#include "cloud/cluster_way.h"
#include "cloud/node_way.h"

namespace microcloud {
namespace {

constexpr size_t kMostEventBytes = size_t{8} << 20;  // that wait
constexpr int64_t kBeatMs = 1'000;
constexpr int64_t kLongestTurnMs = 50;
constexpr int64_t kUrgentMs = 5;  // between two flushes of what is urgent

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

LaneSettings lane_settings(const WriterSettings& settings, Histogram& visible) {
  LaneSettings lane;
  lane.ledger = ledger_name(settings);
  lane.flush_ms = settings.flush_ms;
  lane.urgent_ms = kUrgentMs;
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

std::unique_lock<std::mutex> CloudWriter::in_turn() const {
  const std::lock_guard turn(turn_);
  return std::unique_lock(mutex_);
}

void CloudWriter::note_ready() {
  ready_.store(buffer_.ready(), std::memory_order_relaxed);
}

void CloudWriter::put(const RecordRef& record) {
  const int64_t now = now_ms();
  const auto lock = in_turn();
  buffer_.set_time(now, settings_.live ? record.common->packet_us : 0);
  accounting_.put(record, static_cast<uint32_t>(now / 1000));
  note_ready();
  // Who sees that something is urgent sees what is ready, too.
  if (accounting_.take_urgent() && !urgent_.exchange(true, std::memory_order_release)) loop_.post([this] { tick(); });
}

void CloudWriter::sweep() {
  const std::lock_guard lock(mutex_);
  accounting_.sweep(static_cast<uint32_t>(now_ms() / 1000));
}

bool CloudWriter::drain(const std::function<bool()>& give_up) {
  {
    const auto lock = in_turn();
    buffer_.hurry();
    note_ready();
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
  return ready_.load(std::memory_order_relaxed);
}

std::optional<Piece> CloudWriter::cut() {
  const auto lock = in_turn();
  settled_ = false;  // until the lane says so
  std::optional<Piece> piece = cut_piece(buffer_, limits_);
  note_ready();
  if (piece && settings_.readable)
    unacknowledged_.push_back(std::make_shared<const Batch>(Batch{++unacknowledged_to_, piece->commands}));
  return piece;
}

void CloudWriter::divided(uint64_t number, const Piece& rest, const Piece& refused) {
  if (!settings_.readable) return;
  const auto lock = in_turn();
  for (std::shared_ptr<const Batch>& batch : unacknowledged_) {
    if (batch->number == number) batch = std::make_shared<const Batch>(Batch{number, rest.commands});
  }
  unacknowledged_.push_back(std::make_shared<const Batch>(Batch{++unacknowledged_to_, refused.commands}));
}

std::string CloudWriter::ledger() const {
  return ledger_name(settings_);
}

void CloudWriter::look(const std::function<void(const Unacknowledged&)>& at) const {
  way_->hold_still([&](const ClusterLane* lane) {
    const std::lock_guard lock(mutex_);
    at({buffer_, accounting_, acknowledged_, std::max(acknowledged_, unacknowledged_to_), unacknowledged_, lane});
  });
}

/// A server that lost what it had acknowledged has those batches no more.
void CloudWriter::note_batches(const Lane& lane) {
  if (!settings_.readable) return;
  const auto lock = in_turn();
  const uint64_t acknowledged = lane.acknowledged();
  while (!unacknowledged_.empty() && unacknowledged_.front()->number <= acknowledged) unacknowledged_.pop_front();
  if (acknowledged < acknowledged_) {
    unacknowledged_.clear();
    for (uint64_t number = acknowledged + 1; number <= lane.last_number(); ++number) {
      if (const Piece* piece = lane.piece(number); piece != nullptr)
        unacknowledged_.push_back(std::make_shared<const Batch>(Batch{number, piece->commands}));
    }
  }
  acknowledged_ = acknowledged;
}

size_t CloudWriter::ready() {
  return ready_.load(std::memory_order_relaxed);
}

UnitCut CloudWriter::cut(size_t most, const std::function<bool(resp::Slot)>& takes) {
  const auto lock = in_turn();
  settled_ = false;  // until the lane says so
  UnitCut units = cut_units(buffer_, most, takes);
  note_ready();
  return units;
}

void CloudWriter::unshelve(const std::vector<resp::Slot>& slots) {
  const auto lock = in_turn();
  for (const resp::Slot slot : slots) buffer_.unshelve(slot);
  note_ready();
}

void CloudWriter::tick() {
  const int64_t now = now_ms();
  {
    const auto lock = in_turn();
    buffer_.release(now);
    note_ready();
  }
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
  const bool soon = way.connected && urgent_.load(std::memory_order_relaxed);  // one went just before
  const int64_t turn_ms = std::clamp<int64_t>(settings_.flush_ms / 2, 1, soon ? kUrgentMs : kLongestTurnMs);
  timer_.start(std::chrono::milliseconds(turn_ms), [this] { tick(); });
}

void CloudWriter::publish_status(const WayStatus& way) {
  const auto lock = in_turn();
  status_.connected = way.connected;
  status_.fatal = way.fatal;
  status_.batch = way.batch;
  status_.kept_batches = way.kept_batches;
  status_.kept_bytes = way.kept_bytes;
  status_.lane = way.counts;
  settled_ = way.settled;
}

}  // namespace microcloud
