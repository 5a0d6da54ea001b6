// A capture and what a probe must report of it, written together: every packet says which flow it belongs to.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/packet_builder.h"

namespace microcloud::tools {

enum class Way : uint8_t { There, Back };  // There: from the initiator

inline constexpr Way opposite(Way way) {
  return way == Way::There ? Way::Back : Way::There;
}

/// Ethernet between the two default stations, in the way's direction.
Packet ethernet(Way way, const EthOptions& options = {});

/// What is around a flow's innermost IP header, and how a record tells it.
struct Around {
  std::function<Packet(Way)> layers = [](Way way) { return ethernet(way); };
  std::vector<std::string> types = {};        // tunnelTypes
  std::string source = {}, destination = {};  // of the outermost tunnel's own IP header
  std::optional<uint32_t> id = {};
  std::optional<uint16_t> vlan = {}, customer_vlan = {};
  std::optional<uint32_t> mpls_label = {};
};

enum class EndReason : uint8_t { Any = 0, Idle = 1, Active = 2, End = 3, Forced = 4 };

class Scene;

/// One flow's side of the scene. `what` says in a few words why it is there.
class Flow {
 public:
  Flow(Scene& scene, std::string what, std::string a, std::string b, Around around);

  /// The headers up to and with the innermost IP header are this flow's; `transport` comes behind them.
  void send(Way way, const Packet& transport) { send_ip(way, ip(way).append(transport)); }
  /// `packet` is an IP packet of this flow, made otherwise than by ip(); `octets` where its header tells another
  /// length.
  void send_ip(Way way, const Packet& packet, std::optional<size_t> octets = {});
  Packet ip(Way way) const;

  void ports(uint16_t a, uint16_t b) { ports_ = {a, b}; }
  void protocol(uint8_t number) { protocol_ = number; }
  void ends(EndReason reason) { end_ = reason; }
  void records(unsigned count) { records_ = count; }
  /// Extension headers that stand behind the initiator's IP headers.
  void extensions(const Packet& headers) { extensions_ = headers; }
  /// The clock of this flow's packets leaps: its start and end are not said.
  void untimed() { timed_ = false; }
  void element(const std::string& name, uint64_t value) { elements_[name] = value; }
  void add(const std::string& name, uint64_t value) { elements_[name] += value; }
  /// The inner header is Mobile IP's, which stands for 20 bytes.
  void mobile(bool with_source);

  Scene& scene() { return scene_; }
  uint16_t port(Way way) const { return ports_[static_cast<size_t>(way)]; }
  std::string json() const;

 private:
  Scene& scene_;
  std::string what_;
  std::array<std::string, 2> address_;
  std::array<uint16_t, 2> ports_{};
  Around around_;
  std::optional<bool> mobile_with_source_;
  Packet extensions_;
  uint8_t protocol_ = 0;
  unsigned records_ = 1;
  bool timed_ = true;
  std::array<uint64_t, 2> packets_{};
  std::array<uint64_t, 2> octets_{};
  uint64_t start_us_ = 0;
  uint64_t end_us_ = 0;
  EndReason end_ = EndReason::Forced;
  std::map<std::string, uint64_t> elements_;
};

/// Where frames go: a file of some format.
class FrameFile {
 public:
  virtual ~FrameFile() = default;
  virtual void write(uint64_t time_us, Bytes frame, size_t wire_size) = 0;
  virtual void close() = 0;
};

class Scene {
 public:
  Scene(std::unique_ptr<FrameFile> file, std::string capture) : file_(std::move(file)), capture_(std::move(capture)) {}

  Flow& flow(std::string what, std::string a, std::string b, Around around = {});
  /// A frame that is no flow's packet.
  void ignored(const Packet& frame);
  void frame(const Packet& frame);
  /// A fact about the whole capture, beside its packets and flows.
  void fact(const std::string& name, uint64_t count) { facts_[name] += count; }

  void wait(int64_t us) { now_us_ += static_cast<uint64_t>(us); }
  uint64_t now() const { return now_us_; }
  /// Ends the capture and returns the expectations.
  std::string finish();

 private:
  std::unique_ptr<FrameFile> file_;
  std::string capture_;
  uint64_t now_us_ = 1'700'000'000'000'000;
  uint64_t packets_ = 0;
  uint64_t ignored_ = 0;
  std::map<std::string, uint64_t> facts_;
  std::deque<Flow> flows_;
};

/// Both sides of a TCP connection: knows sequence numbers, and reports flags, latencies and what was told to it.
class TcpTalk {
 public:
  TcpTalk(Flow& flow, uint16_t a_port, uint16_t b_port, uint32_t first_sequence = 1000);

  /// SYN, after `server_us` SYN+ACK, after `client_us` ACK.
  void handshake(uint64_t server_us = 4000, uint64_t client_us = 2000);
  /// The next segment, sent at once or held to be sent later.
  Packet segment(Way way, std::string_view text, uint8_t flags = kAck | kPsh);
  void say(Way way, std::string_view text) { flow_.send(way, segment(way, text)); }
  void ack(Way way) { send(way, kAck); }
  void fin(Way way) { send(way, kAck | kFin); }
  void send(Way way, uint8_t flags) { flow_.send(way, segment(way, "", flags)); }
  /// FIN, FIN+ACK, ACK, from the initiator.
  void close();
  void bad_checksums(bool bad) { bad_checksum_ = bad; }

 private:
  Flow& flow_;
  std::array<uint32_t, 2> next_;
  std::array<uint64_t, 2> flags_{};
  bool bad_checksum_ = false;
};

/// A DNS question and its answer over UDP, in a flow of its own.
void dns_exchange(Flow& flow, uint16_t client_port);
/// A whole HTTP connection, in a flow of its own.
void http_exchange(Flow& flow, uint16_t client_port);

}  // namespace microcloud::tools
