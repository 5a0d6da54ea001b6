// The kernel's fanout sends every plain packet to the worker that owner_of() names.
#include "capture/fanout.h"

#include <functional>
#include <map>
#include <thread>

#include "base/owner.h"
#include "capture/live_test_bed.h"

namespace microcloud {
namespace {

using tools::Addr4;
using tools::Addr6;
using tools::Blob;
using tools::Packet;

/// Two ends of a conversation, in either family.
struct Ends {
  unsigned a, b;
  uint16_t port_a, port_b;

  Ends reversed() const { return {b, a, port_b, port_a}; }
  Addr4 v4_a() const { return address4(a); }
  Addr4 v4_b() const { return address4(b); }
  Addr6 v6_a() const { return address6(a); }
  Addr6 v6_b() const { return address6(b); }
  uint32_t hash4(bool ports) const {
    return owner_hash(v4_a().bytes.data(), v4_b().bytes.data(), 4, ports ? port_a : 0, ports ? port_b : 0);
  }
  uint32_t hash6(bool ports) const {
    return owner_hash(v6_a().bytes.data(), v6_b().bytes.data(), 16, ports ? port_a : 0, ports ? port_b : 0);
  }

 private:
  static Addr4 address4(unsigned n) { return "10." + std::to_string(n % 200) + ".7." + std::to_string(n * 37 % 251); }
  static Addr6 address6(unsigned n) {
    return "2001:db8:" + std::to_string(n % 200) + "::" + std::to_string(n * 37 % 251) + ":1";
  }
};

struct Kind {
  const char* name;
  std::function<Packet(const Ends&)> packet;
  std::function<uint32_t(const Ends&)> hash;
};

Packet v4(const Ends& ends, const tools::Ipv4Options& options = {}) {
  return Packet().eth().ipv4(ends.v4_a(), ends.v4_b(), options);
}
Packet v6(const Ends& ends, const tools::Ipv6Options& options = {}) {
  return Packet().eth().ipv6(ends.v6_a(), ends.v6_b(), options);
}
uint32_t v4_ports(const Ends& ends) {
  return ends.hash4(true);
}
uint32_t v4_bare(const Ends& ends) {
  return ends.hash4(false);
}
uint32_t v6_ports(const Ends& ends) {
  return ends.hash6(true);
}
uint32_t v6_bare(const Ends& ends) {
  return ends.hash6(false);
}
uint32_t first_worker(const Ends&) {
  return 0;
}

constexpr uint8_t kUdpLite = 136;

const Kind kPlain[] = {
    {"IPv4 TCP", [](const Ends& e) { return v4(e).tcp(e.port_a, e.port_b); }, v4_ports},
    {"IPv4 UDP", [](const Ends& e) { return v4(e).udp(e.port_a, e.port_b).payload("x"); }, v4_ports},
    {"IPv4 SCTP", [](const Ends& e) { return v4(e).sctp(e.port_a, e.port_b); }, v4_ports},
    {"IPv4 UDP-Lite", [](const Ends& e) { return v4(e, {.protocol = kUdpLite}).udp(e.port_a, e.port_b); }, v4_ports},
    {"IPv4 with options", [](const Ends& e) { return v4(e, {.options = Blob(8, 1)}).tcp(e.port_a, e.port_b); },
     v4_ports},
    {"IPv4 ICMP", [](const Ends& e) { return v4(e).icmp(8, 0, {.rest = 0x12345678}); }, v4_bare},
    {"IPv4 GRE", [](const Ends& e) { return v4(e).gre().ipv4("10.0.0.1", "10.0.0.2").udp(1, 2); }, v4_bare},
    {"first IPv4 fragment",
     [](const Ends& e) { return v4(e, {.more_fragments = true}).udp(e.port_a, e.port_b).payload(Blob(64)); }, v4_bare},
    {"later IPv4 fragment", [](const Ends& e) { return v4(e, {.offset = 1480, .protocol = 17}).payload(Blob(64)); },
     v4_bare},
    {"IPv4 with do not fragment", [](const Ends& e) { return v4(e, {.dont_fragment = true}).udp(e.port_a, e.port_b); },
     v4_ports},
    {"IPv6 TCP", [](const Ends& e) { return v6(e).tcp(e.port_a, e.port_b); }, v6_ports},
    {"IPv6 UDP", [](const Ends& e) { return v6(e).udp(e.port_a, e.port_b).payload("x"); }, v6_ports},
    {"IPv6 SCTP", [](const Ends& e) { return v6(e).sctp(e.port_a, e.port_b); }, v6_ports},
    {"IPv6 UDP-Lite", [](const Ends& e) { return v6(e, {.next_header = kUdpLite}).udp(e.port_a, e.port_b); }, v6_ports},
    {"IPv6 ICMP", [](const Ends& e) { return v6(e).icmp6(128); }, v6_bare},
    {"IPv6 fragment",
     [](const Ends& e) { return v6(e).ipv6_fragment(9, {.more = true}).udp(e.port_a, e.port_b).payload(Blob(64)); },
     v6_bare},
    {"IPv6 with an extension header", [](const Ends& e) { return v6(e).hop_by_hop().udp(e.port_a, e.port_b); },
     v6_bare},
};

/// A tag is taken out of what is received only, so these are not plain when they are sent.
const Kind kReceived[] = {
    {"one tag", [](const Ends& e) { return Packet().eth().vlan(5).ipv4(e.v4_a(), e.v4_b()).udp(e.port_a, e.port_b); },
     v4_ports},
};

const Kind kOther[] = {
    {"two tags",
     [](const Ends& e) { return Packet().eth().vlan(5).vlan(6).ipv4(e.v4_a(), e.v4_b()).udp(e.port_a, e.port_b); },
     first_worker},
    {"MPLS", [](const Ends& e) { return Packet().eth().mpls(99).ipv4(e.v4_a(), e.v4_b()).udp(e.port_a, e.port_b); },
     first_worker},
    {"PPPoE", [](const Ends& e) { return Packet().eth().pppoe(1).ipv4(e.v4_a(), e.v4_b()).udp(e.port_a, e.port_b); },
     first_worker},
    {"neither IPv4 nor IPv6",
     [](const Ends&) {
       return Packet().eth("02:00:00:00:00:01", "ff:ff:ff:ff:ff:ff", {.ethertype = 0x0806}).payload(Blob(28));
     },
     first_worker},
    {"IPv4 cut in its header", [](const Ends& e) { return v4(e).cut(26); }, first_worker},
    {"IPv4 cut before the ports", [](const Ends& e) { return v4(e).udp(e.port_a, e.port_b).cut(36); }, first_worker},
};

class FanoutTest : public LiveTest, public testing::WithParamInterface<unsigned> {
 protected:
  using Sources = std::vector<std::unique_ptr<LiveSource>>;

