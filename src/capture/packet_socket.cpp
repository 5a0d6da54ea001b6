#include "capture/packet_socket.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace microcloud {

namespace {

// With the link header, or without it where there is none that could be read. Protocol 0: nothing comes before bind().
int open_socket(const Interface& interface) {
  const int type = interface.link_type == LinkType::Raw ? SOCK_DGRAM : SOCK_RAW;
  const int fd = ::socket(AF_PACKET, type | SOCK_CLOEXEC, 0);
  if (fd >= 0) return fd;
  if (errno == EPERM || errno == EACCES) {
    throw std::runtime_error("capturing on " + interface.name +
                             " needs the capability CAP_NET_RAW: run as root, or setcap cap_net_raw+ep on the program");
  }
  throw std::runtime_error("capturing on " + interface.name + ": " + std::strerror(errno));
}

sock_fprog as_program(std::span<const sock_filter> program) {
  return {static_cast<unsigned short>(program.size()), const_cast<sock_filter*>(program.data())};
}

}  // namespace

PacketSocket::PacketSocket(const Interface& interface) : interface_(interface), fd_(open_socket(interface)) {}

PacketSocket::~PacketSocket() {
  ::close(fd_);
}

void PacketSocket::fail(const char* what) const {
  throw std::runtime_error("capturing on " + interface_.name + ": " + what + ": " + std::strerror(errno));
}

void PacketSocket::set_bytes(int option, const void* value, size_t size, const char* what) {
  if (::setsockopt(fd_, SOL_PACKET, option, value, static_cast<socklen_t>(size)) != 0) fail(what);
}

void PacketSocket::attach(std::span<const sock_filter> program) {
  const sock_fprog filter = as_program(program);
  if (::setsockopt(fd_, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0) fail("attaching the filter");
}

bool PacketSocket::refuse_all() {
  const sock_filter program[] = {{BPF_RET | BPF_K, 0, 0, 0}};
  const sock_fprog filter = as_program(program);
  return ::setsockopt(fd_, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0;
}

void PacketSocket::bind() {
  if (!refuse_all()) fail("attaching the filter");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = interface_.index;
  if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail("binding to it");
}

void PacketSocket::be_promiscuous() {
  packet_mreq membership{};
  membership.mr_ifindex = interface_.index;
  membership.mr_type = PACKET_MR_PROMISC;
  set(PACKET_ADD_MEMBERSHIP, membership, "making it promiscuous");
}

uint16_t PacketSocket::found_group(std::span<const sock_filter> program) {
  constexpr int kNew = (PACKET_FANOUT_CBPF | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
  set(PACKET_FANOUT, kNew, "opening a fanout group");
  set(PACKET_FANOUT_DATA, as_program(program), "loading the fanout program");
  int group = 0;
  socklen_t size = sizeof group;
  if (::getsockopt(fd_, SOL_PACKET, PACKET_FANOUT, &group, &size) != 0) fail("asking for the fanout group");
  return static_cast<uint16_t>(group);
}

void PacketSocket::join_group(uint16_t id) {
  const int group = PACKET_FANOUT_CBPF << 16 | id;
  set(PACKET_FANOUT, group, "joining the fanout group");
}

void PacketSocket::start(std::span<const sock_filter> program) {
  if (!program.empty()) {
    attach(program);
    return;
  }
  const int unused = 0;
  if (::setsockopt(fd_, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused) != 0) fail("taking the filter off");
}

PacketSocket::Statistics PacketSocket::take_statistics() const {
  tpacket_stats_v3 statistics{};
  socklen_t size = sizeof statistics;
  if (::getsockopt(fd_, SOL_PACKET, PACKET_STATISTICS, &statistics, &size) != 0) return {};
  return {statistics.tp_packets, statistics.tp_drops};
}

bool PacketSocket::take_down() const {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0;
}

// The kernel takes the socket's interface away when it is unregistered, even if another one gets its name or number.
bool PacketSocket::removed() const {
  sockaddr_ll address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
  return address.sll_ifindex != interface_.index;
}

}  // namespace microcloud
