// How a scene's flows count their packets, and how expectations are written.
#include "tools/scene.h"

#include <algorithm>
#include <utility>

#include "tools/payloads.h"

namespace microcloud::tools {

namespace {

bool is_ipv6(const std::string& address) {
  return address.find(':') != std::string::npos;
}

std::string quoted(const std::string& text) {
  return '"' + text + '"';
}

std::string pair(const std::string& name, const std::string& json) {
  return quoted(name) + ": " + json;
}
std::string pair(const std::string& name, uint64_t value) {
  return pair(name, std::to_string(value));
}

std::string joined(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& part : parts) all += (all.empty() ? "" : ", ") + part;
  return all;
}

std::string list(const std::vector<std::string>& texts) {
  std::vector<std::string> parts(texts.size());
  std::transform(texts.begin(), texts.end(), parts.begin(), quoted);
  return '[' + joined(parts) + ']';
}

void add_around(std::vector<std::string>& parts, const Around& around) {
  if (!around.types.empty()) parts.push_back(pair("tunnelTypes", list(around.types)));
  if (!around.source.empty()) {
    const std::string version = is_ipv6(around.source) ? "IPv6Address" : "IPv4Address";
    parts.push_back(pair("tunnelSource" + version, quoted(around.source)));
    parts.push_back(pair("tunnelDestination" + version, quoted(around.destination)));
  }
  if (around.id) parts.push_back(pair("tunnelId", *around.id));
  if (around.vlan) parts.push_back(pair("dot1qVlanId", *around.vlan));
  if (around.customer_vlan) parts.push_back(pair("dot1qCustomerVlanId", *around.customer_vlan));
}

}  // namespace

Packet ethernet(Way way, const EthOptions& options) {
  const AddrMac a = "00:1b:21:00:00:0a";
  const AddrMac b = "00:1b:21:00:00:0b";
  return way == Way::There ? Packet().eth(a, b, options) : Packet().eth(b, a, options);
}

Flow::Flow(Scene& scene, std::string what, std::string a, std::string b, Around around)
    : scene_(scene), what_(std::move(what)), address_{std::move(a), std::move(b)}, around_(std::move(around)) {}

Packet Flow::ip(Way way) const {
  const std::string& from = address_[static_cast<size_t>(way)];
  const std::string& to = address_[static_cast<size_t>(opposite(way))];
  if (mobile_with_source_) return Packet().mobileip(from, to, *mobile_with_source_);
  Packet packet;
  if (is_ipv6(from)) {
    packet.ipv6(from, to);
  } else {
    packet.ipv4(from, to);
  }
  return way == Way::There ? packet.append(extensions_) : packet;
}

void Flow::mobile(bool with_source) {
  mobile_with_source_ = with_source;
}

void Flow::send_ip(Way way, const Packet& packet, std::optional<size_t> octets) {
  constexpr size_t kIpv4Header = 20;
  const auto side = static_cast<size_t>(way);
  size_t size = octets.value_or(packet.wire_size());
  if (mobile_with_source_) size += kIpv4Header - (*mobile_with_source_ ? 12U : 8U);
  if (packets_[0] + packets_[1] == 0) start_us_ = scene_.now();
  end_us_ = std::max(end_us_, scene_.now());
  ++packets_[side];
  octets_[side] += size;
  scene_.frame(around_.layers(way).append(packet));
}

std::string Flow::json() const {
  std::vector<std::string> elements;
  if (timed_ && records_ == 1) {
    elements.push_back(pair("flowStartMilliseconds", start_us_ / 1000));
    elements.push_back(pair("flowEndMilliseconds", end_us_ / 1000));
  }
  if (end_ != EndReason::Any) elements.push_back(pair("flowEndReason", static_cast<uint64_t>(end_)));
  add_around(elements, around_);
  for (const auto& [name, value] : elements_) elements.push_back(pair(name, value));

  std::vector<std::string> parts = {
      pair("what", quoted(what_)),   pair("proto", protocol_),       pair("a", quoted(address_[0])),
      pair("aport", ports_[0]),      pair("b", quoted(address_[1])), pair("bport", ports_[1]),
      pair("pkts_ab", packets_[0]),  pair("pkts_ba", packets_[1]),   pair("octets_ab", octets_[0]),
      pair("octets_ba", octets_[1]), pair("records", records_),
  };
  if (around_.mpls_label) parts.push_back(pair("mpls_label", *around_.mpls_label));
  return '{' + joined(parts) + ",\n     \"elements\": {" + joined(elements) + "}}";
}

