// Later IP fragments have no ports: the datagram's first fragment tells whose they are.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "flow/fragment_id.h"

namespace microcloud {

/// Bounded by kMostDatagrams and kMostHeld; what is pushed out, or whose first fragment never comes, is lost and
/// counted.
class Fragments {
 public:
  static constexpr size_t kMostDatagrams = 16'384;
  static constexpr size_t kMostHeld = 65'536;  // later fragments that came before their first one
  static constexpr size_t kMostHeldOfOne = 256;
  static constexpr size_t kMostHeldOctets = size_t{8} << 20;
  static constexpr uint32_t kTimeoutMs = 30'000;  // of the packets' time (RFC 8200, 4.5 gives 60 s at most)

  /// `keep_bytes`: later fragments are wanted with their bytes, also those that waited. Beyond kMostHeldOctets they
  /// are metered without.
  explicit Fragments(HashSeed seed, bool keep_bytes = false)
      : datagrams_(16, FragmentIdHash{seed}), keep_bytes_(keep_bytes) {}

  enum class Verdict : uint8_t {
    Meter,  // its key is complete now
    Held,   // waits for its first fragment
    Lost,   // no room: counted by the caller
  };
  /// A fragment (packet.fragment is not Whole). A first one may set free what waited for it: take() those next.
  Verdict resolve(Packet& packet);
  /// The next packet set free by a first fragment; false when there is none. Its frame is the first fragment's, or with
  /// `keep_bytes` its own, which stays until expire().
  bool take(Packet& packet);
  /// Later fragments given up since the last call: their first one did not come in time.
  uint64_t expire(uint32_t tick_ms);
  /// All that still waits is given up.
  uint64_t finish();
  size_t held() const { return held_; }

 private:
  struct Waiting {
    Packet packet;
    std::vector<uint8_t> frame;  // its bytes, if they are kept
  };
  struct Datagram {
    bool known = false;   // the first fragment was seen: key and from_low are its
    bool opened = false;  // it was a tunnel's packet: its inner length has been counted whole
    bool from_low = false;
    uint32_t tick_ms = 0;
    FlowKey key;
    std::vector<Waiting> waiting;
  };

  static FragmentId id_of(const Packet& packet);
  static void adopt(const Datagram& datagram, Packet& packet);
  std::vector<uint8_t> bytes_of(const Packet& packet);
  void set_free(Datagram& datagram, const Packet& first);
  uint64_t forget_oldest();

  std::unordered_map<FragmentId, Datagram, FragmentIdHash> datagrams_;
  std::deque<FragmentId> by_age_;
  bool keep_bytes_;
  std::vector<Waiting> free_;                // set free, to be taken
  std::vector<std::vector<uint8_t>> taken_;  // frames of packets that were taken
  size_t held_ = 0;
  size_t held_octets_ = 0;
  uint64_t pushed_out_ = 0;
};

}  // namespace microcloud