  unsigned workers() const { return GetParam(); }

  static Ends ends(unsigned n) {
    return {n, n * 7 + 3, static_cast<uint16_t>(1024 + n * 977), static_cast<uint16_t>(n % 2 == 0 ? 53 : 443)};
  }
  /// Who got how often which frame. A busy machine may bring the last of the `expected` ones late.
  std::map<Blob, std::vector<unsigned>> takers(const Sources& sources, size_t expected) const {
    std::map<Blob, std::vector<unsigned>> takers;
    size_t frames = 0;
    for (int rounds = 0; rounds == 0 || (frames < expected && rounds < 50); ++rounds) {
      for (unsigned worker = 0; worker < workers(); ++worker) {
        for (const Captured& captured : collect_rest(*sources[worker])) {
          takers[captured.data].push_back(worker);
          ++frames;
        }
      }
    }
    return takers;
  }
  /// Sends every kind between many ends, one direction from each side, and looks who got them.
  void expect_owners(const Sources& sources, std::span<const Kind> kinds, bool both_sides) const {
    const Injector far("v1");
    const Injector near("v0");
    for (const Kind& kind : kinds) {
      for (unsigned n = 0; n < kEnds; ++n) {
        far.send(kind.packet(ends(n)).bytes());
        if (both_sides) near.send(kind.packet(ends(n).reversed()).bytes());
      }
    }
    const auto got = takers(sources, kinds.size() * kEnds * (both_sides ? 2 : 1));
    for (const Kind& kind : kinds) {
      SCOPED_TRACE(kind.name);
      for (unsigned n = 0; n < kEnds; ++n) {
        const unsigned owner = owner_of(kind.hash(ends(n)), workers());
        expect_only(got, kind.packet(ends(n)).bytes(), owner);
        if (both_sides) expect_only(got, kind.packet(ends(n).reversed()).bytes(), owner);
      }
    }
  }

