#include "probe/handover.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>

namespace microcloud {
namespace {

constexpr size_t kPacketRoom = (sizeof(Packet) + 15) & ~size_t{15};
static_assert(std::is_trivially_copyable_v<Packet> && std::is_standard_layout_v<Packet>);

}  // namespace

bool put_packet(ByteRing& ring, const Packet& packet) {
  const size_t ip_end = packet.ip_at == kNoIp ? 0 : size_t{packet.ip_at} + packet.ip_captured;
  const size_t frame_size = std::max(size_t{packet.payload_at} + packet.payload_captured, ip_end);
  uint8_t* const room = ring.reserve(kPacketRoom + frame_size);
  if (room == nullptr) return false;
  std::memcpy(room, &packet, sizeof packet);
  std::memcpy(room + kPacketRoom, packet.frame, frame_size);
  ring.commit(kPacketRoom + frame_size);
  return true;
}

void get_packet(const uint8_t* message, Packet& packet) {
  std::memcpy(&packet, message, sizeof packet);
  packet.frame = message + kPacketRoom;
}

int64_t time_of(const uint8_t* message) {
  int64_t time_us;
  std::memcpy(&time_us, message + offsetof(Packet, time_us), sizeof time_us);
  return time_us;
}

}  // namespace microcloud
