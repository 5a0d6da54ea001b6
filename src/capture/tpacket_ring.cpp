#include "capture/tpacket_ring.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace microcloud {

namespace {

constexpr size_t kFewestBlocks = 2;
constexpr unsigned kFrame = 2048;  // only the kernel's arithmetic needs one: frames of this version take what they need

tpacket_block_desc* descriptor(uint8_t* block) {
  return reinterpret_cast<tpacket_block_desc*>(block);
}

}  // namespace

TpacketRing::TpacketRing(PacketSocket& socket, size_t bytes) : blocks_(std::max(bytes / kBlock, kFewestBlocks)) {
  socket.set(PACKET_VERSION, int{TPACKET_V3}, "asking for TPACKET_V3");
  socket.set(PACKET_RESERVE, kHeadroom, "asking for headroom");
  tpacket_req3 request{};
  request.tp_block_size = kBlock;
  request.tp_block_nr = static_cast<unsigned>(blocks_);
  request.tp_frame_size = kFrame;
  request.tp_frame_nr = static_cast<unsigned>(blocks_ * (kBlock / kFrame));
  request.tp_retire_blk_tov = kRetireMs;
  socket.set(PACKET_RX_RING, request, "making the ring");
  void* const memory = ::mmap(nullptr, blocks_ * kBlock, PROT_READ | PROT_WRITE, MAP_SHARED, socket.fd(), 0);
  if (memory == MAP_FAILED) throw std::runtime_error(std::string("mapping the capture ring: ") + std::strerror(errno));
  memory_ = static_cast<uint8_t*>(memory);
}

TpacketRing::~TpacketRing() {
  ::munmap(memory_, blocks_ * kBlock);
}

std::atomic_ref<uint32_t> TpacketRing::status() const {
  return std::atomic_ref<uint32_t>(descriptor(block())->hdr.bh1.block_status);
}

bool TpacketRing::open_block() {
  if (open_) return true;
  if ((status().load(std::memory_order_acquire) & TP_STATUS_USER) == 0) return false;
  const tpacket_hdr_v1& header = descriptor(block())->hdr.bh1;
  assert(header.offset_to_first_pkt < kBlock);
  open_ = true;
  left_ = header.num_pkts;
  at_ = block() + header.offset_to_first_pkt;
  return true;
}

bool TpacketRing::close_block() {
  if (!open_ || left_ > 0) return false;
  status().store(TP_STATUS_KERNEL, std::memory_order_release);
  open_ = false;
  current_ = (current_ + 1) % blocks_;
  return true;
}

}  // namespace microcloud
