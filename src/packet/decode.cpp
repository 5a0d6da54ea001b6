// The table of what follows what: each step reads one header and knows no other one.
#include "packet/decode.h"

#include <cassert>

#include "packet/ethernet.h"
#include "packet/gre.h"
#include "packet/ip.h"
#include "packet/link.h"
#include "packet/mpls.h"
#include "packet/ppp.h"
#include "packet/transport.h"
#include "packet/tunnel_ports.h"

namespace microcloud {
namespace {

using Kind = Next::Kind;

Next read_first(FirstHeader first, Layers& at) {
  switch (first) {
    case FirstHeader::Ethernet:
      return read_ethernet(at);
    case FirstHeader::Ip:
      return read_ip_by_version(at);
    case FirstHeader::Ipv4:
      return read_ipv4(at);
    case FirstHeader::Ipv6:
      return read_ipv6(at);
    case FirstHeader::BsdLoopback:
      return read_bsd_loopback(at);
    case FirstHeader::LinuxCooked:
      return read_linux_cooked(at);
    case FirstHeader::LinuxCookedV2:
      return read_linux_cooked_v2(at);
    case FirstHeader::Ppp:
      return read_ppp(at);
    case FirstHeader::PppHdlc:
      return read_ppp_hdlc(at);
    case FirstHeader::Pppoe:
      return read_pppoe_session(at);
    case FirstHeader::Nflog:
      return read_nflog(at);
    case FirstHeader::Ieee80211:
      return read_ieee80211(at);
    case FirstHeader::Radiotap:
      return read_radiotap(at);
  }
  assert(false);
  return kMalformed;
}

Next by_ether_type(uint16_t type, Layers& at) {
  switch (type) {
    case ether_type::kIpv4:
      return read_ipv4(at);
    case ether_type::kIpv6:
      return read_ipv6(at);
    case ether_type::kVlan:
    case ether_type::kServiceVlan:
    case ether_type::kOldQinQ:
    case ether_type::kOlderQinQ:
      return read_vlan(at);
    case ether_type::kMpls:
    case ether_type::kMplsMulticast:
      return read_mpls(at);
    case ether_type::kPppoeSession:
      return read_pppoe_session(at);
    case ether_type::kPpp:
      return read_ppp(at);
    case ether_type::kArp:
      at.arp = true;
      return kNotIp;
    default:
      return type <= 1500 ? read_llc(at) : kNotIp;
  }
}

Next by_port(uint16_t port, Layers& at) {
  switch (port) {
    case kVxlanPort:
    case kVxlanLinuxPort:
      return read_vxlan(at);
    case kGenevePort:
      return read_geneve(at);
    case kGtpuPort:
      return read_gtpu(at);
    case kL2tpPort:
      return read_l2tp(at);
    case kTeredoPort:
      return read_teredo(at);
    default:
      return kDone;
  }
}

Next read_udp_payload(Layers& at) {
  const FlowKey& key = at.packet.key;
  if (key.protocol != ip_protocol::kUdp) return kDone;
  const uint16_t destination = at.packet.from_low ? key.high_port : key.low_port;
  const uint16_t source = at.packet.from_low ? key.low_port : key.high_port;
  return by_port(is_tunnel_port(destination) ? destination : source, at);
}

Next read_inner_ip(Layers& at, bool inner_is_v6) {
  const bool outer_is_v6 = at.packet.key.version == 6;
  const Tunnel tunnel = inner_is_v6 ? (outer_is_v6 ? Tunnel::SixInSix : Tunnel::SixInFour)
                                    : (outer_is_v6 ? Tunnel::FourInSix : Tunnel::Ipip);
  if (!at.open(tunnel)) return kDone;
  return inner_is_v6 ? read_ipv6(at) : read_ipv4(at);
}

Next by_ip_protocol(uint8_t protocol, Layers& at) {
  switch (protocol) {
    case ip_protocol::kTcp:
      return read_tcp(at);
    case ip_protocol::kUdp:
    case ip_protocol::kUdpLite:
      return read_udp(at);
    case ip_protocol::kIcmp:
    case ip_protocol::kIcmpv6:
      return read_icmp(at);
    case ip_protocol::kSctp:
      return read_ports(at);
    case ip_protocol::kIpv4:
      return read_inner_ip(at, false);
    case ip_protocol::kIpv6:
      return read_inner_ip(at, true);
    case ip_protocol::kGre:
      return read_gre(at);
    case ip_protocol::kMobileIp:
      return read_mobile_ip(at);
    default:
      return kDone;
  }
}

Next step(const Next& next, Layers& at) {
  switch (next.kind) {
    case Kind::Ethernet:
      return read_ethernet(at);
    case Kind::EtherType:
      return by_ether_type(next.id, at);
    case Kind::Llc:
      return read_llc(at);
    case Kind::Ppp:
      return read_ppp(at);
    case Kind::IpByVersion:
      return read_ip_by_version(at);
    case Kind::IpProtocol:
      return by_ip_protocol(static_cast<uint8_t>(next.id), at);
    case Kind::UdpPayload:
      return read_udp_payload(at);
    case Kind::ErspanI:
      return read_erspan_i(at);
    case Kind::ErspanII:
      return read_erspan_ii(at);
    case Kind::ErspanIII:
      return read_erspan_iii(at);
    case Kind::Done:
    case Kind::NotIp:
    case Kind::Malformed:
    case Kind::Truncated:
      break;
  }
  return next;
}

bool is_final(const Next& next) {
  return next.kind <= Kind::Truncated;
}

Ignored finish(Layers& at, Next next) {
  while (!is_final(next)) next = step(next, at);
  if (at.have_ip) {
    if (at.too_deep) at.anomalies.add(Anomaly::TooDeep);
    if (at.opened()) {  // nothing but a broken or foreign header was found in there: the packet is the outer one
      Packet& packet = at.packet;
      if (next.kind == Kind::Malformed || next.kind == Kind::Truncated) at.anomalies.add(Anomaly::MalformedInside);
      packet.around = *at.around_ip;
    }
    return Ignored::kCount;
  }
  if (at.too_deep) return Ignored::TooDeep;
  if (at.arp) return Ignored::Arp;
  if (next.kind == Kind::Malformed) return Ignored::Malformed;
  return next.kind == Kind::Truncated ? Ignored::Truncated : Ignored::NotIp;
}

}  // namespace

Ignored decode(FirstHeader first, const FrameBytes& frame, Packet& packet, Counters<Anomaly>& anomalies) {
  packet.around = Encapsulation{};
  packet.fragment = FragmentPart::Whole;
  packet.frame = frame.captured.data();
  Layers at(frame, packet, anomalies);
  return finish(at, read_first(first, at));
}

const char* ignored_name(Ignored reason) {
  switch (reason) {
    case Ignored::Arp:
      return "arp";
    case Ignored::NotIp:
      return "not_ip";
    case Ignored::Malformed:
      return "malformed";
    case Ignored::Truncated:
      return "truncated";
    case Ignored::TooDeep:
      return "too_many_encapsulations";
    case Ignored::LostFragment:
      return "fragment_without_first";
    case Ignored::kCount:
      break;
  }
  assert(false);
  return "";
}

const char* anomaly_name(Anomaly anomaly) {
  switch (anomaly) {
    case Anomaly::BadIpChecksum:
      return "bad_ip_checksum";
    case Anomaly::BadTransportChecksum:
      return "bad_transport_checksum";
    case Anomaly::ZeroIpLength:
      return "zero_ip_length";
    case Anomaly::TooDeep:
      return "too_many_encapsulations";
    case Anomaly::MalformedInside:
      return "malformed_inside_tunnel";
    case Anomaly::kCount:
      break;
  }
  assert(false);
  return "";
}

}  // namespace microcloud
