// Which system opened a TCP connection: each writes the options of its SYN in an order of its own, and starts from a
// time to live of its own. Routers change neither; a proxy or load balancer shows its own.
#pragma once

#include "base/host_system.h"
#include "packet/packet.h"

namespace microcloud {

/// `packet`: a SYN without ACK. Unknown where its headers are not there in one piece, or nobody's are like that.
HostSystem system_of_syn(const Packet& packet);

}  // namespace microcloud
