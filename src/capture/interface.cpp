#include "capture/interface.h"

#include <linux/if_arp.h>  // brings linux/if.h, which does not go with net/if.h
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace microcloud {

namespace {

struct Hardware {
  unsigned short type;
  const char* name;
};

// The kinds that a user is likely to meet and that are not read, for the message.
constexpr Hardware kRefused[] = {
    {ARPHRD_SLIP, "SLIP"},        {ARPHRD_CAN, "CAN"},
    {ARPHRD_INFINIBAND, "IPoIB"}, {ARPHRD_IEEE1394, "IEEE 1394"},
    {ARPHRD_PPP, "PPP"},          {ARPHRD_IEEE80211, "IEEE 802.11"},
    {ARPHRD_IPGRE, "GRE"},        {ARPHRD_IEEE80211_PRISM, "IEEE 802.11 with Prism header"},
    {ARPHRD_IP6GRE, "IPv6 GRE"},  {ARPHRD_IEEE80211_RADIOTAP, "IEEE 802.11 with radiotap"},
    {ARPHRD_NETLINK, "netlink"},  {ARPHRD_IEEE802154, "IEEE 802.15.4"},
    {ARPHRD_6LOWPAN, "6LoWPAN"},  {ARPHRD_VSOCKMON, "vsock monitor"},
};

class ControlSocket {
 public:
  ControlSocket() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}
  ~ControlSocket() {
    if (fd_ >= 0) ::close(fd_);
  }
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  bool ask(unsigned long what, ifreq& request) const { return ::ioctl(fd_, what, &request) == 0; }

 private:
  int fd_;
};

LinkType link_type_of(const std::string& name, unsigned short hardware) {
  switch (hardware) {
    case ARPHRD_ETHER:
    case ARPHRD_LOOPBACK:
      return LinkType::Ethernet;
    case ARPHRD_NONE:
    case ARPHRD_RAWIP:
    case ARPHRD_TUNNEL:
    case ARPHRD_TUNNEL6:
    case ARPHRD_SIT:
      return LinkType::Raw;
    default:
      break;
  }
  std::string kind = std::to_string(hardware);
  for (const Hardware& row : kRefused) {
    if (row.type == hardware) kind += std::string(" (") + row.name + ")";
  }
  throw std::runtime_error("interface " + name + " is of hardware type " + kind +
                           ", which is not supported: Ethernet, loopback and IP tunnels are");
}

}  // namespace

Interface find_interface(const std::string& name) {
  const ControlSocket control;
  ifreq request{};
  if (name.empty() || name.size() >= sizeof request.ifr_name) {
    throw std::runtime_error("no such interface: '" + name + "'");
  }
  std::memcpy(request.ifr_name, name.data(), name.size());

  Interface interface;
  interface.name = name;
  if (!control.ask(SIOCGIFINDEX, request)) {
    throw std::runtime_error(errno == ENODEV ? "no such interface: '" + name + "'"
                                             : "interface " + name + ": " + std::strerror(errno));
  }
  interface.index = request.ifr_ifindex;
  if (!control.ask(SIOCGIFFLAGS, request)) throw std::runtime_error("interface " + name + ": " + std::strerror(errno));
  if ((request.ifr_flags & IFF_UP) == 0) {
    throw std::runtime_error("interface " + name + " is down (ip link set " + name + " up)");
  }
  if (!control.ask(SIOCGIFHWADDR, request)) throw std::runtime_error("interface " + name + ": " + std::strerror(errno));
  const unsigned short hardware = request.ifr_hwaddr.sa_family;
  interface.link_type = link_type_of(name, hardware);
  interface.loopback = hardware == ARPHRD_LOOPBACK;
  if (!control.ask(SIOCGIFMTU, request)) throw std::runtime_error("interface " + name + ": " + std::strerror(errno));
  interface.mtu = static_cast<uint32_t>(request.ifr_mtu);
  return interface;
}

std::string interface_trouble(const std::string& name) {
  const ControlSocket control;
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), std::min(name.size(), sizeof request.ifr_name - 1));
  if (!control.ask(SIOCGIFFLAGS, request)) return "interface " + name + ": " + std::strerror(errno);
  if ((request.ifr_flags & IFF_UP) == 0) return "interface " + name + " is down";
  if ((request.ifr_flags & IFF_RUNNING) == 0) return "interface " + name + " has no carrier";
  return {};
}

InterfaceCounts interface_counts(const std::string& name) {
  std::ifstream table("/proc/net/dev");
  for (std::string line; std::getline(table, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos ||
        line.substr(line.find_first_not_of(' '), colon - line.find_first_not_of(' ')) != name)
      continue;
    std::istringstream numbers(line.substr(colon + 1));
    uint64_t bytes = 0, packets = 0, errors = 0, drop = 0, fifo = 0;
    numbers >> bytes >> packets >> errors >> drop >> fifo;
    return {packets, drop + fifo};
  }
  return {};
}

}  // namespace microcloud
