#include "probe/intake.h"

#include <cassert>

namespace microcloud {

FirstHeader first_header(LinkType type) {
  switch (type) {
    case LinkType::Null:
    case LinkType::Loop:
      return FirstHeader::BsdLoopback;
    case LinkType::Ethernet:
      return FirstHeader::Ethernet;
    case LinkType::Ppp:
      return FirstHeader::Ppp;
    case LinkType::PppHdlc:
      return FirstHeader::PppHdlc;
    case LinkType::PppEther:
      return FirstHeader::Pppoe;
    case LinkType::RawOld:
    case LinkType::RawOldBsd:
    case LinkType::Raw:
      return FirstHeader::Ip;
    case LinkType::Ipv4:
      return FirstHeader::Ipv4;
    case LinkType::Ipv6:
      return FirstHeader::Ipv6;
    case LinkType::LinuxSll:
      return FirstHeader::LinuxCooked;
    case LinkType::LinuxSll2:
      return FirstHeader::LinuxCookedV2;
    case LinkType::Nflog:
      return FirstHeader::Nflog;
    case LinkType::Ieee80211:
      return FirstHeader::Ieee80211;
    case LinkType::Ieee80211Radio:
      return FirstHeader::Radiotap;
  }
  assert(false);
  return FirstHeader::Ethernet;
}

bool Intake::take_one(FirstHeader first, const Frame& frame, Packet& packet) {
  constexpr uint32_t kChecksumOneIn = 64;
  const bool turn = settings_.every_checksum || frames_++ % kChecksumOneIn == 0;
  const bool verify = turn && !frame.checksum_pending;
  const uint32_t tick_ms = clock_.advance(frame.time_us);
  const Ignored reason = decode(first, {frame.bytes(), frame.length, verify}, packet, counters_.anomalies);
  if (reason != Ignored::kCount) {
    counters_.ignored.add(reason);
    return false;
  }
  packet.time_us = frame.time_us;
  packet.tick_ms = tick_ms;
  packet.outgoing = frame.outgoing;
  if (packet.fragment == FragmentPart::Whole) [[likely]]
    return true;
  switch (fragments_.resolve(packet)) {
    case Fragments::Verdict::Meter:
      return true;
    case Fragments::Verdict::Held:
      return false;
    case Fragments::Verdict::Lost:
      count_lost(1);
      return false;
  }
  return false;
}

size_t Intake::take(FirstHeader first, std::span<const Frame> frames, uint16_t port, Packet* packets) {
  size_t count = 0;
  uint64_t octets = 0;
  for (const Frame& frame : frames) {
    octets += frame.length;
    packets[count].port = port;
    if (take_one(first, frame, packets[count])) ++count;
  }
  if (!frames.empty()) {
    if (counters_.read.get() == 0) counters_.first_us.set(static_cast<uint64_t>(frames.front().time_us));
    counters_.last_us.set(static_cast<uint64_t>(clock_.latest_us()));
  }
  counters_.read.add(frames.size());
  counters_.read_octets.add(octets);
  return count;
}

}  // namespace microcloud
