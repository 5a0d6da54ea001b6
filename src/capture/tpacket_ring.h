// The ring of a packet socket, TPACKET_V3 (the kernel's Documentation/networking/packet_mmap.rst), walked in place.
#pragma once

#include <linux/if_packet.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "capture/packet_socket.h"

namespace microcloud {

/// One block of the ring is open at a time; what next() gave from it stays until close_block().
class TpacketRing {
 public:
  /// Room that is kept free before each frame, for a VLAN tag that is put back.
  static constexpr unsigned kHeadroom = 4;

  /// `bytes` is rounded down to blocks. Throws std::runtime_error.
  TpacketRing(PacketSocket& socket, size_t bytes);
  ~TpacketRing();
  TpacketRing(const TpacketRing&) = delete;
  TpacketRing& operator=(const TpacketRing&) = delete;

  /// A block is open, or the kernel has one that is full or kRetireMs old.
  bool open_block();
  /// The next frame of the open block, nullptr when it has been walked.
  tpacket3_hdr* next() {
    if (left_ == 0) return nullptr;
    --left_;
    auto* const frame = reinterpret_cast<tpacket3_hdr*>(at_);
    assert(at_ + frame->tp_mac + frame->tp_snaplen <= block() + kBlock);
    look_ahead(frame->tp_next_offset);
    at_ += frame->tp_next_offset;
    return frame;
  }
  /// Gives a block that has been walked back to the kernel; false when there was none.
  bool close_block();

  /// A block is closed after kRetireMs however little it holds, so it is their number that bounds how long a worker may
  /// be busy elsewhere when traffic is thin: smaller blocks, longer.
  static constexpr size_t kBlock = 256U << 10;
  static constexpr unsigned kRetireMs = 10;

 private:
  /// Where a frame begins is told by the one before, so without this each costs a miss of the cache, one after another:
  /// for a usual mix of sizes 80 ns instead of 30.
  void look_ahead(uint32_t frame_size) const {
    constexpr uint32_t kDistance = 2048;
    constexpr uint32_t kLine = 64;
    const uint32_t size = std::min(frame_size, kDistance);
    for (uint32_t line = 0; line < size; line += kLine) __builtin_prefetch(at_ + kDistance + line);
  }
  uint8_t* block() const { return memory_ + current_ * kBlock; }
  std::atomic_ref<uint32_t> status() const;

  size_t blocks_;
  uint8_t* memory_;
  size_t current_ = 0;
  bool open_ = false;
  uint32_t left_ = 0;      // frames of the open block
  uint8_t* at_ = nullptr;  // the next one's header
};

}  // namespace microcloud
