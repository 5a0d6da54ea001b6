// Deterministic traces for the benchmarks, and what a meter must find in them.
#pragma once

#include <cstdint>
#include <string>

namespace microcloud::bench {

struct TraceFacts {
  uint64_t packets = 0;
  uint64_t flows = 0;
  uint64_t frame_octets = 0;
  uint64_t ip_octets = 0;
  uint64_t tcp = 0, udp = 0, icmp = 0, ipv6 = 0;  // packets
};

/// The smallest frames, one way, each flow's packets spread over the whole trace: the worst case for a cache. 10 s, so
/// that no time-out fires: all flows are open at once. `flows` 0: a tenth of the packets.
TraceFacts make_small64(const std::string& path, double scale, uint64_t flows);

/// 60 s of ordinary traffic in sizes near 7:4:1 of 40, 576 and 1500 bytes; Zipf packets a flow.
TraceFacts make_imix(const std::string& path, double scale);

/// A small generator of random numbers that gives the same sequence on every machine (splitmix64).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    return mixed ^ mixed >> 31;
  }
  uint64_t below(uint64_t bound) { return next() % bound; }
  /// In (0, 1].
  double unit() { return static_cast<double>((next() >> 11) + 1) * 0x1p-53; }

 private:
  uint64_t state_;
};

}  // namespace microcloud::bench
