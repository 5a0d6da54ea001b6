// The program with which the kernel's packet fanout chooses a worker's socket, for man 7 packet, PACKET_FANOUT_CBPF.
#pragma once

#include <linux/filter.h>

#include <vector>

namespace microcloud {

/// Answers base/owner.h's owner_hash() of a plain IPv4 or IPv6 packet; the kernel takes it modulo the number of sockets
/// in the order in which they joined. Whatever else (a second tag, MPLS, PPPoE, ARP; headers that do not lie in the
/// packet's linear part) gets 0, so the first worker, which finds the true owner and hands the packet over.
std::vector<sock_filter> owner_program();

}  // namespace microcloud
