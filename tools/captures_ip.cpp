// Captures about IP itself: extension headers, fragments, ICMP, SCTP, what is broken, and clocks that leap.
#include <string>
#include <utility>
#include <vector>

#include "tools/captures.h"
#include "tools/packet_layer.h"

namespace microcloud::tools {

namespace {

constexpr uint8_t kIcmp = 1, kUdp = 17, kIpv6Esp = 50, kIpv6Ah = 51, kIcmp6 = 58, kNoNextHeader = 59, kSctp = 132;
constexpr uint8_t kGre = 47, kMobility = 135;
constexpr int64_t kSecond = 1'000'000;
constexpr uint64_t kPerType = 256;  // icmpTypeCode is type * 256 + code
const char* const kA4 = "10.2.0.1";
const char* const kB4 = "10.2.0.2";
const char* const kA6 = "2001:db8:a::1";
const char* const kB6 = "2001:db8:a::2";

Flow& udp_flow(Scene& scene, const std::string& what, uint16_t a_port, uint16_t b_port, bool v6 = false) {
  Flow& flow = v6 ? scene.flow(what, kA6, kB6) : scene.flow(what, kA4, kB4);
  flow.protocol(kUdp);
  flow.ports(a_port, b_port);
  return flow;
}

Packet datagram(const Flow& flow, Way way, size_t size, const UdpOptions& options = {}) {
  return Packet().udp(flow.port(way), flow.port(opposite(way)), options).payload(std::string(size, 'u'));
}

/// Sends fragments of a datagram in the given order.
void send_fragments(Flow& flow, uint32_t id, const std::vector<size_t>& order) {
  constexpr size_t kPerFragment = 480;
  const auto parts = fragments(flow.ip(Way::There).append(datagram(flow, Way::There, 1200)), kPerFragment, id);
  for (const size_t at : order) flow.send_ip(Way::There, parts[at]);
}

}  // namespace

void make_exchanges(Scene& scene, const Packet& link, bool ipv4, bool ipv6) {
  const Around around{.layers = [link](Way) { return link; }};
  if (ipv4) {
    dns_exchange(scene.flow("DNS over IPv4", "10.1.0.10", "10.1.0.53", around), 40001);
    http_exchange(scene.flow("HTTP over IPv4", "10.1.0.10", "10.1.0.80", around), 40002);
  }
  if (ipv6) {
    dns_exchange(scene.flow("DNS over IPv6", "2001:db8::10", "2001:db8::53", around), 40003);
    http_exchange(scene.flow("HTTP over IPv6", "2001:db8::10", "2001:db8::80", around), 40004);
  }
}

void make_extension_headers(Scene& scene) {
  constexpr uint8_t kSourceRoute = 0, kSegments = 4;
  const Blob router_alert = {5, 2, 0, 0};
  const std::vector<std::pair<std::string, Packet>> chains = {
      {"hop-by-hop options", Packet().hop_by_hop(router_alert)},
      {"long destination options", Packet().destination_options(Blob(30, 0))},
      {"routing header, at its end", Packet().routing(kSourceRoute, 0, {"2001:db8:b::9"})},
      {"routing header, on its way", Packet().routing(kSourceRoute, 1, {"2001:db8:b::9"})},
      {"segment routing", Packet().routing(kSegments, 1, {"2001:db8:b::9", kB6})},
      {"all of them",
       Packet().hop_by_hop().destination_options().routing(kSourceRoute, 0, {kB6}).destination_options()},
      {"a fragment header without fragments", Packet().ipv6_fragment(7)},
  };
  uint16_t port = 41000;
  for (const auto& [what, headers] : chains) {
    for (const auto exchange : {dns_exchange, http_exchange}) {
      Flow& flow = scene.flow(what, kA6, kB6);
      flow.extensions(headers);
      exchange(flow, ++port);
    }
  }
  const auto whole = [&](const std::string& what, uint8_t number, const Packet& payload) {
    Flow& flow = scene.flow(what, kA6, kB6);
    flow.protocol(number);
    flow.send(Way::There, payload);
  };
  whole("authentication header: not opened", kIpv6Ah, Packet().ah(256, 1).udp(5, 6).payload("authentic"));
  Flow& esp = scene.flow("encrypted payload: not opened", kA6, kB6);
  esp.protocol(kIpv6Esp);
  esp.send_ip(Way::There, Packet().ipv6(kA6, kB6, {.next_header = kIpv6Esp}).payload(Blob(64, 0xe5)));
  Flow& nothing = scene.flow("no next header", kA6, kB6);
  nothing.protocol(kNoNextHeader);
  nothing.send_ip(Way::There, Packet().ipv6(kA6, kB6, {.next_header = kNoNextHeader}));
  Flow& mobility = scene.flow("mobility header: a protocol of its own", kA6, kB6);
  mobility.protocol(kMobility);
  const Blob binding_refresh = {kNoNextHeader, 0, 0, 0, 0xe7, 0x51, 0, 0};
  mobility.send_ip(Way::There, Packet().ipv6(kA6, kB6, {.next_header = kMobility}).payload(binding_refresh));
}

void make_fragments(Scene& scene) {
  uint32_t id = 100;
  for (const bool v6 : {false, true}) {
    const std::string version = v6 ? "IPv6: " : "IPv4: ";
    const auto port = static_cast<uint16_t>(v6 ? 43000 : 42000);
    send_fragments(udp_flow(scene, version + "in order", port, 9, v6), ++id, {0, 1, 2});
    send_fragments(udp_flow(scene, version + "last one first", static_cast<uint16_t>(port + 1), 9, v6), ++id,
                   {2, 1, 0});
    send_fragments(udp_flow(scene, version + "first one in the middle", static_cast<uint16_t>(port + 2), 9, v6), ++id,
                   {1, 0, 2});

    // Two datagrams of two flows between the same hosts, mixed.
    Flow& one = udp_flow(scene, version + "mixed, one", static_cast<uint16_t>(port + 3), 9, v6);
    Flow& two = udp_flow(scene, version + "mixed, two", static_cast<uint16_t>(port + 4), 9, v6);
    const uint32_t first_id = ++id;
    const uint32_t second_id = ++id;
    for (const size_t at : {0U, 2U, 1U}) {
      send_fragments(one, first_id, {at});
      send_fragments(two, second_id, {at});
    }

    // A whole packet after the fragments goes to the same flow.
    Flow& mixed = udp_flow(scene, version + "fragmented and whole", static_cast<uint16_t>(port + 5), 9, v6);
    send_fragments(mixed, ++id, {0, 1, 2});
    mixed.send(Way::Back, datagram(mixed, Way::Back, 40));
  }
  // The first one never comes: no flow can be told.
  const Packet lost = Packet().ipv4(kA4, kB4).udp(44000, 9).payload(std::string(1200, 'l'));
  const auto parts = fragments(lost, 480, ++id);
  scene.ignored(ethernet(Way::There).append(parts[1]));
  scene.ignored(ethernet(Way::There).append(parts[2]));
}

void make_icmp(Scene& scene) {
  constexpr uint8_t kEchoReply = 0, kUnreachable = 3, kEcho = 8, kTimeExceeded = 11;
  constexpr uint8_t kEcho6 = 128, kEchoReply6 = 129, kNeighborSolicitation = 135, kNeighborAdvertisement = 136;
  Flow& ping = scene.flow("echo", kA4, kB4);
  ping.protocol(kIcmp);
  ping.element("icmpTypeCodeIPv4", kEcho * kPerType);
  for (uint32_t sequence = 1; sequence <= 3; ++sequence) {
    const IcmpOptions word{.rest = 0x4d430000 | sequence};
    ping.send(Way::There, Packet().icmp(kEcho, 0, word).payload("abcdefgh"));
    ping.send(Way::Back, Packet().icmp(kEchoReply, 0, word).payload("abcdefgh"));
  }

  // What an error quotes is not traffic of the quoted flow.
  Flow& closed = udp_flow(scene, "a datagram to a closed port", 45000, 9);
  closed.send(Way::There, datagram(closed, Way::There, 12));
  const Packet quoted = closed.ip(Way::There).append(datagram(closed, Way::There, 12));
  ping.send(Way::Back, Packet().icmp(kUnreachable, 3).append(quoted));
  Flow& hop = scene.flow("time exceeded, from a router", "10.2.0.254", kA4);
  hop.protocol(kIcmp);
  hop.element("icmpTypeCodeIPv4", kTimeExceeded * kPerType);
  hop.send(Way::There, Packet().icmp(kTimeExceeded).append(quoted));

  Flow& ping6 = scene.flow("echo over IPv6", kA6, kB6);
  ping6.protocol(kIcmp6);
  ping6.element("icmpTypeCodeIPv6", kEcho6 * kPerType);
  ping6.send(Way::There, Packet().icmp6(kEcho6, 0, {.rest = 0x10001}).payload("abcdefgh"));
  ping6.send(Way::Back, Packet().icmp6(kEchoReply6, 0, {.rest = 0x10001}).payload("abcdefgh"));

  const Addr6 target = "fe80::2";
  const auto discovery = [&](uint8_t type, uint32_t flags, uint8_t option, const char* mac) {
    Writer body;
    body.bytes(target.bytes).u8(option).u8(1).bytes(AddrMac(mac).bytes);
    return Packet().icmp6(type, 0, {.rest = flags}).payload(body.out());
  };
  Flow& asked = scene.flow("neighbour solicitation to a group", "fe80::1", "ff02::1:ff00:2");
  asked.protocol(kIcmp6);
  asked.element("icmpTypeCodeIPv6", kNeighborSolicitation * kPerType);
  const auto hop_limit_255 = [](const char* from, const char* to) {
    return Packet().ipv6(from, to, {.hop_limit = 255});
  };
  asked.send_ip(
      Way::There,
      hop_limit_255("fe80::1", "ff02::1:ff00:2").append(discovery(kNeighborSolicitation, 0, 1, "00:1b:21:00:00:0a")));
  Flow& answered = scene.flow("neighbour advertisement", "fe80::2", "fe80::1");
  answered.protocol(kIcmp6);
  answered.element("icmpTypeCodeIPv6", kNeighborAdvertisement * kPerType);
  answered.send_ip(Way::There, hop_limit_255("fe80::2", "fe80::1")
                                   .append(discovery(kNeighborAdvertisement, 0x60000000, 2, "00:1b:21:00:00:0b")));
}

void make_sctp(Scene& scene) {
  constexpr uint8_t kInit = 1, kInitAck = 2, kSack = 3, kShutdown = 7, kShutdownAck = 8, kCookieEcho = 10,
                    kCookieAck = 11, kShutdownComplete = 14;
  for (const bool v6 : {false, true}) {
    Flow& flow = v6 ? scene.flow("association over IPv6", kA6, kB6) : scene.flow("association", kA4, kB4);
    flow.protocol(kSctp);
    flow.ports(5000, 5001);
    const uint32_t tag_a = v6 ? 0xa6000001 : 0xa4000001;
    const uint32_t tag_b = v6 ? 0xb6000001 : 0xb4000001;
    const auto packet = [&](Way way) {
      return Packet().sctp(flow.port(way), flow.port(opposite(way)), way == Way::There ? tag_b : tag_a);
    };
    const auto opening = [](uint32_t tag) { return Writer().u32(tag).u32(65536).u16(10).u16(10).u32(1); };
    const auto acknowledge = [](uint32_t tsn) { return Writer().u32(tsn).u32(65536).u32(0).out(); };
    const Writer cookie = Writer().u64(0x1122334455667788);
    flow.send(Way::There, Packet().sctp(5000, 5001, 0).sctp_chunk(kInit, 0, opening(tag_a).out()));
    flow.send(Way::Back,
              packet(Way::Back).sctp_chunk(kInitAck, 0, opening(tag_b).u16(7).u16(12).bytes(cookie.out()).out()));
    flow.send(Way::There, packet(Way::There).sctp_chunk(kCookieEcho, 0, cookie.out()));
    flow.send(Way::Back, packet(Way::Back).sctp_chunk(kCookieAck, 0, {}));
    flow.send(Way::There, packet(Way::There).sctp_data(1).payload("hello"));
    flow.send(Way::Back, packet(Way::Back).sctp_chunk(kSack, 0, acknowledge(1)).sctp_data(1).payload("there"));
    flow.send(Way::There, packet(Way::There).sctp_chunk(kSack, 0, acknowledge(1)));
    flow.send(Way::There, packet(Way::There).sctp_chunk(kShutdown, 0, Writer().u32(1).out()));
    flow.send(Way::Back, packet(Way::Back).sctp_chunk(kShutdownAck, 0, {}));
    flow.send(Way::There, packet(Way::There).sctp_chunk(kShutdownComplete, 0, {}));
    flow.ends(EndReason::Any);
  }
}

void make_bad_checksums(Scene& scene) {
  Flow& header = udp_flow(scene, "wrong IPv4 header checksums", 46001, 9);
  for (int count = 0; count < 3; ++count) {
    header.send_ip(Way::There,
                   Packet().ipv4(kA4, kB4, {.bad_checksum = true}).append(datagram(header, Way::There, 20)));
    scene.fact("badIpChecksums", 1);
  }
  for (const bool v6 : {false, true}) {
    Flow& udp = udp_flow(scene, "wrong UDP checksums", 46002, 9, v6);
    udp.send(Way::There, datagram(udp, Way::There, 20));
    udp.send(Way::There, datagram(udp, Way::There, 20, {.bad_checksum = true}));
    udp.send(Way::Back, datagram(udp, Way::Back, 21, {.bad_checksum = true}));
    scene.fact("badTransportChecksums", 2);

    Flow& tcp = v6 ? scene.flow("wrong TCP checksums", kA6, kB6) : scene.flow("wrong TCP checksums", kA4, kB4);
    TcpTalk talk(tcp, 46003, 9);
    talk.handshake();
    talk.bad_checksums(true);
    talk.say(Way::There, "first");
    talk.say(Way::Back, "second");
    talk.bad_checksums(false);
    talk.close();
    scene.fact("badTransportChecksums", 2);
  }
  Flow& none = udp_flow(scene, "no UDP checksum", 46004, 9);
  none.send(Way::There, datagram(none, Way::There, 20, {.no_checksum = true}));
}

void make_broken(Scene& scene) {
  constexpr size_t kEthernet = 14;
  const auto link = [] { return ethernet(Way::There); };
  const Packet udp = Packet().udp(47000, 9).payload("broken or not");
  scene.ignored(link().ipv4(kA4, kB4, {.header_words = 4}).append(udp));
  scene.ignored(link().ipv4(kA4, kB4, {.total_length = 19}).append(udp));
  scene.ignored(link().ipv4(kA4, kB4, {.version = 5}).append(udp));
  scene.ignored(link().ipv4(kA4, kB4).append(udp).cut(kEthernet + 19));
  scene.ignored(link().ipv4(kA4, kB4, {.header_words = 15}).cut(kEthernet + 40));
  scene.ignored(link().ipv6(kA6, kB6).append(udp).cut(kEthernet + 39));
  scene.ignored(link().payload("an experiment"));
  const Packet arp =
      Packet().payload(Blob{0, 1, 8, 0, 6, 4, 0, 1, 0, 27, 33, 0, 0, 10, 10, 2, 0, 1, 0, 0, 0, 0, 0, 0, 10, 2, 0, 2});
  const EthOptions as_arp{.ethertype = 0x0806};
  scene.ignored(ethernet(Way::There, as_arp).append(arp));

  const Around short_frames{.layers = [](Way way) { return ethernet(way, {.pad_to = 60}); }};
  Flow& padded = scene.flow("padding of the frame is not counted", kA4, kB4, short_frames);
  padded.protocol(kUdp);
  padded.ports(47001, 9);
  padded.send(Way::There, datagram(padded, Way::There, 3));
  padded.send(Way::Back, datagram(padded, Way::Back, 0));
  Flow& long_total = udp_flow(scene, "IP total length beyond the frame: as the header says", 47002, 9);
  long_total.send_ip(
      Way::There, Packet().ipv4(kA4, kB4, {.total_length = 1000}).append(datagram(long_total, Way::There, 20)), 1000);
  Flow& no_total = udp_flow(scene, "IP total length 0: the frame's length", 47003, 9);
  no_total.send_ip(Way::There, Packet().ipv4(kA4, kB4, {.total_length = 0}).append(datagram(no_total, Way::There, 20)));
  Flow& long_udp = udp_flow(scene, "UDP length beyond the packet", 47004, 9);
  long_udp.send(Way::There, datagram(long_udp, Way::There, 20, {.length = 2000}));
  Flow& options = udp_flow(scene, "IPv4 options", 47005, 9);
  const Ipv4Options record_route{.options = {7, 7, 4, 0, 0, 0, 0}};
  options.send_ip(Way::There, Packet().ipv4(kA4, kB4, record_route).append(datagram(options, Way::There, 20)));

  // A broken or foreign header inside a tunnel: the packet is a flow of the tunnel's own ends.
  Flow& gre = scene.flow("GRE around a broken IPv4 header", kA4, kB4);
  gre.protocol(kGre);
  gre.send(Way::There, Packet().gre().ipv4("10.3.0.1", "10.3.0.2", {.header_words = 3}).append(udp));
  Flow& vxlan = udp_flow(scene, "VXLAN around ARP", 47006, 4789);
  vxlan.send(Way::There, Packet().udp(47006, 4789).vxlan(5).append(ethernet(Way::There, as_arp)).append(arp));
}

void make_short_snaplen(Scene& scene) {
  for (const bool v6 : {false, true}) {
    Flow& udp = udp_flow(scene, "datagrams cut behind their header", 48000, 9, v6);
    udp.send(Way::There, datagram(udp, Way::There, 900));
    udp.send(Way::Back, datagram(udp, Way::Back, 901));
    Flow& tcp = v6 ? scene.flow("segments cut behind their header", kA6, kB6)
                   : scene.flow("segments cut behind their header", kA4, kB4);
    TcpTalk talk(tcp, 48001, 9);
    talk.handshake();
    talk.say(Way::There, std::string(500, 't'));
    for (int count = 0; count < 3; ++count) talk.say(Way::Back, std::string(1400, 't'));
    talk.ack(Way::There);
    talk.close();
  }
  const auto tunnel = [](Way way) {
    return ethernet(way).ipv4("192.0.2.1", "198.51.100.1").udp(51000, 4789).vxlan(8).append(ethernet(way));
  };
  Flow& inner =
      scene.flow("datagrams in VXLAN", kA4, kB4,
                 {.layers = tunnel, .types = {"vxlan"}, .source = "192.0.2.1", .destination = "198.51.100.1", .id = 8});
  inner.protocol(kUdp);
  inner.ports(48002, 9);
  inner.send(Way::There, datagram(inner, Way::There, 700));
  inner.send(Way::There, datagram(inner, Way::There, 701));
}

void make_clock_jumps(Scene& scene) {
  constexpr int64_t kYear = 365LL * 86400 * kSecond;
  const auto several = [&](Flow& flow, int count) {
    for (int sent = 0; sent < count; ++sent) {
      const Way way = sent % 2 == 0 ? Way::There : Way::Back;
      flow.send(way, datagram(flow, way, 30));
      scene.wait(kSecond);
    }
  };
  Flow& before = udp_flow(scene, "before the leap: idle when the clock leaps a year ahead", 49001, 9);
  before.ends(EndReason::Idle);
  several(before, 4);

  scene.wait(kYear);
  Flow& after = udp_flow(scene, "the same ends after the leap, and on when it leaps back: one record", 49001, 9);
  after.untimed();
  after.ends(EndReason::Idle);
  several(after, 4);
  Flow& connection = scene.flow("a connection on both sides of the leap back", kA4, kB4);
  connection.untimed();
  TcpTalk talk(connection, 49002, 80);
  talk.handshake();
  talk.say(Way::There, "asked a year ahead");

  scene.wait(-kYear);
  several(after, 2);
  talk.say(Way::Back, "answered");
  talk.close();
  Flow& steps = udp_flow(scene, "steps back of five seconds", 49003, 9);
  steps.untimed();
  steps.ends(EndReason::Idle);
  several(steps, 4);
  scene.wait(-5 * kSecond);
  several(steps, 4);

  scene.wait(3600 * kSecond);
  several(udp_flow(scene, "an hour later", 49004, 9), 2);
}

void make_long_flow(Scene& scene) {
  Flow& flow = udp_flow(scene, "290 s, a packet each 10 s: three slices at an active timeout of 120 s", 49101, 9);
  flow.ends(EndReason::Any);
  flow.records(3);
  for (int count = 0; count < 30; ++count) {
    flow.send(Way::There, datagram(flow, Way::There, 50));
    scene.wait(10 * kSecond - 100);
  }
}

}  // namespace microcloud::tools
