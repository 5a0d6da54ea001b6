#include "probe/worker.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <new>
#include <thread>

#include "base/owner.h"
#include "base/wall_clock.h"

namespace microcloud {
namespace {

/// In the ring from a file's reader: when its first frame was; nothing follows.
struct ClockNote {
  int64_t first_us;
  uint32_t tick_ms;
  bool end;
};

static_assert(sizeof(ClockNote) < sizeof(Packet));

constexpr uint32_t kExpiryPerBurst = 2 * Intake::kBurst;  // more than a burst can begin, so that it keeps up
constexpr uint32_t kExpiryWhenIdle = 4096;
constexpr auto kNap = std::chrono::microseconds(100);

/// Fanout knows the outermost headers alone: what else is of this packet's flow may come to other workers.
bool may_be_divided(const Packet& packet) {
  return packet.fragment != FragmentPart::Whole || packet.around.outer_version != 0;
}

void put_note(ByteRing& ring, uint8_t* room, const ClockNote& note) {
  std::memcpy(room, &note, sizeof note);
  ring.commit(sizeof note);
}

}  // namespace

Worker::Worker(Settings settings, std::vector<Input> inputs, const FlowSettings* flows, size_t record_ring_bytes)
    : settings_(std::move(settings)),
      inputs_(std::move(inputs)),
      ended_(inputs_.size(), false),
      complete_us_(inputs_.size(), Handover::kNothingYet),
      open_inputs_(inputs_.size()),
      intake_(settings_.intake),
      records_(record_ring_bytes, !settings_.live) {
  for (const Input& input : inputs_) first_headers_.push_back(first_header(input.source->link_type()));
  if (flows == nullptr) return;
  RecordSink& sink = record_ring_bytes > 0 ? static_cast<RecordSink&>(records_) : dropped_;
  table_ = std::make_unique<FlowTable>(*flows, sink);
  capacity_ = flows->capacity;
  seed_ = flows->seed;
  if (!settings_.inspect.anything()) return;
  inspector_ = std::make_unique<Inspector>(settings_.inspect, sink);
  table_->watch(*inspector_);
}

void Worker::connect(std::vector<Handover*> inboxes, std::vector<Handover*> outboxes) {
  inboxes_ = std::move(inboxes);
  inbox_open_.assign(inboxes_.size(), true);
  open_inboxes_ = inboxes_.size();
  outboxes_ = std::move(outboxes);
  told_end_.assign(outboxes_.size(), false);
}

Mailbox& Worker::open_mailbox(std::function<void(unsigned lane)> answered) {
  mailbox_ = std::make_unique<Mailbox>(std::move(answered));
  teller_ = std::make_unique<FlowTeller>(*mailbox_, *table_, records_, capacity_, seed_);
  for (const Input& input : inputs_) input.source->wake_by(mailbox_->wake_fd());
  return *mailbox_;
}

void Worker::run(const std::atomic<bool>& stop) {
  if (settings_.live) {
    named_ = true;
    table_->name_flows(first_flow_id(settings_.started_us) + settings_.index);
    if (inputs_.size() > 1) begin_order();
  }
  for (;;) {
    const bool stopping = stop.load(std::memory_order_relaxed);
    bool busy = read_inputs(stopping);
    busy = (settings_.live ? meter_in_order() : drain_inboxes()) || busy;
    if (table_) {
      if (inspector_) inspector_->on_time(clock().latest_us(), tick_ms_);
      table_->expire(tick_ms_, idle_ ? kExpiryWhenIdle : kExpiryPerBurst);
      if (teller_) busy = teller_->step() || busy;
      records_.publish();
    }
    const bool said = open_inputs_ == 0 && say_end();
    publish_outboxes();
    if (said && inboxes_ended()) break;
    if (!busy && inputs_.size() != 1) std::this_thread::sleep_for(kNap);  // a single source waits by itself
  }
  if (table_) {
    records_.wait_when_full();  // nothing is captured any more: every open flow comes out
    if (inspector_) inspector_->finish();
    table_->finish(tick_ms_);
    if (inspector_) inspector_->leave();
    records_.publish();
    if (teller_) teller_->finish();
  }
}

bool Worker::read_inputs(bool stopping) {
  bool busy = false;
  idle_ = open_inputs_ > 0;
  const bool told_how_far = order_ != nullptr || !outboxes_.empty();
  const int64_t asked_us = settings_.live && told_how_far ? wall_us() : 0;
  for (size_t at = 0; at < inputs_.size(); ++at) {
    if (ended_[at]) continue;
    const ReadResult result = read(at, stopping);
    if (result.count > 0) {
      take(at, std::span(frames_).first(result.count));
      busy = true;
      idle_ = false;
    }
    if (settings_.live) note_time(at, result, asked_us);
    if (result.status == ReadStatus::End || result.status == ReadStatus::Failed) {
      ended_[at] = true;
      if (--open_inputs_ == 0) intake_.finish();
    }
  }
  if (idle_ && settings_.live) follow_wall_clock();
  if (!inputs_.empty()) {
    note_sources();
    tick_ms_ = clock().tick_ms();
    intake_.expire();
  }
  return busy;
}

/// Live, what has come by the stop is metered too: until nothing waits that the kernel had by then, or as much as its
/// ring may have held.
ReadResult Worker::read(size_t input, bool stopping) {
  constexpr uint32_t kReadsAfterStop = 4096;
  if (!stopping) return inputs_[input].source->read(frames_);
  if (!settings_.live || reads_after_stop_ >= kReadsAfterStop) return {0, ReadStatus::End};
  const auto now = std::chrono::steady_clock::now();
  const bool all_given = now - stop_seen_.value_or(now) >= std::chrono::microseconds(kKeptBackUs);
  if (!stop_seen_) {
    stop_seen_ = now;
    for (const Input& each : inputs_) each.source->take_no_more();  // so that there is an end of what has come
  }
  ReadResult result = inputs_[input].source->read(frames_);
  if (result.status != ReadStatus::Idle) ++reads_after_stop_;
  if (result.status == ReadStatus::Idle && all_given) result.status = ReadStatus::End;
  return result;
}

/// `asked_us`: the wall clock before the read.
void Worker::note_time(size_t input, ReadResult result, int64_t asked_us) {
  int64_t& complete_us = complete_us_[input];
  if (result.count > 0) complete_us = std::max(complete_us, frames_[result.count - 1].time_us);
  if (result.status == ReadStatus::Idle) complete_us = std::max(complete_us, asked_us - kKeptBackUs);
  if (result.status == ReadStatus::End || result.status == ReadStatus::Failed) complete_us = Handover::kEnded;
  if (order_) order_->complete(input, complete_us);
}

/// When no packet moves the clocks: less what the kernel may still hold back.
void Worker::follow_wall_clock() {
  constexpr int64_t kHeldBackUs = 200'000;
  if (clock().latest_us() == 0 || (order_ && order_->waiting())) return;
  const int64_t now_us = wall_us() - kHeldBackUs;
  for (FlowClock* each : {&intake_.clock(), &clock()}) each->advance(std::max(each->latest_us(), now_us));
}

void Worker::take(size_t input, std::span<const Frame> frames) {
  if (!named_) {
    named_ = true;
    name_flows(frames.front().time_us);
  }
  const size_t count = intake_.take(first_headers_[input], frames, inputs_[input].port, packets_.data());
  // Inspecting takes so much longer than waiting for memory that steps would cost more than they gain.
  ReadAhead* const ahead = inspector_ ? nullptr : inputs_[input].source->ahead();
  // Each fragment that waited goes behind the packet that it waited for: ticks never go back, whoever meters them.
  std::span<Packet> burst = std::span(packets_).first(count);
  for (Packet waiting; intake_.take_waiting(waiting);) {
    const auto later = std::ranges::find_if(
        burst, [&](const Packet& packet) { return static_cast<int32_t>(packet.tick_ms - waiting.tick_ms) > 0; });
    const auto before = static_cast<size_t>(later - burst.begin());
    route(input, burst.first(before), ahead);
    route(input, std::span(&waiting, 1), nullptr);
    burst = burst.subspan(before);
  }
  route(input, burst, ahead);
}

/// A file's flows are named by its first frame's time, so that each run names them alike.
void Worker::name_flows(int64_t first_us) {
  if (table_) {
    table_->name_flows(first_flow_id(first_us) + settings_.index);
    return;
  }
  for (Handover* outbox : outboxes_)
    put_note(outbox->ring, outbox->ring.reserve(sizeof(ClockNote)), {first_us, 0, false});
}

void Worker::note_sources() {
  uint64_t filtered = 0;
  uint64_t position = 0;
  for (const Input& input : inputs_) {
    if (!settings_.live) filtered += input.source->drops().filtered;
    position += input.source->position();
  }
  filtered_.set(filtered);
  position_.set(position);
}

/// Live the kernel is asked, once for all of it, so that what was dropped and what was offered are of one moment. A
/// file's sources follow one another: what they say is noted by the worker.
SourceDrops Worker::source_drops() const {
  SourceDrops sum;
  sum.filtered = filtered_.get();
  if (!settings_.live) return sum;
  for (const Input& input : inputs_) {
    const SourceDrops drops = input.source->drops();
    sum.kernel += drops.kernel;
    sum.loopback_copies += drops.loopback_copies;
    sum.offered += drops.offered;
  }
  return sum;
}

unsigned Worker::owner(const Packet& packet) const {
  const FlowKey& key = packet.key;
  return owner_of(owner_hash(key.low.data(), key.high.data(), key.version == 4 ? 4 : 16, key.low_port, key.high_port),
                  settings_.workers);
}

void Worker::route(size_t input, std::span<Packet> packets, ReadAhead* ahead) {
  if (outboxes_.empty()) {
    meter(input, packets, ahead);
    return;
  }
  std::array<Packet, Intake::kBurst> own;
  size_t count = 0;
  for (const Packet& packet : packets) {
    const unsigned to = owner(packet);
    if (outboxes_[to] == nullptr) {
      own[count++] = packet;
    } else {
      hand_over(packet, to);
    }
  }
  if (settings_.live && !order_ && (count < packets.size() || std::ranges::any_of(packets, may_be_divided)))
    begin_order();
  if (count > 0) meter(input, std::span(own).first(count), ahead);
}

void Worker::meter(size_t input, std::span<Packet> packets, ReadAhead* ahead) {
  if (!order_) {
    table_->meter(packets, ahead);
    return;
  }
  for (const Packet& packet : packets) {
    while (!order_->put(input, packet)) meter_in_order();
  }
}

void Worker::hand_over(const Packet& packet, unsigned to) {
  ByteRing& ring = outboxes_[to]->ring;
  while (!put_packet(ring, packet)) {
    if (settings_.live) {
      handover_dropped_.add();
      return;
    }
    ring.publish();
    std::this_thread::sleep_for(kNap);
  }
  handed_over_.add();
}

/// From now on packets are metered in the order of their times, whichever way they came.
void Worker::begin_order() {
  order_ = std::make_unique<TimeOrder>(inputs_.size(), inboxes_, settings_.longest_hold_us);
  order_clock_ = intake_.clock();
}

/// Live: what need not wait any more, from own inputs and other workers.
bool Worker::meter_in_order() {
  if (!order_) {
    if (std::ranges::all_of(inboxes_, [](const Handover* inbox) { return inbox->ring.empty(); })) return false;
    begin_order();
  }
  std::array<Packet, Intake::kBurst> packets;
  const size_t most_bursts = 2 * order_->queues();  // the inputs must not wait behind others
  for (size_t burst = 0; burst < most_bursts; ++burst) {
    const size_t count = order_->take(packets);
    if (count == 0) return burst > 0;
    const std::span<Packet> taken = std::span(packets).first(count);
    for (Packet& packet : taken) tick_ms_ = packet.tick_ms = order_clock_.advance(packet.time_us);
    table_->meter(taken);
    order_->release();
    table_->expire(tick_ms_, kExpiryPerBurst);
    records_.publish();
  }
  return true;
}

bool Worker::inboxes_ended() const {
  if (!settings_.live) return open_inboxes_ == 0;
  if (order_) return order_->ended();
  return std::ranges::all_of(inboxes_, [](const Handover* inbox) {
    return inbox->complete_us.load(std::memory_order_acquire) == Handover::kEnded && inbox->ring.empty();
  });
}

void Worker::publish_outboxes() {
  if (outboxes_.empty()) return;
  const int64_t complete_us = settings_.live ? *std::ranges::min_element(complete_us_) : Handover::kNothingYet;
  for (Handover* outbox : outboxes_) {
    if (outbox == nullptr) continue;
    outbox->ring.publish();
    if (settings_.live) outbox->complete_us.store(complete_us, std::memory_order_release);
  }
}

bool Worker::drain_inboxes() {
  bool any = false;
  for (size_t at = 0; at < inboxes_.size(); ++at) {
    while (inbox_open_[at] && drain(at)) any = true;
  }
  return any;
}

/// One burst from a file's reader; false when there was none.
bool Worker::drain(size_t inbox) {
  ByteRing& ring = inboxes_[inbox]->ring;
  std::array<Packet, Intake::kBurst> packets;
  size_t count = 0;
  size_t size = 0;
  bool any = false;
  while (count < packets.size()) {
    uint8_t* message = ring.read(size);
    if (message == nullptr) break;
    any = true;
    if (size == sizeof(ClockNote)) {
      ClockNote note;
      std::memcpy(&note, message, sizeof note);
      tick_ms_ = note.tick_ms;
      if (!note.end) {
        table_->name_flows(first_flow_id(note.first_us) + settings_.index);
      } else {
        inbox_open_[inbox] = false;
        --open_inboxes_;
        break;
      }
      continue;
    }
    get_packet(message, packets[count]);
    tick_ms_ = packets[count++].tick_ms;
  }
  if (count > 0) table_->meter(std::span(packets).first(count));
  ring.release();
  if (any) {
    table_->expire(tick_ms_, kExpiryPerBurst);
    records_.publish();
  }
  return any;
}

/// Tells the workers that get packets of a file from here that none follows; true once all have been told.
bool Worker::say_end() {
  if (settings_.live) return true;
  bool all = true;
  for (size_t to = 0; to < outboxes_.size(); ++to) {
    if (outboxes_[to] == nullptr || told_end_[to]) continue;
    uint8_t* room = outboxes_[to]->ring.reserve(sizeof(ClockNote));
    if (room == nullptr) {
      all = false;
      continue;
    }
    put_note(outboxes_[to]->ring, room, {0, tick_ms_, true});
    told_end_[to] = true;
  }
  return all;
}

}  // namespace microcloud
