#include "probe/intake.h"

#include <array>
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

namespace {

constexpr size_t kKinds = static_cast<size_t>(PlainKind::LastOther) + 1;

/// Places of a burst, by kind.
class ByKind {
 public:
  ByKind() {
    for (size_t kind = 0; kind < kKinds; ++kind) ends_[kind] = places_[kind].data();
  }
  void add(PlainKind kind, size_t at) { *ends_[static_cast<size_t>(kind)]++ = static_cast<uint8_t>(at); }
  std::span<const uint8_t> of(PlainKind kind) const {
    const auto number = static_cast<size_t>(kind);
    return {places_[number].data(), ends_[number]};
  }

 private:
  std::array<uint8_t*, kKinds> ends_;
  std::array<std::array<uint8_t, Intake::kBurst>, kKinds> places_;
};

template <unsigned Version, bool Tcp>
[[gnu::noinline]] uint64_t read_each(std::span<const uint8_t> places, const Frame* frames, Packet* packets) {
  uint64_t left = 0;
  for (const uint8_t at : places) {
    if (!read_plain<Version, Tcp>(frames[at].data, frames[at].captured, packets[at])) [[unlikely]]
      left |= uint64_t{1} << at;
  }
  return left;
}

}  // namespace

/// Reads the plain packets of those `taken`, one kind after the other, and leaves those that decode() must read.
uint64_t Intake::take_plain(std::span<const Frame> frames, uint64_t taken, Packet* packets) {
  ByKind found;
  const auto sort = [&](size_t at) {
    const Frame& frame = frames[at];
    found.add(frame.captured < kFewestPlain ? PlainKind::Other : plain_kind(frame.data), at);
  };
  if (taken == ~uint64_t{0} >> (kBurst - frames.size())) [[likely]] {
#pragma GCC unroll 4
    for (size_t at = 0; at < frames.size(); ++at) sort(at);
  } else {
    for (uint64_t rest = taken; rest != 0; rest &= rest - 1) sort(static_cast<size_t>(std::countr_zero(rest)));
  }
  uint64_t left = 0;
  for (auto kind = static_cast<uint8_t>(PlainKind::Other); kind < kKinds; ++kind) {
    for (const uint8_t at : found.of(static_cast<PlainKind>(kind))) left |= uint64_t{1} << at;
  }
  left |= read_each<4, true>(found.of(PlainKind::V4Tcp), frames.data(), packets);
  left |= read_each<4, false>(found.of(PlainKind::V4Udp), frames.data(), packets);
  left |= read_each<6, true>(found.of(PlainKind::V6Tcp), frames.data(), packets);
  left |= read_each<6, false>(found.of(PlainKind::V6Udp), frames.data(), packets);
  return left;
}

/// The frames of a burst whose TCP and UDP checksums are verified, if they have one: all, or one in 64 by chance, as
/// traffic has a rhythm of its own.
uint64_t Intake::to_verify(size_t count) {
  return settings_.every_checksum ? ~uint64_t{0} : verified_.pick(count);
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
#pragma GCC unroll 4
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
  counters_.read_octets.add(octets);

  const uint64_t verify = to_verify(frames.size());
  const uint64_t all = ~uint64_t{0} >> (kBurst - frames.size());
  const uint64_t taken = sample(frames.size());
  uint64_t left = taken;
  if (first == FirstHeader::Ethernet) left = take_plain(frames, taken, packets) | (verify & taken);
  uint64_t metered = taken;
  for (uint64_t rest = left; rest != 0; rest &= rest - 1) {
    const auto at = static_cast<size_t>(std::countr_zero(rest));
    const Frame& frame = frames[at];
    const bool check = (verify >> at & 1) != 0 && !frame.checksum_pending;
    if (!take_any(first, {frame.bytes(), frame.length, check}, packets[at])) metered &= ~(uint64_t{1} << at);
  }
  counters_.read.add_after(frames.size());  // what is not sampled, or ignored, is never more than is read
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
