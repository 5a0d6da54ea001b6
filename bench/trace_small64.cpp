// The trace of smallest frames: half TCP acknowledgements, half UDP, in random order.
#include <array>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>
#include <vector>

#include "bench/traces.h"
#include "tools/packet_builder.h"
#include "tools/pcap_writer.h"

namespace microcloud::bench {

namespace {

using tools::Blob;

constexpr uint64_t kStartNs = 1'700'000'000'000'000'000;
constexpr uint64_t kDurationNs = 10'000'000'000;
constexpr size_t kFrame = 60;  // and four of checksum that no capture holds
constexpr size_t kEthernet = 14;

/// A flow's own addresses and ports; the client address alone makes it unlike all others.
struct Ends {
  std::array<uint8_t, 4> client, server;
  uint16_t client_port, server_port;
};

Ends ends_of(uint32_t flow) {
  const uint64_t mixed = Random(flow).next();
  const auto byte = [](uint64_t value, unsigned shift) { return static_cast<uint8_t>(value >> shift); };
  return {.client = {10, byte(flow, 16), byte(flow, 8), byte(flow, 0)},
          .server = {198, static_cast<uint8_t>(18 | (mixed & 1)), byte(mixed, 8), byte(mixed, 16)},
          .client_port = static_cast<uint16_t>(1024 + (mixed >> 24) % 60000),
          .server_port = static_cast<uint16_t>((mixed >> 48) % 2 == 0 ? 443 : 53)};
}

Blob frame_of(uint32_t flow) {
  const Ends ends = ends_of(flow);
  tools::Packet packet;
  packet.eth("02:00:00:00:00:01", "02:00:00:00:00:02", {.pad_to = kFrame});
  packet.ipv4(Ipv4{ends.client}, Ipv4{ends.server}, {.dont_fragment = true});
  if (flow % 2 == 0) {
    packet.tcp(ends.client_port, ends.server_port, {.seq = flow, .ack = ~flow});
  } else {
    constexpr size_t kUdpPayload = kFrame - kEthernet - 28;
    packet.udp(ends.client_port, ends.server_port).payload(Blob(kUdpPayload, 'u'));
  }
  return packet.bytes();
}

}  // namespace

TraceFacts make_small64(const std::string& path, double scale, uint64_t flows) {
  constexpr double kPackets = 10'000'000;
  constexpr uint64_t kMaxFlows = 1U << 24;
  TraceFacts facts;
  facts.packets = static_cast<uint64_t>(std::llround(kPackets * scale));
  facts.flows = flows == 0 ? facts.packets / 10 : flows;
  if (facts.flows == 0 || facts.flows > facts.packets || facts.flows > kMaxFlows) {
    throw std::invalid_argument("--flows must be from 1 to the number of packets, at most 2^24");
  }

  std::vector<uint32_t> order(facts.packets);
  for (size_t at = 0; at < order.size(); ++at) order[at] = static_cast<uint32_t>(at % facts.flows);
  Random random(64);
  for (size_t at = order.size(); at > 1; --at) std::swap(order[at - 1], order[random.below(at)]);

  std::vector<uint8_t> frames(facts.flows * kFrame);
  for (uint32_t flow = 0; flow < facts.flows; ++flow) {
    const Blob frame = frame_of(flow);
    std::copy(frame.begin(), frame.end(), frames.begin() + static_cast<std::ptrdiff_t>(flow * kFrame));
  }

  tools::PcapWriter writer(path);
  for (size_t at = 0; at < order.size(); ++at) {
    const Bytes frame = Bytes(frames).subspan(order[at] * kFrame, kFrame);
    writer.write(
        kStartNs + static_cast<uint64_t>(static_cast<double>(at) / static_cast<double>(order.size()) * kDurationNs),
        frame);
    (order[at] % 2 == 0 ? facts.tcp : facts.udp) += 1;
    facts.frame_octets += frame.size();
    facts.ip_octets += load_be16(&frame[kEthernet + 2]);
  }
  writer.close();
  return facts;
}

}  // namespace microcloud::bench
