// The families of generated captures; each function fills one scene, which becomes one file.
#pragma once

#include "tools/scene.h"

namespace microcloud::tools {

// captures_tunnels.cpp
void make_qinq(Scene& scene);
void make_mpls(Scene& scene);
void make_pppoe(Scene& scene);
void make_gre(Scene& scene);
void make_pptp(Scene& scene);
void make_erspan(Scene& scene);
void make_ip_in_ip(Scene& scene);
void make_mobile_ip(Scene& scene);
void make_gtpu(Scene& scene);
void make_vxlan(Scene& scene);
void make_geneve(Scene& scene);
void make_l2tp(Scene& scene);
void make_teredo(Scene& scene);
void make_nested(Scene& scene);

// captures_ip.cpp
void make_extension_headers(Scene& scene);
void make_fragments(Scene& scene);
void make_icmp(Scene& scene);
void make_sctp(Scene& scene);
void make_bad_checksums(Scene& scene);
void make_broken(Scene& scene);
void make_short_snaplen(Scene& scene);
void make_clock_jumps(Scene& scene);
void make_long_flow(Scene& scene);

// captures_tcp.cpp
void make_tcp(Scene& scene);

// make_captures.cpp says which link type and format a scene has.
/// A DNS and an HTTP exchange behind whatever begins a frame of the link type.
void make_exchanges(Scene& scene, const Packet& link, bool ipv4, bool ipv6);

}  // namespace microcloud::tools
