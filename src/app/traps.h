// First-hour traps: what makes a fresh capture's figures wrong, recognised from counters, told once, with the command
// that mends it.
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace microcloud {

/// Counters of one interface and of the whole probe since the start.
struct TrapSample {
  struct Interface {
    std::string name;
    uint32_t mtu = 0;
    uint64_t frames = 0;
    uint64_t longer_received = 0;
    uint64_t longer_sent = 0;
    uint64_t cut = 0;
    uint64_t received = 0;  // by its own count
    uint64_t dropped = 0;
  };
  std::vector<Interface> interfaces;
  uint32_t snap_length = 0;
  unsigned workers = 1;
  uint64_t read = 0;           // less what sampling left out
  uint64_t bad_checksums = 0;  // TCP and UDP
  bool every_checksum = false;
  uint64_t one_way = 0;  // TCP connections
  uint64_t two_way = 0;
  uint64_t offered = 0;  // to the kernel's rings
  uint64_t ring_drops = 0;
};

class Traps {
 public:
  /// Called each second. Gives (trap, sentence) for what was not told before: at most one sentence a trap and
  /// interface.
  std::vector<std::pair<std::string, std::string>> look(const TrapSample& now);

  /// Every trap there is, for metrics.
  static const std::vector<std::string>& kinds();

 private:
  void tell(const char* trap, const std::string& where, const std::string& sentence);
  void look_at_frames(const TrapSample::Interface& now, uint32_t snap_length);
  void look_at_checksums(const TrapSample& now);
  void look_at_directions(const TrapSample& now);
  void look_at_drops(const TrapSample& now);

  std::deque<TrapSample> before_;  // of the last kWindow looks
  std::set<std::pair<std::string, std::string>> told_;
  std::vector<std::pair<std::string, std::string>> fresh_;
};

}  // namespace microcloud
