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

/// In a handover ring, from a worker that only reads: when its first frame was; and from any: nothing follows.
struct ClockNote {
  int64_t first_us;
  uint32_t tick_ms;
  bool end;
};

constexpr size_t kPacketRoom = (sizeof(Packet) + 15) & ~size_t{15};
static_assert(sizeof(ClockNote) < sizeof(Packet));
static_assert(std::is_trivially_copyable_v<Packet>);

constexpr uint32_t kExpiryPerBurst = 2 * Intake::kBurst;  // more than a burst can begin, so that it keeps up
constexpr uint32_t kExpiryWhenIdle = 4096;
constexpr auto kNap = std::chrono::microseconds(100);

void put_note(ByteRing& ring, uint8_t* room, const ClockNote& note) {
  std::memcpy(room, &note, sizeof note);
  ring.commit(sizeof note);
}

}  // namespace

Worker::Worker(Settings settings, std::vector<Input> inputs, const FlowSettings* flows, size_t record_ring_bytes)
    : settings_(std::move(settings)),
      inputs_(std::move(inputs)),
      ended_(inputs_.size(), false),
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
  }
  for (;;) {
    const bool stopping = stop.load(std::memory_order_relaxed);
    bool busy = read_inputs(stopping);
    busy = drain_inboxes() || busy;
    if (table_) {
      if (inspector_) inspector_->on_time(intake_.clock().latest_us(), tick_ms_);
      table_->expire(tick_ms_, idle_ ? kExpiryWhenIdle : kExpiryPerBurst);
      if (teller_) busy = teller_->step() || busy;
      records_.publish();
    }
    const bool said = open_inputs_ == 0 && say_end();
    for (Handover* outbox : outboxes_) {
      if (outbox != nullptr) outbox->ring.publish();
    }
    if (said && open_inboxes_ == 0) break;
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
  for (size_t at = 0; at < inputs_.size(); ++at) {
    if (ended_[at]) continue;
    ReadResult result{0, ReadStatus::End};
    // Live, what the kernel has taken by now is metered too: until nothing waits, or as much as its ring may have held.
    constexpr uint32_t kReadsAfterStop = 4096;
    if (!stopping || (settings_.live && reads_after_stop_++ < kReadsAfterStop))
      result = inputs_[at].source->read(frames_);
    if (stopping && result.status == ReadStatus::Idle) result.status = ReadStatus::End;
    if (result.count > 0) {
      take(inputs_[at], std::span(frames_).first(result.count));
      busy = true;
      idle_ = false;
    }
    if (result.status == ReadStatus::End || result.status == ReadStatus::Failed) {
      ended_[at] = true;
      if (--open_inputs_ == 0) intake_.finish();
    }
  }
  if (idle_ && settings_.live && intake_.counters().read.get() > 0) {
    // No packet moves the clock: the wall clock does, less what the kernel may still hold back.
    constexpr int64_t kHeldBackUs = 200'000;
    intake_.clock().advance(std::max(intake_.clock().latest_us(), wall_us() - kHeldBackUs));
  }
  if (!inputs_.empty()) {
    note_sources();
    tick_ms_ = intake_.clock().tick_ms();
    intake_.expire();
  }
  return busy;
}

void Worker::take(const Input& input, std::span<const Frame> frames) {
  if (!named_) {
    named_ = true;
    name_flows(frames.front().time_us);
  }
  const auto at = static_cast<size_t>(&input - inputs_.data());
  const size_t count = intake_.take(first_headers_[at], frames, input.port, packets_.data());
  // Inspecting takes so much longer than waiting for memory that steps would cost more than they gain.
  ReadAhead* const ahead = inspector_ ? nullptr : input.source->ahead();
  // Each fragment that waited goes behind the packet that it waited for: ticks never go back, whoever meters them.
  std::span<Packet> burst = std::span(packets_).first(count);
  for (Packet waiting; intake_.take_waiting(waiting);) {
    const auto later = std::ranges::find_if(
        burst, [&](const Packet& packet) { return static_cast<int32_t>(packet.tick_ms - waiting.tick_ms) > 0; });
    const auto before = static_cast<size_t>(later - burst.begin());
    route(burst.first(before), ahead);
    route(std::span(&waiting, 1), nullptr);
    burst = burst.subspan(before);
  }
  route(burst, ahead);
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

void Worker::route(std::span<Packet> packets, ReadAhead* ahead) {
  if (outboxes_.empty()) {
    table_->meter(packets, ahead);
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
  if (count > 0) table_->meter(std::span(own).first(count), ahead);
}

void Worker::hand_over(const Packet& packet, unsigned to) {
  ByteRing& ring = outboxes_[to]->ring;
  const size_t ip_end = packet.ip_at == kNoIp ? 0 : size_t{packet.ip_at} + packet.ip_captured;
  const size_t frame_size = std::max(size_t{packet.payload_at} + packet.payload_captured, ip_end);
  uint8_t* room = ring.reserve(kPacketRoom + frame_size);
  while (room == nullptr) {
    if (settings_.live) {
      handover_dropped_.add();
      return;
    }
    ring.publish();
    std::this_thread::sleep_for(kNap);
    room = ring.reserve(kPacketRoom + frame_size);
  }
  std::memcpy(room, &packet, sizeof packet);
  std::memcpy(room + kPacketRoom, packet.frame, frame_size);
  ring.commit(kPacketRoom + frame_size);
  handed_over_.add();
}

bool Worker::drain_inboxes() {
  bool any = false;
  for (size_t at = 0; at < inboxes_.size(); ++at) {
    while (inbox_open_[at] && drain(at)) {
      any = true;
      if (!inputs_.empty()) break;  // its own source must not wait behind others
    }
  }
  return any;
}

/// One burst from one inbox; false when it was empty.
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
      if (inputs_.empty()) tick_ms_ = note.tick_ms;
      if (!note.end) {
        table_->name_flows(first_flow_id(note.first_us) + settings_.index);
      } else {
        inbox_open_[inbox] = false;
        --open_inboxes_;
        break;
      }
      continue;
    }
    Packet& packet = packets[count++];
    std::memcpy(&packet, message, sizeof packet);
    packet.frame = message + kPacketRoom;
    if (inputs_.empty()) {
      tick_ms_ = packet.tick_ms;
    } else {
      tick_ms_ = packet.tick_ms = intake_.clock().advance(packet.time_us);
    }
  }
  if (count > 0) table_->meter(std::span(packets).first(count));
  ring.release();
  if (any) {
    table_->expire(tick_ms_, kExpiryPerBurst);
    records_.publish();
  }
  return any;
}

/// Tells the workers that get packets from here that none follows; true once all have been told.
bool Worker::say_end() {
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
