#include "probe/intake.h"

#include <bit>
#include <cassert>

#include "packet/plain.h"

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

bool Intake::take_any(FirstHeader first, const FrameBytes& frame, Packet& packet) {
  const Ignored reason = decode(first, frame, packet, counters_.anomalies);
  if (reason != Ignored::kCount) {
    counters_.ignored.add(reason);
    return false;
  }
  if (packet.fragment == FragmentPart::Whole) return true;
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

/// Reads the plain packets of those `taken`, one IP version after the other, and leaves those that decode() must read.
uint64_t Intake::take_plain(std::span<const Frame> frames, uint64_t taken, uint64_t with_decode, Packet* packets) {
  uint64_t v4 = 0, v6 = 0;
  for (size_t at = 0; at < frames.size(); ++at) {
    const Frame& frame = frames[at];
    const uint16_t type = frame.captured >= kFewestPlain ? load_raw<uint16_t>(frame.data + 12) : uint16_t{0};
    v4 |= uint64_t{type == __builtin_bswap16(ether_type::kIpv4)} << at;
    v6 |= uint64_t{type == __builtin_bswap16(ether_type::kIpv6)} << at;
  }
  uint64_t left = (~(v4 | v6) & taken) | with_decode;
  v4 &= taken & ~with_decode;
  v6 &= taken & ~with_decode;
  for (; v4 != 0; v4 &= v4 - 1) {
    const auto at = static_cast<size_t>(std::countr_zero(v4));
    if (!read_plain<4>(frames[at].data, frames[at].captured, packets[at])) left |= uint64_t{1} << at;
  }
  for (; v6 != 0; v6 &= v6 - 1) {
    const auto at = static_cast<size_t>(std::countr_zero(v6));
    if (!read_plain<6>(frames[at].data, frames[at].captured, packets[at])) left |= uint64_t{1} << at;
  }
  return left;
}

/// The frames of a burst whose TCP and UDP checksums are verified, if they have one: all, or one in 64.
uint64_t Intake::to_verify(size_t count) {
  constexpr uint32_t kChecksumOneIn = 64;
  static_assert(kBurst <= kChecksumOneIn);
  const uint32_t turn = (kChecksumOneIn - frames_ % kChecksumOneIn) % kChecksumOneIn;
  frames_ += static_cast<uint32_t>(count);
  return settings_.every_checksum ? ~uint64_t{0} : uint64_t{1} << turn;
}

/// The frames of a burst that are looked at.
uint64_t Intake::sample(size_t count) {
  if (sampler_.takes_all()) return ~uint64_t{0} >> (kBurst - count);
  const uint64_t taken = sampler_.take(count);
  counters_.not_sampled.add(count - static_cast<size_t>(std::popcount(taken)));
  return taken;
}

size_t Intake::take(FirstHeader first, std::span<const Frame> frames, uint16_t port, Packet* packets) {
  static_assert(kBurst == 64, "a bit a frame");
  if (frames.empty()) return 0;
  if (counters_.read.get() == 0) counters_.first_us.set(static_cast<uint64_t>(frames.front().time_us));
  FlowClock clock = clock_;  // a local, as stores to packets might change members for all the compiler knows
  uint64_t octets = 0;
  for (size_t at = 0; at < frames.size(); ++at) {
    const Frame& frame = frames[at];
    octets += frame.length;
    packets[at].time_us = frame.time_us;
    packets[at].tick_ms = clock.advance(frame.time_us);
    packets[at].outgoing = frame.outgoing;
    packets[at].port = port;
  }
  clock_ = clock;
  counters_.last_us.set(static_cast<uint64_t>(clock.latest_us()));
  counters_.read.add(frames.size());
  counters_.read_octets.add(octets);

  const uint64_t verify = to_verify(frames.size());
  const uint64_t all = ~uint64_t{0} >> (kBurst - frames.size());
  const uint64_t taken = sample(frames.size());
  const uint64_t left = first == FirstHeader::Ethernet ? take_plain(frames, taken, verify & taken, packets) : taken;
  uint64_t metered = taken;
  for (uint64_t rest = left; rest != 0; rest &= rest - 1) {
    const auto at = static_cast<size_t>(std::countr_zero(rest));
    const Frame& frame = frames[at];
    const bool check = (verify >> at & 1) != 0 && !frame.checksum_pending;
    if (!take_any(first, {frame.bytes(), frame.length, check}, packets[at])) metered &= ~(uint64_t{1} << at);
  }
  if (metered == all) [[likely]]
    return frames.size();
  size_t count = 0;
  for (uint64_t rest = metered; rest != 0; rest &= rest - 1) {
    const auto at = static_cast<size_t>(std::countr_zero(rest));
    if (at != count) packets[count] = packets[at];
    ++count;
  }
  return count;
}

}  // namespace microcloud
