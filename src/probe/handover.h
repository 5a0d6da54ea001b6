// Packets on the way from one worker, or from one input, to the worker that meters them.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/byte_ring.h"
#include "packet/packet.h"

namespace microcloud {

/// A ring of packets with their bytes, and how far in time the side that puts them in has come.
struct Handover {
  static constexpr size_t kFileBytes = size_t{4} << 20;
  static constexpr size_t kLiveBytes = size_t{16} << 20;  // what waits to be put into order is in there too
  static constexpr int64_t kNothingYet = INT64_MIN / 2;
  static constexpr int64_t kEnded = INT64_MAX;

  explicit Handover(size_t bytes) : ring(bytes) {}

  ByteRing ring;
  /// Live: whoever finds the ring empty after it has read this gets no packet from before that time any more, and none
  /// at all after kEnded. Microseconds since 1970; it never goes back.
  std::atomic<int64_t> complete_us{kNothingYet};
};

/// Copies a packet with its frame up to the end of its IP packet. False: there is no room.
bool put_packet(ByteRing& ring, const Packet& packet);
/// Of a message that put_packet() made. The packet's frame is in the message.
void get_packet(const uint8_t* message, Packet& packet);
int64_t time_of(const uint8_t* message);

}  // namespace microcloud
