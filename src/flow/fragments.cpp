#include "flow/fragments.h"

#include <cstring>
#include <utility>

namespace microcloud {

FragmentId Fragments::id_of(const Packet& packet) {
  FragmentId id{};
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

/// Up to the end of its IP packet, so that all offsets into the frame stay right.
std::vector<uint8_t> Fragments::bytes_of(const Packet& packet) {
  const size_t size = size_t{packet.ip_at} + packet.ip_captured;
  if (!keep_bytes_ || packet.ip_at == kNoIp || held_octets_ + size > kMostHeldOctets) return {};
  held_octets_ += size;
  return {packet.frame, packet.frame + size};
}

void Fragments::set_free(Datagram& datagram, const Packet& first) {
  held_ -= datagram.waiting.size();
  for (Waiting& waiting : datagram.waiting) {
    Packet& packet = waiting.packet;
    adopt(datagram, packet);
    packet.tick_ms = first.tick_ms;
    held_octets_ -= waiting.frame.size();
    if (waiting.frame.empty()) {
      packet.around = first.around;
      packet.frame = first.frame;
      packet.payload_at = first.payload_at;
      packet.payload_captured = 0;
      packet.ip_at = kNoIp;
      packet.ip_captured = 0;
    } else {
      packet.frame = waiting.frame.data();
    }
    free_.push_back(std::move(waiting));
  }
  datagram.waiting.clear();
}

Fragments::Verdict Fragments::resolve(Packet& packet) {
  const FragmentId id = id_of(packet);
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
    set_free(datagram, packet);
    return Verdict::Meter;
  }
  if (datagram.known) {
    adopt(datagram, packet);
    return Verdict::Meter;
  }
  if (held_ >= kMostHeld || datagram.waiting.size() >= kMostHeldOfOne) return Verdict::Lost;
  datagram.waiting.push_back({packet, bytes_of(packet)});
  ++held_;
  return Verdict::Held;
}

bool Fragments::take(Packet& packet) {
  if (free_.empty()) return false;
  packet = free_.back().packet;
  if (!free_.back().frame.empty()) taken_.push_back(std::move(free_.back().frame));
  free_.pop_back();
  return true;
}

uint64_t Fragments::forget_oldest() {
  const auto oldest = datagrams_.find(by_age_.front());
  by_age_.pop_front();
  if (oldest == datagrams_.end()) return 0;
  const size_t waiting = oldest->second.waiting.size();
  held_ -= waiting;
  for (const Waiting& one : oldest->second.waiting) held_octets_ -= one.frame.size();
  datagrams_.erase(oldest);
  return waiting;
}

uint64_t Fragments::expire(uint32_t tick_ms) {
  uint64_t lost = std::exchange(pushed_out_, 0);
  taken_.clear();
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
  held_octets_ = 0;
  return lost;
}

}  // namespace microcloud
