// One frame through the decoder. Input: which first header, a byte of options (bit 0: verify checksums; the rest: bytes
// of the wire that the capture lacks), the frame. fuzz/make-seeds writes inputs of this form.
#include "packet/decode.h"
#include "packet/plain_check.h"

namespace {

constexpr size_t kFirstHeaders = static_cast<size_t>(microcloud::FirstHeader::Radiotap) + 1;

void demand(bool holds) {
  if (!holds) __builtin_trap();
}

/// What a worker relies on when it reads the frame through a decoded packet.
void check(const microcloud::Packet& packet, size_t captured) {
  using namespace microcloud;
  demand(packet.key.version == 4 || packet.key.version == 6);
  const size_t address = packet.key.version == 4 ? 4 : 16;
  for (size_t at = address; at < 16; ++at) demand(packet.key.low[at] == 0 && packet.key.high[at] == 0);
  demand(packet.key.low < packet.key.high ||
         (packet.key.low == packet.key.high && packet.key.low_port <= packet.key.high_port));
  demand(has_ports(packet.key.protocol) || (packet.key.low_port == 0 && packet.key.high_port == 0));

  const Encapsulation& around = packet.around;
  demand(around.count <= kMaxTunnels);
  for (size_t at = 0; at < around.count; ++at) {
    demand(around.tunnels[at] > Tunnel::None && around.tunnels[at] < Tunnel::kCount);
  }
  if (around.outer_version != 0) demand(around.outer_at + (around.outer_version == 4 ? 8U : 32U) <= captured);
  if (around.mac_at != 0xffff) demand(around.mac_at + 12U <= captured);
  if (packet.payload_captured != 0) demand(size_t{packet.payload_at} + packet.payload_captured <= captured);
  if (packet.fragment != FragmentPart::Whole) {
    demand(packet.fragment_at + (packet.fragment_version == 4 ? 8U : 32U) <= captured);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace microcloud;
  if (size < 2) return 0;
  const auto first = static_cast<FirstHeader>(data[0] % kFirstHeaders);
  const FrameBytes frame{.captured = Bytes(data + 2, size - 2),
                         .length = static_cast<uint32_t>(size - 2) + (data[1] >> 1),
                         .verify_transport = (data[1] & 1) != 0};
  demand(plain_agrees(frame.captured, frame.length));
  Packet packet{};
  Counters<Anomaly> anomalies;
  if (decode(first, frame, packet, anomalies) == Ignored::kCount) check(packet, frame.captured.size());
  return 0;
}
