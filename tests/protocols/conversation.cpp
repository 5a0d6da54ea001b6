#include "tests/protocols/conversation.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>

#include "capture/file_source.h"
#include "packet/decode.h"

namespace microcloud {
namespace {

/// A flow while its capture is read. TCP that is not in order, or begins in the middle, makes no golden payload.
struct Reading {
  Conversation conversation;
  bool initiator_is_low = true;
  bool whole = true;
  std::array<std::optional<uint32_t>, 2> next;  // TCP: by from_low

  void begin(const Packet& packet) {
    const bool answers = (packet.tcp_flags & (tcp_flag::kSyn | tcp_flag::kAck)) == (tcp_flag::kSyn | tcp_flag::kAck);
    initiator_is_low = packet.from_low != answers;
    const FlowKey& key = packet.key;
    Common& flow = conversation.flow;
    flow.source = key.address(initiator_is_low);
    flow.destination = key.address(!initiator_is_low);
    flow.source_port = initiator_is_low ? key.low_port : key.high_port;
    flow.destination_port = initiator_is_low ? key.high_port : key.low_port;
    flow.protocol = key.protocol;
    flow.has_ports = true;
  }
  void add(const Packet& packet) {
    const bool syn = packet.has_tcp && (packet.tcp_flags & tcp_flag::kSyn) != 0;
    if (packet.has_tcp) {
      std::optional<uint32_t>& expected = next[packet.from_low ? 1 : 0];
      if (syn) expected = packet.tcp_sequence + 1;
      if (packet.payload_octets == 0) return;
      if (!syn && expected != packet.tcp_sequence) {
        const bool repeated = expected && static_cast<int32_t>(*expected - packet.tcp_sequence) >=
                                              static_cast<int32_t>(packet.payload_octets);
        if (!repeated) whole = false;
        return;
      }
      *expected += packet.payload_octets;
    }
    if (packet.payload_captured < packet.payload_octets) whole = false;
    if (packet.payload_captured == 0) return;
    const uint8_t* from = packet.frame + packet.payload_at;
    conversation.said.push_back({.bytes = {from, from + packet.payload_captured},
                                 .from_initiator = packet.from_low == initiator_is_low,
                                 .time_us = packet.time_us});
  }
};

FirstHeader first_header_of(LinkType type) {
  switch (type) {
    case LinkType::LinuxSll:
      return FirstHeader::LinuxCooked;
    case LinkType::LinuxSll2:
      return FirstHeader::LinuxCookedV2;
    case LinkType::Raw:
      return FirstHeader::Ip;
    default:
      return FirstHeader::Ethernet;
  }
}

void read_capture(const std::string& path, std::vector<Conversation>& all) {
  const std::unique_ptr<Source> source = open_file(path);
  std::map<std::array<uint64_t, 5>, Reading> flows;
  std::array<Frame, 64> frames;
  Counters<Anomaly> anomalies;
  ReadResult result;
  do {
    result = source->read(frames);
    for (size_t at = 0; at < result.count; ++at) {
      Packet packet{};
      const FrameBytes frame{.captured = frames[at].bytes(), .length = frames[at].length, .verify_transport = false};
      if (decode(first_header_of(source->link_type()), frame, packet, anomalies) != Ignored::kCount) continue;
      const bool udp = packet.key.protocol == ip_protocol::kUdp;
      if ((!udp && !packet.has_tcp) || packet.fragment != FragmentPart::Whole) continue;
      packet.time_us = frames[at].time_us;
      const FlowKey& key = packet.key;
      const auto [flow, fresh] = flows.try_emplace({key.word(0), key.word(1), key.word(2), key.word(3), key.word(4)});
      if (fresh) flow->second.begin(packet);
      flow->second.add(packet);
    }
  } while (result.status == ReadStatus::More);
  for (auto& [key, reading] : flows) {
    if (!reading.whole || reading.conversation.said.empty()) continue;
    reading.conversation.capture = std::filesystem::path(path).stem();
    all.push_back(std::move(reading.conversation));
  }
}

}  // namespace

std::string Conversation::name() const {
  return capture + (over_tcp() ? " tcp/" : " udp/") + std::to_string(flow.source_port) + ">" +
         std::to_string(flow.destination_port);
}

std::vector<Conversation> conversations_in(const std::string& folder) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string extension = entry.path().extension();
    if (extension == ".pcap" || extension == ".pcapng") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Conversation> all;
  for (const std::string& path : paths) read_capture(path, all);
  return all;
}

}  // namespace microcloud
