// Captures of encapsulations: in each tunnel a DNS exchange and an HTTP connection, and what is no user's packet.
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "tools/captures.h"
#include "tools/packet_layer.h"

namespace microcloud::tools {

namespace {

const char* const kClient4 = "10.1.0.10";
const char* const kServer4 = "203.0.113.80";
const char* const kClient6 = "2001:db8:1::10";
const char* const kServer6 = "2001:db8:2::80";
const char* const kNear4 = "192.0.2.1";
const char* const kFar4 = "198.51.100.1";
const char* const kNear6 = "2001:db8:ffff::1";
const char* const kFar6 = "2001:db8:ffff::2";

/// Ports that no other flow of the scene has.
uint16_t fresh_port(Scene& scene) {
  return static_cast<uint16_t>(40000 + scene.now() / 100 % 20000);
}

void exchanges(Scene& scene, const std::string& what, const Around& around, bool v6 = false) {
  const char* client = v6 ? kClient6 : kClient4;
  const char* server = v6 ? kServer6 : kServer4;
  dns_exchange(scene.flow("DNS in " + what, client, server, around), fresh_port(scene));
  http_exchange(scene.flow("HTTP in " + what, client, server, around), fresh_port(scene));
}

Packet outer4(Way way) {
  return way == Way::There ? ethernet(way).ipv4(kNear4, kFar4) : ethernet(way).ipv4(kFar4, kNear4);
}

Packet outer6(Way way) {
  return way == Way::There ? ethernet(way).ipv6(kNear6, kFar6) : ethernet(way).ipv6(kFar6, kNear6);
}

/// A tunnel over IPv4 between two routers, with the headers that `inside` adds.
template <typename Inside>
Around over_ipv4(const std::vector<std::string>& types, std::optional<uint32_t> id, Inside inside) {
  return {.layers = [inside](Way way) mutable { return inside(outer4(way), way); },
          .types = types,
          .source = kNear4,
          .destination = kFar4,
          .id = id};
}

/// A datagram between the two routers themselves, outside of any tunnel.
void control_message(Scene& scene, const std::string& what, uint16_t port, const Packet& message) {
  constexpr uint8_t kUdp = 17;
  Flow& flow = scene.flow(what, kNear4, kFar4);
  flow.protocol(kUdp);
  flow.ports(port, port);
  flow.send(Way::There, Packet().udp(port, port).append(message));
}

}  // namespace

void make_qinq(Scene& scene) {
  exchanges(scene, "one tag", {.layers = [](Way way) { return ethernet(way).vlan(5); }, .types = {"vlan"}, .vlan = 5});
  for (const uint16_t tpid : std::array<uint16_t, 3>{0x88a8, 0x9100, 0x8100}) {
    const auto layers = [tpid](Way way) { return ethernet(way).vlan(100, {.tpid = tpid, .priority = 3}).vlan(200); };
    const Around two_tags{.layers = layers, .types = {"vlan", "vlan"}, .vlan = 100, .customer_vlan = 200};
    exchanges(scene, "two tags", two_tags, tpid == 0x8100);
  }
}

void make_mpls(Scene& scene) {
  const auto stack = [](Way way) { return ethernet(way).mpls(16001, {.ttl = 254}).mpls(24).mpls(299); };
  const auto wire = [](Way way) { return ethernet(way).mpls(17).mpls(88).control_word(0).append(ethernet(way)); };
  const auto bare_wire = [](Way way) { return ethernet(way).mpls(18).append(ethernet(way, {.pad_to = 60})); };
  const auto tagged_wire = [](Way way) { return ethernet(way).mpls(19).control_word().append(ethernet(way)).vlan(7); };
  exchanges(scene, "a stack of three labels", {.layers = stack, .types = {"mpls"}, .mpls_label = 16001});
  exchanges(scene, "a stack, IPv6", {.layers = stack, .types = {"mpls"}, .mpls_label = 16001}, true);
  exchanges(scene, "a pseudo-wire with control word", {.layers = wire, .types = {"mpls"}, .mpls_label = 17});
  exchanges(scene, "a pseudo-wire without", {.layers = bare_wire, .types = {"mpls"}, .mpls_label = 18});
  exchanges(scene, "a tagged pseudo-wire",
            {.layers = tagged_wire, .types = {"mpls", "vlan"}, .vlan = 7, .mpls_label = 19});
}

void make_pppoe(Scene& scene) {
  constexpr uint8_t kPadi = 9;
  constexpr uint16_t kLcp = 0xc021;
  scene.ignored(ethernet(Way::There).pppoe(0, kPadi).payload(Blob{1, 1, 0, 0}));
  scene.ignored(ethernet(Way::There).pppoe(17).ppp({.protocol = kLcp}).payload(Blob{9, 1, 0, 8, 1, 2, 3, 4}));
  const auto session = [](Way way) { return ethernet(way).pppoe(17); };
  const auto tagged = [](Way way) { return ethernet(way).vlan(835).pppoe(18); };
  exchanges(scene, "a session", {.layers = session, .types = {"pppoe"}});
  exchanges(scene, "a session, IPv6", {.layers = session, .types = {"pppoe"}}, true);
  exchanges(scene, "a tagged session", {.layers = tagged, .types = {"vlan", "pppoe"}, .vlan = 835});
}

void make_gre(Scene& scene) {
  const auto keyed = [sequence = 0U](Packet outer, Way) mutable {
    return outer.gre({.key = 7001, .sequence = ++sequence});
  };
  exchanges(scene, "plain GRE", over_ipv4({"gre"}, {}, [](Packet outer, Way) { return outer.gre(); }));
  exchanges(scene, "GRE with key and sequence", over_ipv4({"gre"}, 7001, keyed), true);
  exchanges(scene, "GRE with checksum",
            over_ipv4({"gre"}, {}, [](Packet outer, Way) { return outer.gre({.checksum = true}); }));
  exchanges(scene, "GRE carrying Ethernet", over_ipv4({"gre"}, 7002, [](Packet outer, Way way) {
              return outer.gre({.key = 7002}).append(ethernet(way));
            }));
  exchanges(
      scene, "GRE over IPv6",
      {.layers = [](Way way) { return outer6(way).gre(); }, .types = {"gre"}, .source = kNear6, .destination = kFar6});
}

void make_pptp(Scene& scene) {
  constexpr uint8_t kGre = 47;
  exchanges(scene, "PPTP", over_ipv4({"gre"}, 44, [sequence = 0U](Packet outer, Way) mutable {
              ++sequence;
              return outer.pptp_gre(44, {.sequence = sequence, .ack = sequence}).ppp({.address_control = true});
            }));
  exchanges(scene, "PPTP without address and control",
            over_ipv4({"gre"}, 45, [sequence = 0U](Packet outer, Way) mutable {
              return outer.pptp_gre(45, {.sequence = ++sequence});
            }));
  Flow& acknowledgements = scene.flow("PPTP acknowledgements, no payload", kNear4, kFar4);
  acknowledgements.protocol(kGre);
  acknowledgements.send(Way::There, Packet().pptp_gre(44, {.ack = 5}));
  acknowledgements.send(Way::Back, Packet().pptp_gre(44, {.ack = 6}));
}

void make_erspan(Scene& scene) {
  // A mirror sends both directions of what it saw one way.
  const auto mirror = [](Way) { return outer4(Way::There); };
  const auto add = [&](const std::string& what, std::optional<uint32_t> session, auto inside) {
    const auto layers = [mirror, inside](Way way) mutable { return inside(mirror(way)).append(ethernet(way)); };
    exchanges(scene, what,
              {.layers = layers, .types = {"erspan"}, .source = kNear4, .destination = kFar4, .id = session});
  };
  add("ERSPAN I", {}, [](Packet outer) { return outer.gre().erspan1(); });
  add("ERSPAN II", 12,
      [n = 0U](Packet outer) mutable { return outer.gre({.sequence = ++n}).erspan2(12, {.vlan = 30, .index = 9}); });
  add("ERSPAN III", 13, [n = 0U](Packet outer) mutable {
    return outer.gre({.sequence = ++n}).erspan3(13, {.vlan = 30, .timestamp = n * 1000});
  });
  add("ERSPAN III with subheader", 14, [n = 0U](Packet outer) mutable {
    return outer.gre({.sequence = ++n}).erspan3(14, {.vlan = 30, .sub = uint64_t{5} << 58});
  });
}

void make_ip_in_ip(Scene& scene) {
  exchanges(scene, "IPv4 in IPv4", {.layers = outer4, .types = {"ipip"}, .source = kNear4, .destination = kFar4});
  exchanges(scene, "IPv6 in IPv4", {.layers = outer4, .types = {"6in4"}, .source = kNear4, .destination = kFar4}, true);
  exchanges(scene, "IPv4 in IPv6", {.layers = outer6, .types = {"4in6"}, .source = kNear6, .destination = kFar6});
  exchanges(scene, "IPv6 in IPv6", {.layers = outer6, .types = {"6in6"}, .source = kNear6, .destination = kFar6}, true);
}

void make_mobile_ip(Scene& scene) {
  const Around between_agents{.layers = outer4, .types = {"mobileip"}, .source = kNear4, .destination = kFar4};
  Flow& with_source = scene.flow("DNS with the original source", kClient4, kServer4, between_agents);
  with_source.mobile(true);
  dns_exchange(with_source, fresh_port(scene));
  Flow& http = scene.flow("HTTP with the original source", kClient4, kServer4, between_agents);
  http.mobile(true);
  http_exchange(http, fresh_port(scene));

  // Without it the original source is the encapsulator itself: the outer source of either direction.
  const auto from_itself = [](Way way) {
    return ethernet(way).ipv4(way == Way::There ? kClient4 : kServer4, way == Way::There ? kFar4 : kNear4);
  };
  Flow& without = scene.flow("DNS without it", kClient4, kServer4,
                             {.layers = from_itself, .types = {"mobileip"}, .source = kClient4, .destination = kFar4});
  without.mobile(false);
  dns_exchange(without, fresh_port(scene));
}

void make_gtpu(Scene& scene) {
  constexpr uint16_t kPort = 2152;
  constexpr uint8_t kEchoRequest = 1, kEchoResponse = 2, kPduSession = 0x85, kPdcpNumber = 0xc0;
  const auto plain = [](Packet outer, Way) { return outer.udp(kPort, kPort).gtpu(0x1001); };
  const auto numbered = [sequence = uint16_t{0}](Packet outer, Way) mutable {
    return outer.udp(kPort, kPort).gtpu(0x1002, {.sequence = ++sequence});
  };
  const auto extended = [](Packet outer, Way way) {
    const GtpExtension session{kPduSession, {static_cast<uint8_t>(way == Way::There ? 0x10 : 0x00), 9}};
    return outer.udp(kPort, kPort).gtpu(0x1003, {.extensions = {{kPdcpNumber, {0, 1}}, session}});
  };
  exchanges(scene, "GTP-U", over_ipv4({"gtpu"}, 0x1001, plain));
  exchanges(scene, "GTP-U with sequence numbers", over_ipv4({"gtpu"}, 0x1002, numbered), true);
  exchanges(scene, "GTP-U with extension headers", over_ipv4({"gtpu"}, 0x1003, extended));

  constexpr uint8_t kUdp = 17;
  Flow& echo = scene.flow("GTP-U echo: a flow of the routers", kNear4, kFar4);
  echo.protocol(kUdp);
  echo.ports(kPort, kPort);
  echo.send(Way::There, Packet().udp(kPort, kPort).gtpu(0, {.sequence = 1, .message = kEchoRequest}));
  echo.send(Way::Back,
            Packet().udp(kPort, kPort).gtpu(0, {.sequence = 1, .message = kEchoResponse}).payload(Blob{14, 0}));
}

void make_vxlan(Scene& scene) {
  const auto add = [&](const std::string& what, uint16_t port, uint32_t vni, bool v6) {
    exchanges(scene, what,
              over_ipv4({"vxlan"}, vni,
                        [port, vni](Packet outer, Way way) {
                          return outer.udp(51000, port, {.no_checksum = true}).vxlan(vni).append(ethernet(way));
                        }),
              v6);
  };
  add("VXLAN", 4789, 5001, false);
  add("VXLAN, IPv6", 4789, 0xfffffe, true);
  add("VXLAN on the port of old Linux", 8472, 42, false);
  const auto tagged = [](Packet outer, Way way) {
    return outer.udp(51001, 4789).vxlan(5002).append(ethernet(way, {.pad_to = 60})).vlan(66);
  };
  Around around = over_ipv4({"vxlan", "vlan"}, 5002, tagged);
  around.vlan = 66;
  exchanges(scene, "VXLAN with a tagged frame", around);
}

void make_geneve(Scene& scene) {
  const auto ethernet_inside = [](Packet outer, Way way) {
    const std::vector<GeneveOption> options = {{0x0102, 0x80, {0, 0, 0, 1}}, {0xffff, 2, {}}, {0x0103, 1, Blob(8)}};
    return outer.udp(52000, 6081).geneve(9001, {.options = options}).append(ethernet(way));
  };
  const auto ip_inside = [](Packet outer, Way) { return outer.udp(52000, 6081).geneve(9002); };
  exchanges(scene, "GENEVE with options", over_ipv4({"geneve"}, 9001, ethernet_inside));
  exchanges(scene, "GENEVE carrying IPv6 directly", over_ipv4({"geneve"}, 9002, ip_inside), true);
}

void make_l2tp(Scene& scene) {
  constexpr uint16_t kPort = 1701;
  constexpr uint32_t kTunnel = 7, kSession = 21;
  const auto tunnel = [](const L2tpOptions& options, const PppOptions& ppp) {
    return
        [options, ppp](Packet outer, Way) { return outer.udp(kPort, kPort).l2tp(kTunnel, kSession, options).ppp(ppp); };
  };
  const uint32_t id = kTunnel << 16 | kSession;
  exchanges(scene, "L2TP", over_ipv4({"l2tp"}, id, tunnel({}, {.address_control = true})));
  exchanges(
      scene, "L2TP with length, sequence and offset",
      over_ipv4({"l2tp"}, id, tunnel({.length = true, .ns = 1, .nr = 0, .offset = 4}, {.address_control = true})));
  exchanges(scene, "L2TP with short PPP, IPv6", over_ipv4({"l2tp"}, id, tunnel({}, {.compressed = true})), true);
  const Blob hello = {0x80, 8, 0, 0, 0, 0, 0, 6};  // the message type Hello
  control_message(scene, "L2TP control: a flow of the routers", kPort,
                  Packet().l2tp(kTunnel, 0, {.control = true, .length = true, .ns = 3, .nr = 2}).payload(hello));
}

void make_teredo(Scene& scene) {
  const auto add = [&](const std::string& what, const TeredoOptions& options) {
    exchanges(scene, what,
              over_ipv4({"teredo"}, {},
                        [options](Packet outer, Way way) {
                          const uint16_t client = 50500, server = 3544;
                          return outer.udp(way == Way::There ? client : server, way == Way::There ? server : client)
                              .teredo(options);
                        }),
              true);
  };
  add("Teredo", {});
  add("Teredo with origin indication", {.origin_port = 4096});
  add("Teredo with authentication and origin indication", {.authentication = true, .origin_port = 4096});
}

void make_nested(Scene& scene) {
  const auto gre_vxlan_qinq = [](Way way) {
    Packet packet = ethernet(way).vlan(10, {.tpid = 0x88a8}).vlan(20);
    packet.ipv4(way == Way::There ? kNear4 : kFar4, way == Way::There ? kFar4 : kNear4).udp(51000, 4789).vxlan(77);
    return packet.append(ethernet(way)).ipv4("172.16.0.1", "172.16.0.2").gre({.key = 5});
  };
  exchanges(scene, "GRE in VXLAN in QinQ",
            {.layers = gre_vxlan_qinq,
             .types = {"vlan", "vlan", "vxlan", "gre"},
             .source = kNear4,
             .destination = kFar4,
             .id = 77,
             .vlan = 10,
             .customer_vlan = 20});

  exchanges(
      scene, "IPv6 in IPv4 in GTP-U",
      over_ipv4({"gtpu", "6in4"}, 900,
                [](Packet outer, Way) { return outer.udp(2152, 2152).gtpu(900).ipv4("100.64.0.9", "192.88.99.1"); }),
      true);
  exchanges(
      scene, "L2TP in GRE over IPv6",
      {.layers = [](Way way) { return outer6(way).gre().ipv4("172.16.0.1", "172.16.0.2").udp(1701, 1701).l2tp(1, 2); },
       .types = {"gre", "l2tp"},
       .source = kNear6,
       .destination = kFar6,
       .id = 1U << 16 | 2U});
  const auto pppoe_in_mpls = [](Way way) {
    return ethernet(way).mpls(31).control_word().append(ethernet(way)).vlan(9).pppoe(3);
  };
  exchanges(scene, "PPPoE in a tagged pseudo-wire",
            {.layers = pppoe_in_mpls, .types = {"mpls", "vlan", "pppoe"}, .vlan = 9, .mpls_label = 31});
  const auto four_deep = [](Way) {
    return outer4(Way::There).ipv4("10.9.0.1", "10.9.0.2").ipv4("10.8.0.1", "10.8.0.2").ipv4("10.7.0.1", "10.7.0.2");
  };
  exchanges(scene, "IPv4 four deep",
            {.layers = four_deep, .types = {"ipip", "ipip", "ipip", "ipip"}, .source = kNear4, .destination = kFar4});
}

}  // namespace microcloud::tools
