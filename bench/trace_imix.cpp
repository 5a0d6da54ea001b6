// Ordinary traffic: TCP with handshake, TLS or HTTP and close, DNS, QUIC-like and other UDP, ping; a quarter over IPv6.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "bench/traces.h"
#include "tools/packet_builder.h"
#include "tools/packet_layer.h"
#include "tools/payloads.h"
#include "tools/pcap_writer.h"

namespace microcloud::bench {

namespace {

using tools::Blob;
using tools::kAck;
using tools::kFin;
using tools::kPsh;
using tools::kSyn;
using tools::Packet;

constexpr uint64_t kStartUs = 1'700'000'000'000'000;
constexpr uint64_t kDurationUs = 60'000'000;
constexpr double kFlows = 300'000;
constexpr size_t kMaxSegment = 1448;

enum class Kind : uint8_t { Tls, Http, OtherTcp, Dns, Quic, OtherUdp, Ping };

struct Share {
  Kind kind;
  unsigned percent;
};
constexpr std::array<Share, 7> kShares = {{{Kind::Tls, 32},
                                           {Kind::Http, 10},
                                           {Kind::OtherTcp, 6},
                                           {Kind::Dns, 28},
                                           {Kind::Quic, 14},
                                           {Kind::OtherUdp, 6},
                                           {Kind::Ping, 4}}};

struct Talk {
  uint64_t seed = 0;
  std::array<uint32_t, 2> next{};  // TCP: sequence number of each side
  uint32_t packets = 0;
  uint16_t client = 0, server = 0;  // hosts, by number
  uint16_t client_port = 0;
  Kind kind = Kind::Dns;
  bool v6 = false;
};

struct Moment {
  uint64_t time_us;
  uint32_t talk;
  uint32_t step;
};

bool is_tcp(Kind kind) {
  return kind == Kind::Tls || kind == Kind::Http || kind == Kind::OtherTcp;
}

uint16_t server_port(const Talk& talk) {
  switch (talk.kind) {
    case Kind::Tls:
    case Kind::Quic:
      return 443;
    case Kind::Http:
      return 80;
    case Kind::OtherTcp:
      return 9418;
    case Kind::Dns:
      return 53;
    case Kind::OtherUdp:
      return 27015;
    case Kind::Ping:
      break;
  }
  return 0;
}

/// Zipf-like with exponent 1 + kTail, cut so that no flow outweighs the trace.
uint32_t draw_packets(Kind kind, Random& random) {
  constexpr double kTail = 1.25, kLeast = 5, kMost = 5000;
  if (kind == Kind::Dns) return 2;
  if (kind == Kind::Ping) return 2 * static_cast<uint32_t>(1 + random.below(5));
  const double drawn = std::min(kMost, kLeast * std::pow(random.unit(), -1 / kTail));
  return static_cast<uint32_t>(drawn) + (is_tcp(kind) ? 4U : 0U);  // a connection opens and closes besides
}

std::string name_of(const Talk& talk) {
  // Few names are asked for often.
  const auto rank = static_cast<unsigned>(std::pow(20'000.0, Random(talk.seed).unit()));
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "host%05u.example.net", rank);
  return name.data();
}

Packet link_and_ip(const Talk& talk, bool back) {
  const uint16_t client = talk.client;
  const uint16_t server = talk.server;
  Packet packet;
  if (back) {
    packet.eth("02:00:00:00:00:02", "02:00:00:00:00:01", {.pad_to = 60});
  } else {
    packet.eth("02:00:00:00:00:01", "02:00:00:00:00:02", {.pad_to = 60});
  }
  const auto high = [](uint16_t value) { return static_cast<uint8_t>(value >> 8); };
  const auto low = [](uint16_t value) { return static_cast<uint8_t>(value); };
  if (talk.v6) {
    const Ipv6 a{{0x20, 1, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, high(client), low(client)}};
    const Ipv6 b{{0x20, 1, 0x0d, 0xb8, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, high(server), low(server)}};
    return back ? packet.ipv6(b, a, {.hop_limit = 57}) : packet.ipv6(a, b);
  }
  const Ipv4 a{{10, 20, high(client), low(client)}};
  const Ipv4 b{{198, 18, high(server), low(server)}};
  return back ? packet.ipv4(b, a, {.ttl = 57, .dont_fragment = true}) : packet.ipv4(a, b, {.dont_fragment = true});
}

Blob noise(size_t size, uint64_t seed) {
  tools::Writer out;
  Random random(seed);
  while (out.size() < size) out.u64(random.next());
  Blob bytes = out.out();
  bytes.resize(size);
  return bytes;
}

/// The payload of the step-th data packet: 12:8:3 of nothing, 536 and all that fits; with all else the mean is near
/// 360.
Blob draw_payload(const Talk& talk, uint32_t step) {
  const uint64_t draw = Random(talk.seed + step).next();
  const uint64_t part = draw % 23;
  const size_t size = part < 12 ? 0 : part < 20 ? 536 : kMaxSegment;
  return noise(size, draw);
}

Blob first_payload(const Talk& talk) {
  constexpr uint8_t kLongHeader = 0xc0;
  const auto from_text = [](const std::string& text) { return Blob(text.begin(), text.end()); };
  switch (talk.kind) {
    case Kind::Tls:
      return tools::tls_client_hello(name_of(talk), talk.seed);
    case Kind::Http:
      return from_text(tools::http_get(name_of(talk), "/"));
    case Kind::Quic: {
      Blob initial = tools::Writer().u8(kLongHeader | 3U).u32(1).u8(8).u64(talk.seed).u8(0).u8(0).u16(0x4480).out();
      const Blob sealed = noise(1200 - initial.size(), talk.seed);
      initial.insert(initial.end(), sealed.begin(), sealed.end());
      return initial;
    }
    default:
      return noise(64, talk.seed);
  }
}

Blob first_answer(const Talk& talk) {
  constexpr std::string_view kResponse =
      "HTTP/1.1 200 OK\r\nServer: trace\r\nContent-Type: application/octet-stream\r\nConnection: close\r\n\r\n";
  if (talk.kind == Kind::Http) return {kResponse.begin(), kResponse.end()};
  return talk.kind == Kind::Tls ? tools::tls_server_hello(talk.seed) : noise(200, talk.seed);
}

/// Gives a payload the header of an application data record.
void make_tls_record(Blob& payload) {
  const Blob header = tools::Writer().u8(23).u16(0x0303).u16(static_cast<unsigned>(payload.size() - 5)).out();
  std::copy(header.begin(), header.end(), payload.begin());
}

Packet tcp_segment(Talk& talk, bool back, uint8_t flags, const Blob& payload) {
  const uint16_t client = talk.client_port;
  const uint16_t server = server_port(talk);
  tools::TcpOptions options{.seq = talk.next[back ? 1 : 0], .flags = flags};
  if ((flags & kAck) != 0) options.ack = talk.next[back ? 0 : 1];
  options.options = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 1};  // timestamps
  if ((flags & kSyn) != 0) options.options = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7};
  talk.next[back ? 1 : 0] += static_cast<uint32_t>(payload.size()) + ((flags & (kSyn | kFin)) != 0 ? 1U : 0U);
  return Packet().tcp(back ? server : client, back ? client : server, options).payload(payload);
}

Packet tcp_packet(Talk& talk, uint32_t step, bool& back) {
  const uint32_t to_end = talk.packets - step;
  if (to_end <= 3) {  // FIN, FIN, the last acknowledgement
    back = to_end == 2;
    return tcp_segment(talk, back, to_end == 1 ? kAck : kFin | kAck, {});
  }
  back = step == 1;
  if (step == 0) return tcp_segment(talk, back, kSyn, {});
  if (step == 1) return tcp_segment(talk, back, kSyn | kAck, {});
  if (step == 2) return tcp_segment(talk, back, kAck, {});
  if (step == 3) return tcp_segment(talk, back, kAck | kPsh, first_payload(talk));
  if (step == 4) {
    back = true;
    return tcp_segment(talk, back, kAck | kPsh, first_answer(talk));
  }
  Blob payload = draw_payload(talk, step);
  if (talk.kind == Kind::Tls && !payload.empty()) make_tls_record(payload);
  // Most data flows to the client (of HTTP all), most bare acknowledgements to the server.
  const bool rarer_way = step % 4 == 0 && (talk.kind != Kind::Http || payload.empty());
  back = payload.empty() == rarer_way;
  return tcp_segment(talk, back, payload.empty() ? kAck : kAck | kPsh, payload);
}

Packet udp_packet(const Talk& talk, uint32_t step, bool& back) {
  back = talk.kind == Kind::Dns ? step == 1 : step % 3 != 0;
  Blob payload;
  if (talk.kind == Kind::Dns) {
    const auto id = static_cast<uint16_t>(talk.seed);
    payload = back ? tools::dns_answer(id, name_of(talk), "203.0.113.7") : tools::dns_query(id, name_of(talk));
  } else {
    constexpr uint8_t kShortHeader = 0x40;
    payload = step == 0 ? first_payload(talk) : draw_payload(talk, step);
    payload.resize(std::clamp<size_t>(payload.size(), 30, 1350));
    if (talk.kind == Kind::Quic && step > 0) payload[0] = kShortHeader;
  }
  const uint16_t client = talk.client_port;
  const uint16_t server = server_port(talk);
  return Packet().udp(back ? server : client, back ? client : server).payload(payload);
}

Packet ping_packet(const Talk& talk, uint32_t step, bool& back) {
  back = step % 2 == 1;
  const tools::IcmpOptions word{.rest = static_cast<uint32_t>(talk.client_port) << 16 | (step / 2 + 1)};
  const Blob payload = noise(56, talk.seed);
  if (talk.v6) return Packet().icmp6(back ? 129 : 128, 0, word).payload(payload);
  return Packet().icmp(back ? 0 : 8, 0, word).payload(payload);
}

Talk draw_talk(Random& random, uint32_t number) {
  Talk talk;
  talk.seed = random.next();
  uint64_t percent = random.below(100);
  for (const Share& share : kShares) {
    talk.kind = share.kind;
    if (percent < share.percent) break;
    percent -= share.percent;
  }
  talk.v6 = random.below(4) == 0;
  talk.packets = draw_packets(talk.kind, random);
  // Talks of one client take their ports from different ranges, so that all differ.
  constexpr uint32_t kPortRange = 4099;
  talk.client = static_cast<uint16_t>(number * 40'503);
  talk.client_port = static_cast<uint16_t>(1024 + (number >> 16) * kPortRange % 60'000 + talk.seed % kPortRange);
  talk.server = static_cast<uint16_t>(std::pow(60'000.0, random.unit()));
  talk.next = {static_cast<uint32_t>(random.next()), static_cast<uint32_t>(random.next())};
  return talk;
}

void add_moments(std::vector<Moment>& moments, const Talk& talk, uint32_t number, Random& random) {
  constexpr double kMeanGapUs = 30'000;
  const uint64_t start = random.below(kDurationUs - 1'000'000);
  const double room = static_cast<double>(kDurationUs - start) / talk.packets;
  double time = static_cast<double>(start);
  for (uint32_t step = 0; step < talk.packets; ++step) {
    moments.push_back({static_cast<uint64_t>(time), number, step});
    time += 1 + 2 * std::min(kMeanGapUs, room / 2) * random.unit();
  }
}

/// Pings of one pair of hosts are one flow.
uint64_t count_flows(const std::vector<Talk>& talks) {
  std::set<std::tuple<bool, uint16_t, uint16_t>> pings;
  uint64_t others = 0;
  for (const Talk& talk : talks) {
    if (talk.kind == Kind::Ping) {
      pings.emplace(talk.v6, talk.client, talk.server);
    } else {
      ++others;
    }
  }
  return others + pings.size();
}

}  // namespace

TraceFacts make_imix(const std::string& path, double scale) {
  TraceFacts facts;
  const auto count = static_cast<uint32_t>(std::llround(kFlows * scale));
  Random random(1500);
  std::vector<Talk> talks;
  std::vector<Moment> moments;
  for (uint32_t number = 0; number < count; ++number) {
    talks.push_back(draw_talk(random, number));
    add_moments(moments, talks.back(), number, random);
  }
  std::sort(moments.begin(), moments.end(), [](const Moment& a, const Moment& b) {
    return std::tie(a.time_us, a.talk, a.step) < std::tie(b.time_us, b.talk, b.step);
  });

  facts.flows = count_flows(talks);

  tools::PcapWriter writer(path);
  for (const Moment& moment : moments) {
    Talk& talk = talks[moment.talk];
    const bool tcp = is_tcp(talk.kind);
    bool back = false;
    const Packet inner = tcp                       ? tcp_packet(talk, moment.step, back)
                         : talk.kind == Kind::Ping ? ping_packet(talk, moment.step, back)
                                                   : udp_packet(talk, moment.step, back);
    const Blob frame = link_and_ip(talk, back).append(inner).bytes();
    writer.write((kStartUs + moment.time_us) * 1000, frame);
    ++facts.packets;
    facts.frame_octets += frame.size();
    facts.ip_octets += talk.v6 ? load_be16(&frame[18]) + 40U : load_be16(&frame[16]);
    facts.ipv6 += talk.v6 ? 1 : 0;
    (tcp ? facts.tcp : talk.kind == Kind::Ping ? facts.icmp : facts.udp) += 1;
  }
  writer.close();
  return facts;
}

}  // namespace microcloud::bench
