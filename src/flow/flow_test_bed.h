// For tests: a flow table that is given frames at chosen times, and the records that it told.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "flow/flow_clock.h"
#include "flow/flow_table.h"
#include "packet/decode_test_bed.h"

namespace microcloud {

inline constexpr int64_t kMs = 1000;
inline constexpr int64_t kSecond = 1'000'000;
/// When the tests begin; their times count from here.
inline constexpr int64_t kStartUs = 1'700'000'000 * kSecond;

struct Told {
  Common common;
  FlowRecord flow;
  std::string source() const { return to_text(common.source) + ":" + std::to_string(common.source_port); }
  std::string destination() const {
    return to_text(common.destination) + ":" + std::to_string(common.destination_port);
  }
  int64_t start_ms() const { return flow.start.value - kStartUs / 1000; }
  int64_t end_ms() const { return flow.end.value - kStartUs / 1000; }
};

class CollectingSink final : public RecordSink {
 public:
  void put(const RecordRef& record) override {
    EXPECT_EQ(record.type, &kFlowRecordType);
    told.push_back({*record.common, *static_cast<const FlowRecord*>(record.body)});
  }
  std::vector<Told> told;
};

struct Arrival {
  uint16_t port = 0;
  bool outgoing = false;
};

struct TableOptions {
  uint32_t capacity = 1000;
  uint32_t active_ms = 120'000;
  uint32_t idle_ms = 30'000;
  uint64_t flow_id_step = 1;
  std::vector<uint32_t> interfaces = {};

  FlowSettings settings() const {
    FlowSettings settings;
    settings.capacity = capacity;
    settings.active_ms = active_ms;
    settings.idle_ms = idle_ms;
    settings.flow_id_step = flow_id_step;
    settings.interfaces = interfaces;
    return settings;
  }
};

/// What is told of a packet that came alone, at any time.
inline Told told_alone(const Decoded& decoded, int64_t time_us) {
  CollectingSink sink;
  FlowTable table(TableOptions{}.settings(), sink);
  Packet packet = decoded.packet;
  packet.time_us = time_us;
  packet.tick_ms = 0;
  packet.port = 0;
  packet.outgoing = false;
  table.meter({&packet, 1});
  table.finish(0);
  EXPECT_EQ(sink.told.size(), 1U);
  return sink.told.at(0);
}

class FlowBed {
 public:
  explicit FlowBed(const TableOptions& options = {}) : table(options.settings(), sink_) { table.name_flows(kFirstId); }

  static constexpr uint64_t kFirstId = 1000;

  /// Meters one frame that came `time_us` after the start.
  void frame(int64_t time_us, const tools::Packet& description, const Arrival& arrival = {}) {
    burst({{time_us, description}}, arrival);
  }
  /// Meters frames together, as a worker does.
  void burst(const std::vector<std::pair<int64_t, tools::Packet>>& frames, const Arrival& arrival = {}) {
    std::vector<Packet> packets;
    frames_.clear();
    for (const auto& [time_us, description] : frames) {
      Packet packet = frames_.emplace_back(std::make_unique<Decoded>(description))->packet;
      ASSERT_TRUE(frames_.back()->metered());
      packet.time_us = kStartUs + time_us;
      packet.tick_ms = clock.advance(packet.time_us);
      packet.port = arrival.port;
      packet.outgoing = arrival.outgoing;
      packets.push_back(packet);
    }
    table.meter(packets);
  }
  /// Packets of other flows move the clock to `time_us`; then all is ended that is due.
  void pass(int64_t time_us, uint32_t most = 1'000'000) { table.expire(clock.advance(kStartUs + time_us), most); }
  void finish() { table.finish(clock.tick_ms()); }

  /// What has been told since the last call.
  std::vector<Told> told() { return std::exchange(sink_.told, {}); }
  /// The one record told since the last call.
  Told only() {
    const std::vector<Told> records = told();
    EXPECT_EQ(records.size(), 1U);
    return records.empty() ? Told{} : records.front();
  }

  FlowClock clock;

 private:
  CollectingSink sink_;
  std::deque<std::unique_ptr<Decoded>> frames_;

 public:
  FlowTable table;
};

/// One side's TCP segment.
struct Segment {
  uint32_t seq = 0;
  uint8_t flags = tools::kAck;
  size_t octets = 0;  // of payload
};

/// A TCP connection; which end has the smaller address must make no difference.
class TcpTalk {
 public:
  TcpTalk(FlowBed& bed, bool client_is_low, uint16_t client_port = 40000)
      : bed_(bed),
        client_(client_is_low ? "10.0.0.1" : "10.0.0.9"),
        server_(client_is_low ? "10.0.0.9" : "10.0.0.1"),
        port_(client_port) {}

  void client(int64_t time_us, const Segment& segment) { bed_.frame(time_us, packet(true, segment)); }
  void server(int64_t time_us, const Segment& segment) { bed_.frame(time_us, packet(false, segment)); }
  /// SYN, SYN+ACK and ACK; sequence numbers go on with 1001 and 5001.
  void handshake(int64_t time_us, int64_t server_half_us = 10 * kMs, int64_t client_half_us = 5 * kMs) {
    client(time_us, {.seq = 1000, .flags = tools::kSyn});
    server(time_us + 2 * server_half_us, {.seq = 5000, .flags = tools::kSyn | tools::kAck});
    client(time_us + 2 * server_half_us + 2 * client_half_us, {.seq = 1001});
  }
  tools::Packet packet(bool from_client, const Segment& segment) const {
    const tools::TcpOptions options{.seq = segment.seq, .flags = segment.flags};
    tools::Packet frame = tools::Packet().eth();
    if (from_client) {
      frame.ipv4(client_, server_).tcp(port_, 80, options);
    } else {
      frame.ipv4(server_, client_).tcp(80, port_, options);
    }
    return frame.payload(tools::Blob(segment.octets));
  }
  std::string client_end() const { return client_ + ":" + std::to_string(port_); }
  std::string server_end() const { return server_ + ":80"; }

 private:
  FlowBed& bed_;
  std::string client_;
  std::string server_;
  uint16_t port_;
};

/// A UDP datagram between the same two ends, with `octets` of payload.
inline tools::Packet udp(bool from_client, size_t octets, uint16_t client_port = 40000) {
  tools::Packet frame = tools::Packet().eth();
  if (from_client) {
    frame.ipv4("10.0.0.9", "10.0.0.1").udp(client_port, 53);
  } else {
    frame.ipv4("10.0.0.1", "10.0.0.9").udp(53, client_port);
  }
  return frame.payload(tools::Blob(octets));
}

}  // namespace microcloud
