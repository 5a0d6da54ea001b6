#include "flow/fragments.h"

#include <cstring>
#include <utility>

namespace microcloud {

Fragments::Id Fragments::id_of(const Packet& packet) {
  Id id{};
  const size_t size = packet.fragment_version == 4 ? 4 : 16;
  const uint8_t* source = packet.frame + packet.fragment_at;
  std::memcpy(&id.ends[0], source, size);
  std::memcpy(&id.ends[2], source + size, size);
  id.identification = packet.fragment_id;
  id.version = packet.fragment_version;
  id.protocol = packet.fragment_protocol;
  return id;
}

/// Behind a tunnel's first fragment the octets of the inner packet have been counted: the rest only adds packets.
void Fragments::adopt(const Datagram& datagram, Packet& packet) {
  packet.key = datagram.key;
  packet.from_low = datagram.from_low;
  if (datagram.opened) packet.octets = packet.payload_octets = 0;
}

Fragments::Verdict Fragments::resolve(Packet& packet) {
  const Id id = id_of(packet);
  auto found = datagrams_.find(id);
  if (found == datagrams_.end()) {
    if (datagrams_.size() >= kMostDatagrams) pushed_out_ += forget_oldest();
    found = datagrams_.try_emplace(id).first;
    by_age_.push_back(id);
    found->second.tick_ms = packet.tick_ms;
  }
  Datagram& datagram = found->second;
  if (packet.fragment == FragmentPart::First) {
    datagram.known = true;
    datagram.opened = packet.fragment_opened;
    datagram.key = packet.key;
    datagram.from_low = packet.from_low;
    held_ -= datagram.waiting.size();
    for (Packet& waiting : datagram.waiting) {
      adopt(datagram, waiting);
      waiting.tick_ms = packet.tick_ms;
      waiting.around = packet.around;
      waiting.frame = packet.frame;
      waiting.payload_at = packet.payload_at;
      waiting.payload_captured = 0;
      free_.push_back(waiting);
    }
    datagram.waiting.clear();
    return Verdict::Meter;
  }
  if (datagram.known) {
    adopt(datagram, packet);
    return Verdict::Meter;
  }
  if (held_ >= kMostHeld || datagram.waiting.size() >= kMostHeldOfOne) return Verdict::Lost;
  datagram.waiting.push_back(packet);
  ++held_;
  return Verdict::Held;
}

bool Fragments::take(Packet& packet) {
  if (free_.empty()) return false;
  packet = free_.back();
  free_.pop_back();
  return true;
}

uint64_t Fragments::forget_oldest() {
  const auto oldest = datagrams_.find(by_age_.front());
  by_age_.pop_front();
  if (oldest == datagrams_.end()) return 0;
  const size_t waiting = oldest->second.waiting.size();
  held_ -= waiting;
  datagrams_.erase(oldest);
  return waiting;
}

uint64_t Fragments::expire(uint32_t tick_ms) {
  uint64_t lost = std::exchange(pushed_out_, 0);
  while (!by_age_.empty()) {
    const auto oldest = datagrams_.find(by_age_.front());
    if (oldest != datagrams_.end() && tick_ms - oldest->second.tick_ms < kTimeoutMs) break;
    lost += forget_oldest();
  }
  return lost;
}

uint64_t Fragments::finish() {
  const uint64_t lost = held_ + std::exchange(pushed_out_, 0);
  datagrams_.clear();
  by_age_.clear();
  held_ = 0;
  return lost;
}

}  // namespace microcloud
