// From a frame's bytes to the innermost IP packet, through every encapsulation.
#pragma once

#include "base/counter.h"
#include "base/cursor.h"
#include "packet/layers.h"
#include "packet/packet.h"

namespace microcloud {

/// How a frame begins; a capture source's link type is mapped to one of these once.
enum class FirstHeader : uint8_t {
  Ethernet,
  Ip,
  Ipv4,
  Ipv6,
  BsdLoopback,
  LinuxCooked,
  LinuxCookedV2,
  Ppp,
  PppHdlc,
  Pppoe,
  Nflog,
  Ieee80211,
  Radiotap
};

/// Why a frame is not metered.
enum class Ignored : uint8_t {
  Arp,
  NotIp,         // any other protocol that carries no IP
  Malformed,     // an IP header that contradicts itself
  Truncated,     // the capture ends before the IP header does
  TooDeep,       // no IP packet by where decoding stopped: more encapsulations than are opened
  LostFragment,  // a later IP fragment whose first one never came
  kCount
};
const char* ignored_name(Ignored reason);
const char* anomaly_name(Anomaly anomaly);

/// Fills `packet` (its times, port and hash are left to the caller). Returns kCount when the frame is to be metered.
/// Never throws; thread-compatible; `anomalies` are counted for metered and ignored frames alike.
Ignored decode(FirstHeader first, const FrameBytes& frame, Packet& packet, Counters<Anomaly>& anomalies);

}  // namespace microcloud