  static constexpr unsigned kEnds = 50;

 private:
  static void expect_only(const std::map<Blob, std::vector<unsigned>>& takers, const Blob& frame, unsigned owner) {
    const auto taken = takers.find(frame);
    ASSERT_NE(taken, takers.end()) << "the frame was lost";
    for (const unsigned worker : taken->second) EXPECT_EQ(worker, owner);
  }
};

TEST_P(FanoutTest, APlainPacketOfEitherDirectionComesToItsOwner) {
  std::vector<unsigned> load(workers());
  for (unsigned n = 0; n < kEnds; ++n) ++load[owner_of(ends(n).hash4(true), workers())];
  for (const unsigned owned : load) EXPECT_GT(owned, kEnds / workers() / 2);  // or the rest would prove little
  expect_owners(open_live({.interface = "v0"}, workers()), kPlain, true);
}

TEST_P(FanoutTest, AReceivedPacketWithOneTagComesToItsOwner) {
  expect_owners(open_live({.interface = "v0"}, workers()), kReceived, false);
}

TEST_P(FanoutTest, WhateverElseComesToTheFirst) {
  expect_owners(open_live({.interface = "v0"}, workers()), kOther, true);
}

TEST_P(FanoutTest, TwoGroupsOfOneInterfaceEachGetAll) {
  const Sources first = open_live({.interface = "v0"}, workers());
  const Sources second = open_live({.interface = "v0"}, workers());
  const std::span<const Kind> one_kind(kPlain, 1);
  expect_owners(first, one_kind, true);
  EXPECT_EQ(takers(second, 2 * kEnds).size(), 2 * kEnds);
}

TEST_P(FanoutTest, OwnersStayAfterTheInterfaceWasDown) {
  const Sources sources = open_live({.interface = "v0"}, workers());
  ASSERT_TRUE(run("ip link set v0 down"));
  ASSERT_TRUE(run("ip link set v0 up"));
  ASSERT_TRUE(wait_for_link());
  expect_owners(sources, kPlain, true);
}

TEST_P(FanoutTest, NoPacketComesToAStrangerWhileWorkersJoin) {
  std::map<Blob, unsigned> owner;
  for (unsigned n = 0; n < kEnds; ++n) {
    owner[v4(ends(n)).tcp(ends(n).port_a, ends(n).port_b).bytes()] = owner_of(ends(n).hash4(true), workers());
  }
  const std::jthread traffic([&](const std::stop_token& stop) {
    const Injector far("v1");
    while (!stop.stop_requested()) {
      for (const auto& [frame, worker] : owner) far.send(frame);
    }
  });
  size_t seen = 0;
  for (int round = 0; round < 20; ++round) {
    const Sources sources = open_live({.interface = "v0"}, workers());
    for (unsigned worker = 0; worker < workers(); ++worker) {
      const std::vector<Captured> captured = collect(*sources[worker], 100);
      seen += captured.size();
      for (const Captured& frame : captured) ASSERT_EQ(owner.at(frame.data), worker);
    }
  }
  EXPECT_GT(seen, 1000U);
}

INSTANTIATE_TEST_SUITE_P(Workers, FanoutTest, testing::Values(2U, 3U));

}  // namespace
}  // namespace microcloud
