#include "app/traps.h"

#include <fmt/format.h>

#include "probe/intake.h"

namespace microcloud {
namespace {

constexpr const char* kLonger = "frames_over_mtu";
constexpr const char* kCut = "packets_cut";
constexpr const char* kChecksums = "bad_checksums";
constexpr const char* kOneWay = "one_direction";
constexpr const char* kDrops = "drops";

constexpr size_t kWindow = 10;  // looks, that is seconds
constexpr double kMostDropped = 0.001;

double share(uint64_t part, uint64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

/// 0.123 as "12 %", 0.0012 as "0.12 %", 0.999 as "100 %".
std::string percent(double part) {
  return part < 0.095 ? fmt::format("{:.2g} %", part * 100) : fmt::format("{:.0f} %", part * 100);
}

}  // namespace

const std::vector<std::string>& Traps::kinds() {
  static const std::vector<std::string> kinds = {kLonger, kCut, kChecksums, kOneWay, kDrops};
  return kinds;
}

void Traps::tell(const char* trap, const std::string& where, const std::string& sentence) {
  if (told_.emplace(trap, where).second) fresh_.emplace_back(trap, sentence);
}

std::vector<std::pair<std::string, std::string>> Traps::look(const TrapSample& now) {
  fresh_.clear();
  for (const TrapSample::Interface& interface : now.interfaces) look_at_frames(interface, now.snap_length);
  look_at_checksums(now);
  look_at_directions(now);
  look_at_drops(now);
  before_.push_back(now);
  if (before_.size() > kWindow) before_.pop_front();
  return fresh_;
}

void Traps::look_at_frames(const TrapSample::Interface& now, uint32_t snap_length) {
  const std::string& name = now.name;
  if (now.longer_received > 0) {
    tell(kLonger, name + " received",
         fmt::format(
             "{0}: frames arrive that are longer than its MTU of {1} allows: packets were joined on the way here "
             "(GRO, LRO; TSO of a virtual interface's peer), so their number and sizes are not those of the "
             "wire. Mend it with: ethtool -K {0} gro off lro off (virtual: ethtool -K PEER tso off gso off)",
             name, now.mtu));
  }
  if (now.longer_sent > 0) {
    tell(
        kLonger, name + " sent",
        fmt::format("{0}: frames are sent that are longer than its MTU of {1} allows: the network card is to cut them "
                    "(TSO, GSO), so their number and sizes are not those of the wire. Mend it with: ethtool -K {0} tso "
                    "off gso off",
                    name, now.mtu));
  }
  if (now.cut > 0) {
    tell(kCut, name,
         fmt::format("{}: {} of the packets are cut to {} bytes (-s): what protocols say behind that is not read. Mend "
                     "it with: -s 0",
                     name, percent(share(now.cut, now.frames)), snap_length));
  }
}

/// Not a single one, which any broken device on the way may give.
void Traps::look_at_checksums(const TrapSample& now) {
  constexpr uint64_t kFewest = 4;
  constexpr double kMost = 0.01;
  const uint64_t checked = now.every_checksum ? now.read : now.read / Intake::kChecksumOneIn + 1;
  if (now.bad_checksums < kFewest || share(now.bad_checksums, checked) < kMost) return;
  const std::string interface = now.interfaces.empty() ? "IFACE" : now.interfaces.front().name;
  tell(
      kChecksums, "",
      fmt::format("{} TCP or UDP checksums of about {} that were checked are wrong: most often the network card of the "
                  "sender fills them in behind the point of capture. Metering is right all the same; mend it there "
                  "with: ethtool -K {} tx off",
                  now.bad_checksums, checked, interface));
}

void Traps::look_at_directions(const TrapSample& now) {
  constexpr uint64_t kFewest = 5;
  if (now.one_way < kFewest || now.two_way * 10 > now.one_way) return;
  std::string interfaces;
  for (const TrapSample::Interface& one : now.interfaces) interfaces += "-i " + one.name + " ";
  tell(kOneWay, "",
       fmt::format("only one direction is seen of {} TCP connections of {}: the mirror port or tap gives half. Mend it "
                   "with: mirror 'both' rather than 'rx' or 'tx' on the switch, or give a tap's other port too: {}-i "
                   "OTHER",
                   now.one_way, now.one_way + now.two_way, interfaces));
}

void Traps::look_at_drops(const TrapSample& now) {
  constexpr uint64_t kFewest = 1000;
  const TrapSample none;
  const TrapSample& then = before_.empty() ? none : before_.front();
  const uint64_t offered = now.offered - then.offered, dropped = now.ring_drops - then.ring_drops;
  if (offered >= kFewest && share(dropped, offered) > kMostDropped) {
    tell(kDrops, "ring",
         fmt::format("{} of the packets of the last seconds were dropped ({}) because the kernel's ring was full: the "
                     "probe is too slow for them. Mend it with: --workers {} (or leave packets out with -f)",
                     percent(share(dropped, offered)), dropped, now.workers * 2));
  }
  for (size_t at = 0; at < now.interfaces.size() && at < then.interfaces.size(); ++at) {
    const TrapSample::Interface& one = now.interfaces[at];
    const uint64_t lost = one.dropped - then.interfaces[at].dropped;
    const uint64_t came = one.received - then.interfaces[at].received + lost;
    if (came < kFewest || share(lost, came) <= kMostDropped) continue;
    tell(kDrops, one.name,
         fmt::format(
             "{0}: the interface itself dropped {1} of the packets of the last seconds ({2}), before any capture. "
             "Mend it with: ethtool -G {0} rx 4096 (ethtool -g {0} tells the most that it takes)",
             one.name, percent(share(lost, came)), lost));
  }
}

}  // namespace microcloud
