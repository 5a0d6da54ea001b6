#include "cloud/writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "resp/sentinel.h"

namespace microcloud {
namespace {

using resp::Outcome;
using resp::Result;

constexpr int64_t kBeatMs = 1'000;

std::string ledger_key(const WriterSettings& settings) {
  const std::string realm = settings.accounting.realm.empty() ? "" : settings.accounting.realm + "/";
  return realm + "mc.led." + settings.probe_id + "." + settings.incarnation + ".0";
}

/// Packets that the clock was set back behind are visible at once.
void observe(const Piece& piece, Histogram& visible) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const int64_t now_us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  for (const int64_t packet_us : piece.packets_us)
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
  lane.ledger = ledger_key(settings);
  lane.flush_ms = settings.flush_ms;
  lane.ttl_s = settings.accounting.births.ttl_s;
  lane.applied = [&visible](const Piece& piece) { observe(piece, visible); };
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
      timer_(loop_),
      lane_(lane_settings(settings_, visible_), *this, *this) {}

CloudWriter::~CloudWriter() {
  stop();
}

void CloudWriter::stop() {
  if (!thread_.joinable()) return;
  loop_.stop();
  thread_.join();
}

void CloudWriter::start() {
  resp::ClientEvents events;
  events.state = [this](resp::ClientEvents::State state, const std::string& why) { on_state(state, why); };
  resp::ClientSettings client = settings_.client;
  client.master_only = true;
  const resp::Url& url = settings_.url;
  resp::Locator locator = url.kind == resp::Url::Kind::Sentinel
                              ? resp::located_by_sentinels(loop_, url.endpoints, url.master_name, {.tls = client.tls})
                              : resp::located_at(url.endpoints.front());
  client_ = std::make_unique<resp::Client>(loop_, std::move(locator), std::move(client), std::move(events));
  client_->start();
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
  const auto done = [this] {
    const std::lock_guard lock(mutex_);
    return settled_ && buffer_.size() == 0;
  };
  while (!done()) {
    if (give_up() || !status().fatal.empty()) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  // The last heartbeat tells what the run came to.
  loop_.post([this] { beat(true); });
  for (int wait = 0; wait < 500; ++wait) {
    {
      const std::lock_guard lock(mutex_);
      if (last_beat_done_) break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
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
  return cut_piece(buffer_, limits_);
}

void CloudWriter::send(resp::Commands commands, Done done) {
  client_->send(std::move(commands),
                [done = std::move(done)](Result result) { done(result.outcome, std::move(result.replies)); });
}

void CloudWriter::reconnect(const std::string& why) {
  client_->reconnect(why);
}

void CloudWriter::on_state(resp::ClientEvents::State state, const std::string& why) {
  if (state == resp::ClientEvents::State::Down) {
    lane_.down();
    tell(Reach::Away, why);
    publish_status();
    return;
  }
  resp::Commands commands;
  commands.add("SET", "meta.schema", kCloudSchema, "NX");
  commands.add("GET", "meta.schema");
  client_->send(std::move(commands), [this](const Result& result) { on_schema(result); });
}

/// A probe one number behind goes on; the keys of a later schema it does not know.
void CloudWriter::on_schema(const Result& result) {
  if (result.outcome != Outcome::Ok || !client_->ready()) return;  // the connection broke
  const auto schema = result.replies.back().as_integer();
  if (schema && *schema > kCloudSchema + 1) {
    const std::lock_guard lock(mutex_);
    status_.fatal = "the MicroCloud at " + settings_.url.text() + " has keys of schema " + std::to_string(*schema) +
                    "; this probe knows " + std::to_string(kCloudSchema);
    return;
  }
  lane_.up(now_ms());
}

void CloudWriter::tick() {
  const int64_t now = now_ms();
  lane_.tick(now);
  if (now - beaten_ms_ >= kBeatMs) beat(false);
  if (client_->ready()) tell(lane_.trouble().empty() ? Reach::Takes : Reach::Refuses, lane_.trouble());
  publish_status();
  timer_.start(std::chrono::milliseconds(std::clamp<int64_t>(settings_.flush_ms / 2, 1, 50)), [this] { tick(); });
}

void CloudWriter::beat(bool last) {
  beaten_ms_ = now_ms();
  if (!client_->ready()) {
    const std::lock_guard lock(mutex_);
    last_beat_done_ = last_beat_done_ || last;
    return;
  }
  const WriterStatus status = this->status();
  Fields fields;
  if (settings_.heartbeat) fields = settings_.heartbeat();
  const auto add = [&fields](const char* name, uint64_t value) { fields.emplace_back(name, std::to_string(value)); };
  add("batch", lane_.acknowledged());
  add("keysRefused", status.keys_refused);
  add("cloudLost", status.lost());
  add("cloudWaitingKeys", status.waiting_keys);
  add("cloudKeptBatches", lane_.kept());
  add("cloudLagMilliseconds", static_cast<uint64_t>(std::max<int64_t>(0, lane_.counts().lag_ms)));
  if (settings_.live) add_visible(status.visible, fields);
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
  commands.add("DBSIZE");
  client_->send(std::move(commands), [this, last](const Result& result) {
    const std::lock_guard lock(mutex_);
    last_beat_done_ = last_beat_done_ || last;
    if (result.outcome != Outcome::Ok) return;
    if (const auto keys = result.replies.back().as_integer(); keys && *keys >= 0)
      accounting_.set_keys_of_node(static_cast<uint64_t>(*keys));
  });
}

void CloudWriter::publish_status() {
  const std::lock_guard lock(mutex_);
  status_.connected = client_ != nullptr && client_->ready();
  status_.batch = lane_.acknowledged();
  status_.kept_batches = lane_.kept();
  status_.kept_bytes = lane_.kept_bytes();
  status_.lane = lane_.counts();
  settled_ = lane_.settled();
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