Flow& Scene::flow(std::string what, std::string a, std::string b, Around around) {
  return flows_.emplace_back(*this, std::move(what), std::move(a), std::move(b), std::move(around));
}

void Scene::frame(const Packet& frame) {
  constexpr int64_t kGapUs = 100;
  file_->write(now_us_, frame.bytes(), frame.wire_size());
  ++packets_;
  wait(kGapUs);
}

void Scene::ignored(const Packet& packet) {
  frame(packet);
  ++ignored_;
}

std::string Scene::finish() {
  file_->close();
  std::string out = "{" + pair("capture", quoted(capture_)) + ", " + pair("packets", packets_);
  out += ", " + pair("ignored", ignored_);
  for (const auto& [name, count] : facts_) out += ", " + pair(name, count);
  out += ",\n  \"flows\": [";
  for (size_t at = 0; at < flows_.size(); ++at) out += (at == 0 ? "\n    " : ",\n    ") + flows_[at].json();
  return out + "\n  ]}\n";
}

TcpTalk::TcpTalk(Flow& flow, uint16_t a_port, uint16_t b_port, uint32_t first_sequence)
    : flow_(flow), next_{first_sequence, first_sequence + 900'000} {
  constexpr uint8_t kTcp = 6;
  flow.protocol(kTcp);
  flow.ports(a_port, b_port);
  flow.element("tcpRetransmittedPackets", 0);
  flow.element("tcpOutOfOrderPackets", 0);
}

Packet TcpTalk::segment(Way way, std::string_view text, uint8_t flags) {
  const auto side = static_cast<size_t>(way);
  const auto other = static_cast<size_t>(opposite(way));
  TcpOptions options{.seq = next_[side], .flags = flags, .bad_checksum = bad_checksum_};
  if ((flags & kAck) != 0) options.ack = next_[other];
  if ((flags & kSyn) != 0) options.options = {2, 4, 5, 180, 4, 2, 1, 3, 3, 7};  // MSS, SACK permitted, window scale
  next_[side] += static_cast<uint32_t>(text.size()) + ((flags & (kSyn | kFin)) != 0 ? 1U : 0U);
  flags_[side] |= flags;
  flow_.element(way == Way::There ? "tcpControlBits" : "reverseTcpControlBits", flags_[side]);
  return Packet().tcp(flow_.port(way), flow_.port(opposite(way)), options).payload(text);
}

void TcpTalk::handshake(uint64_t server_us, uint64_t client_us) {
  Scene& scene = flow_.scene();
  const uint64_t start = scene.now();
  flow_.send(Way::There, segment(Way::There, "", kSyn));
  scene.wait(static_cast<int64_t>(start + server_us - scene.now()));
  flow_.send(Way::Back, segment(Way::Back, "", kSyn | kAck));
  scene.wait(static_cast<int64_t>(start + server_us + client_us - scene.now()));
  ack(Way::There);
  flow_.element("serverNetworkLatencyMicroseconds", server_us / 2);
  flow_.element("clientNetworkLatencyMicroseconds", client_us / 2);
}

void TcpTalk::close() {
  fin(Way::There);
  fin(Way::Back);
  ack(Way::There);
  flow_.ends(EndReason::End);
}

void dns_exchange(Flow& flow, uint16_t client_port) {
  constexpr uint8_t kUdp = 17;
  constexpr uint16_t kDns = 53;
  const std::string name = "www.example.org";
  flow.protocol(kUdp);
  flow.ports(client_port, kDns);
  flow.send(Way::There, Packet().udp(client_port, kDns).payload(dns_query(client_port, name)));
  flow.scene().wait(3000);
  flow.send(Way::Back, Packet().udp(kDns, client_port).payload(dns_answer(client_port, name, "203.0.113.80")));
  flow.scene().fact("dns", 1);
}

void http_exchange(Flow& flow, uint16_t client_port) {
  constexpr uint16_t kHttp = 80;
  constexpr uint64_t kServerUs = 4000, kThinkUs = 7000;
  TcpTalk talk(flow, client_port, kHttp);
  talk.handshake(kServerUs);
  const uint64_t asked = flow.scene().now();
  talk.say(Way::There, http_get("www.example.org", "/index.html"));
  talk.ack(Way::Back);
  flow.scene().wait(static_cast<int64_t>(asked + kServerUs + kThinkUs - flow.scene().now()));
  talk.say(Way::Back, http_response(200, "hello\n"));
  flow.element("applicationLatencyMicroseconds", kThinkUs);
  talk.ack(Way::There);
  talk.close();
  flow.scene().fact("http", 1);
}

}  // namespace microcloud::tools
