#include <cassert>

#include "packet/packet.h"

namespace microcloud {

const char* tunnel_name(Tunnel tunnel) {
  switch (tunnel) {
    case Tunnel::Vlan:
      return "vlan";
    case Tunnel::Mpls:
      return "mpls";
    case Tunnel::Pppoe:
      return "pppoe";
    case Tunnel::Gre:
      return "gre";
    case Tunnel::Erspan:
      return "erspan";
    case Tunnel::Ipip:
      return "ipip";
    case Tunnel::SixInFour:
      return "6in4";
    case Tunnel::FourInSix:
      return "4in6";
    case Tunnel::SixInSix:
      return "6in6";
    case Tunnel::MobileIp:
      return "mobileip";
    case Tunnel::Gtpu:
      return "gtpu";
    case Tunnel::Vxlan:
      return "vxlan";
    case Tunnel::Geneve:
      return "geneve";
    case Tunnel::L2tp:
      return "l2tp";
    case Tunnel::Teredo:
      return "teredo";
    case Tunnel::None:
    case Tunnel::kCount:
      break;
  }
  assert(false);
  return "";
}

}  // namespace microcloud
