// One frame of each encapsulation, and what must be read from it. Each ends with its innermost IP packet.
#pragma once

#include <string>
#include <vector>

#include "packet/decode.h"
#include "tools/packet_builder.h"

namespace microcloud {

struct GoldenFrame {
  std::string name;
  tools::Packet outer;  // what is around `inner`
  tools::Packet inner;  // an IP packet
  std::string flow;     // as Decoded::flow()
  std::string tunnels;  // as Decoded::tunnels()
  std::string id;       // as Decoded::id()
  std::string ends;     // as Decoded::outer()
  FirstHeader first = FirstHeader::Ethernet;

  tools::Packet frame() const { return tools::Packet(outer).append(inner); }
};

inline tools::Packet inner_udp() {
  return tools::Packet().ipv4("10.0.0.1", "10.0.0.2").udp(1000, 2000).payload("inner payload");
}
inline tools::Packet inner_v6() {
  return tools::Packet().ipv6("2001:db8::2", "2001:db8::1").tcp(3000, 80, {.seq = 7, .flags = tools::kSyn}).payload("");
}

/// Packets in plain Ethernet.
inline std::vector<GoldenFrame> golden_plain() {
  using tools::Packet;
  const Packet eth = Packet().eth();
  const auto plain = [&](const char* name, const Packet& ip, const char* flow) {
    return GoldenFrame{name, eth, ip, flow, "", "-", ""};
  };
  const Packet v4 = Packet().ipv4("10.0.0.1", "10.0.0.2");
  const Packet v6 = Packet().ipv6("2001:db8::2", "2001:db8::1");
  return {
      plain("udp", inner_udp(), "udp 10.0.0.1:1000 > 10.0.0.2:2000"),
      plain("tcp", Packet(v4).tcp(4000, 80, {.options = {2, 4, 5, 180, 1, 1, 4, 2}}).payload("GET"),
            "tcp 10.0.0.1:4000 > 10.0.0.2:80"),
      plain("icmp", Packet(v4).icmp(8).payload("ping"), "1 10.0.0.1 > 10.0.0.2"),
      plain("sctp", Packet(v4).sctp(7, 9).sctp_data(1).payload("chunk"), "sctp 10.0.0.1:7 > 10.0.0.2:9"),
      plain("ip options",
            Packet().ipv4("10.0.0.1", "10.0.0.2", {.options = {148, 4, 0, 0, 1, 1}}).udp(1, 2).payload("x"),
            "udp 10.0.0.1:1 > 10.0.0.2:2"),
      plain("ipv6 tcp", inner_v6(), "tcp [2001:db8::2]:3000 > [2001:db8::1]:80"),
      plain("icmpv6", Packet(v6).icmp6(128).payload("ping"), "58 2001:db8::2 > 2001:db8::1"),
      plain("extension headers",
            Packet(v6).hop_by_hop({5, 2, 0, 0}).destination_options().routing(0, 0, {"2001:db8::9"}).udp(1, 2),
            "udp [2001:db8::2]:1 > [2001:db8::1]:2"),
      plain("another protocol", Packet(v4).payload("what follows is not known"), "253 10.0.0.1 > 10.0.0.2"),
  };
}

/// Every encapsulation alone, in all its forms.
inline std::vector<GoldenFrame> golden_tunnels() {
  using tools::Packet;
  const Packet eth = Packet().eth();
  const Packet v4 = Packet().eth().ipv4("192.0.2.1", "192.0.2.2");
  const Packet v6 = Packet().eth().ipv6("2001:db8:ffff::1", "2001:db8:ffff::2");
  const std::string udp = "udp 10.0.0.1:1000 > 10.0.0.2:2000";
  const std::string tcp6 = "tcp [2001:db8::2]:3000 > [2001:db8::1]:80";
  const std::string ends = "192.0.2.1 > 192.0.2.2";
  const std::string ends6 = "2001:db8:ffff::1 > 2001:db8:ffff::2";
  const auto link = [&](const char* name, const Packet& outer, const char* tunnels, const char* id = "-") {
    return GoldenFrame{name, outer, inner_udp(), udp, tunnels, id, ""};
  };
  const auto over4 = [&](const char* name, const Packet& outer, const char* tunnels, const char* id = "-") {
    return GoldenFrame{name, outer, inner_udp(), udp, tunnels, id, ends};
  };
  return {
      link("vlan", Packet(eth).vlan(100), "vlan"),
      link("qinq", Packet(eth).vlan(100, {.tpid = 0x88a8}).vlan(200), "vlan vlan"),
      link("old qinq", Packet(eth).vlan(1, {.tpid = 0x9100}).vlan(2, {.tpid = 0x9200}).vlan(3), "vlan vlan vlan"),
      link("llc/snap", Packet().eth("02:00:00:00:00:01", "02:00:00:00:00:02", {.length = true}).llc_snap(), ""),
      link("mpls", Packet(eth).mpls(16), "mpls"),
      link("mpls stack", Packet(eth).mpls(16).mpls(17).mpls(3000), "mpls"),
      link("mpls explicit null", Packet(eth).mpls(16).mpls(0), "mpls"),
      link("pseudo-wire", Packet(eth).mpls(16).control_word(9).eth(), "mpls"),
      link("pseudo-wire without control word", Packet(eth).mpls(16).eth(), "mpls"),
      link("pseudo-wire with vlan", Packet(eth).mpls(16).control_word().eth().vlan(5), "mpls vlan"),
      link("pppoe", Packet(eth).pppoe(77), "pppoe", "77"),
      link("pppoe, compressed", Packet(eth).pppoe(77).ppp({.address_control = true, .compressed = true}), "pppoe",
           "77"),
      over4("gre", Packet(v4).gre(), "gre"),
      over4("gre with all fields", Packet(v4).gre({.key = 5, .sequence = 6, .checksum = true}), "gre", "5"),
      over4("gre with ethernet", Packet(v4).gre().eth(), "gre"),
      over4("gre with mpls", Packet(v4).gre().mpls(99), "gre mpls"),
      over4("pptp", Packet(v4).pptp_gre(31, {.sequence = 1}), "gre", "31"),
      over4("pptp with acknowledgement", Packet(v4).pptp_gre(31, {.sequence = 1, .ack = 2}), "gre", "31"),
      over4("erspan I", Packet(v4).gre().erspan1().eth(), "erspan"),
      over4("erspan II", Packet(v4).gre({.sequence = 4}).erspan2(101).eth(), "erspan", "101"),
      over4("erspan III", Packet(v4).gre({.sequence = 4}).erspan3(102).eth(), "erspan", "102"),
      over4("erspan III with subheader", Packet(v4).gre({.sequence = 4}).erspan3(102, {.sub = 1}).eth(), "erspan",
            "102"),
      over4("ipip", v4, "ipip"),
      {"6in4", v4, inner_v6(), tcp6, "6in4", "-", ends},
      {"4in6", v6, inner_udp(), udp, "4in6", "-", ends6},
      {"6in6", v6, inner_v6(), tcp6, "6in6", "-", ends6},
      over4("gtp-u", Packet(v4).udp(2152, 2152).gtpu(0xabcdef01), "gtpu", "2882400001"),
      over4("gtp-u with extensions",
            Packet(v4).udp(40000, 2152).gtpu(1, {.sequence = 7, .extensions = {{0x85, {1, 2}}, {0xc0, {3, 4}}}}),
            "gtpu", "1"),
      over4("vxlan", Packet(v4).udp(50000, 4789).vxlan(4242).eth(), "vxlan", "4242"),
      over4("vxlan, linux port", Packet(v4).udp(8472, 50000).vxlan(4242).eth(), "vxlan", "4242"),
      over4("geneve", Packet(v4).udp(50000, 6081).geneve(7).eth(), "geneve", "7"),
      over4("geneve with options", Packet(v4).udp(50000, 6081).geneve(7, {.options = {{0x102, 3, {1, 2, 3, 4, 5}}}}),
            "geneve", "7"),
      over4("l2tp", Packet(v4).udp(1701, 1701).l2tp(2, 3), "l2tp", "131075"),
      over4("l2tp with all fields",
            Packet(v4).udp(1701, 1701).l2tp(2, 3, {.length = true, .ns = 1, .nr = 2, .offset = 6}), "l2tp", "131075"),
      {"teredo", Packet(v4).udp(3544, 50000).teredo(), inner_v6(), tcp6, "teredo", "-", ends},
      {"teredo with indications", Packet(v4).udp(50000, 3544).teredo({.authentication = true, .origin_port = 4000}),
       inner_v6(), tcp6, "teredo", "-", ends},
      {"gre over ipv6", Packet(v6).gre({.key = 1}), inner_v6(), tcp6, "gre", "1", ends6},
      {"vxlan over ipv6", Packet(v6).udp(1, 4789).vxlan(1).eth(), inner_udp(), udp, "vxlan", "1", ends6},
  };
}

/// Encapsulations in encapsulations.
inline std::vector<GoldenFrame> golden_nested() {
  using tools::Packet;
  const std::string udp = "udp 10.0.0.1:1000 > 10.0.0.2:2000";
  const std::string ends = "192.0.2.1 > 192.0.2.2";
  const Packet v4 = Packet().ipv4("192.0.2.1", "192.0.2.2");
  const Packet deeper = Packet().ipv4("198.51.100.1", "198.51.100.2");
  return {
      {"vlan, mpls, gre, vxlan",
       Packet().eth().vlan(9).mpls(16).append(v4).gre({.key = 8}).append(deeper).udp(1, 4789).vxlan(3).eth().vlan(10),
       inner_udp(), udp, "vlan mpls gre vxlan vlan", "8", ends},
      {"pppoe, l2tp, gtp-u",
       Packet().eth().pppoe(5).append(v4).udp(1701, 1701).l2tp(2, 3).append(deeper).udp(2152, 2152).gtpu(6),
       inner_udp(), udp, "pppoe l2tp gtpu", "5", ends},
      {"4in6 in 6in4", Packet().eth().append(v4).ipv6("2001:db8::a", "2001:db8::b"), inner_udp(), udp, "6in4 4in6", "-",
       ends},
      {"ten ipip",
       Packet()
           .eth()
           .append(v4)
           .append(deeper)
           .append(deeper)
           .append(deeper)
           .append(deeper)
           .append(deeper)
           .append(deeper)
           .append(deeper)
           .append(deeper)
           .append(deeper),
       inner_udp(), udp, "ipip ipip ipip ipip ipip ipip ipip ipip ipip ipip", "-", ends},
      {"geneve in pseudo-wire in gre",
       Packet().eth().append(v4).gre().mpls(16).control_word().eth().append(deeper).udp(1, 6081).geneve(11).eth(),
       inner_udp(), udp, "gre mpls geneve", "11", ends},
  };
}

inline std::vector<GoldenFrame> golden_frames() {
  std::vector<GoldenFrame> all = golden_plain();
  for (const std::vector<GoldenFrame>& more : {golden_tunnels(), golden_nested()})
    all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace microcloud
