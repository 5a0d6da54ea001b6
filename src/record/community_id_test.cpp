// The specification's own baseline (github.com/corelight/community-id-spec, baseline/), and what it says in words.
#include "record/community_id.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

namespace microcloud {
namespace {

IpAddress address(const std::string& text) {
  std::array<uint8_t, 16> bytes{};
  const bool v6 = text.find(':') != std::string::npos;
  EXPECT_EQ(inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), bytes.data()), 1) << text;
  return v6 ? IpAddress::v6(bytes.data()) : IpAddress::v4(bytes.data());
}

std::string id_of(const CommunityKey& key) {
  std::string text(kCommunityIdSize, '?');
  write_community_id(key, text.data());
  return text;
}

CommunityKey ports(uint8_t protocol, const char* source, uint16_t source_port, const char* destination,
                   uint16_t destination_port) {
  return {.source = address(source),
          .destination = address(destination),
          .protocol = protocol,
          .has_ports = true,
          .source_port = source_port,
          .destination_port = destination_port,
          .icmp_type_code = std::nullopt};
}

CommunityKey icmp(uint8_t protocol, const char* source, const char* destination, unsigned type, unsigned code) {
  return {.source = address(source),
          .destination = address(destination),
          .protocol = protocol,
          .icmp_type_code = static_cast<uint16_t>(type << 8 | code)};
}

CommunityKey reversed(CommunityKey key) {
  std::swap(key.source, key.destination);
  std::swap(key.source_port, key.destination_port);
  return key;
}

TEST(CommunitySeed, IsThatOfTheRealm) {
  EXPECT_EQ(community_seed(""), 0);
  EXPECT_EQ(community_seed("abc"), 0xa999) << "RFC 3174's first test vector begins with A9 99";
  EXPECT_NE(community_seed("north"), community_seed("south"));
}

void expect_ids(CommunityKey key, const char* default_seed, const char* seed_1) {
  EXPECT_EQ(id_of(key), default_seed);
  key.seed = 1;
  EXPECT_EQ(id_of(key), seed_1);
}

TEST(CommunityId, BaselineWithPorts) {
  const CommunityKey tcp = ports(6, "128.232.110.120", 34855, "66.35.250.204", 80);
  expect_ids(tcp, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=", "1:3V71V58M3Ksw/yuFALMcW0LAHvc=");
  expect_ids(reversed(tcp), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=", "1:3V71V58M3Ksw/yuFALMcW0LAHvc=");
  const CommunityKey udp = ports(17, "192.168.1.52", 54585, "8.8.8.8", 53);
  expect_ids(udp, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=", "1:Q9We8WO3piVF8yEQBNJF4uiSVrI=");
  expect_ids(reversed(udp), "1:d/FP5EW3wiY1vCndhwleRRKHowQ=", "1:Q9We8WO3piVF8yEQBNJF4uiSVrI=");
  const CommunityKey sctp = ports(132, "192.168.170.8", 7, "192.168.170.56", 7);
  expect_ids(sctp, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=", "1:5w3ZRjeKBzqT3zsaEECDGjUbYeg=");
  expect_ids(reversed(sctp), "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=", "1:5w3ZRjeKBzqT3zsaEECDGjUbYeg=");
  const CommunityKey v6 = ports(6, "2001:470:e5bf:dead:4957:2174:e82c:4887", 63943, "2607:f8b0:400c:c03::1a", 25);
  expect_ids(v6, "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=", "1:eJYTW6AOzFLlSUoESovMjnu7rMw=");
  expect_ids(reversed(v6), "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=", "1:eJYTW6AOzFLlSUoESovMjnu7rMw=");
}

TEST(CommunityId, BaselineOfOtherProtocols) {
  CommunityKey rsvp;
  rsvp.source = address("10.1.12.1");
  rsvp.destination = address("10.1.12.2");
  rsvp.protocol = 46;
  expect_ids(rsvp, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=", "1:rYir8gphR31noO9iDRQmF/BteEI=");
  expect_ids(reversed(rsvp), "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=", "1:rYir8gphR31noO9iDRQmF/BteEI=");
  rsvp.source_port = 5;  // without meaning there
  EXPECT_EQ(id_of(rsvp), "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=");
}

TEST(CommunityId, BaselineOfIcmp) {
  const char* ping = "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=";
  expect_ids(icmp(1, "192.168.0.89", "192.168.0.1", 8, 0), ping, "1:03g6IloqVBdcZlPyX8r0hgoE7kA=");
  expect_ids(icmp(1, "192.168.0.1", "192.168.0.89", 0, 0), ping, "1:03g6IloqVBdcZlPyX8r0hgoE7kA=");
  expect_ids(icmp(1, "10.0.0.1", "10.0.0.2", 11, 0),
             "1:YHxtAirCG//0OzkcVAukqKQN9xM=", "1:XjUibYHaafLQ3pxQeiMI8g25q20=");
}

TEST(CommunityId, BaselineOfIcmpv6) {
  const char* here = "fe80::200:86ff:fe05:80da";
  const char* neighbour = "fe80::260:97ff:fe07:69ea";
  const char* far_end = "3ffe:507:0:1:200:86ff:fe05:80da";
  expect_ids(icmp(58, here, neighbour, 135, 0), "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=", "1:kHa1FhMYIT6Ym2Vm2AOtoOARDzY=");
  expect_ids(icmp(58, neighbour, here, 136, 0), "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=", "1:kHa1FhMYIT6Ym2Vm2AOtoOARDzY=");
  expect_ids(icmp(58, neighbour, here, 135, 0), "1:zavyT/cezQr1fmImYCwYnMXbgck=", "1:2hSqmsDZ2kdcY9kbiUzOEBic0iM=");
  expect_ids(icmp(58, here, neighbour, 136, 0), "1:zavyT/cezQr1fmImYCwYnMXbgck=", "1:2hSqmsDZ2kdcY9kbiUzOEBic0iM=");
  expect_ids(icmp(58, here, "ff02::2", 133, 0), "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0=", "1:L7Ka0ZMYu+J3bL4ulW2PrqyXNo8=");
  expect_ids(icmp(58, neighbour, "ff02::1", 134, 0),
             "1:pkvHqCL88/tg1k4cPigmZXUtL00=", "1:K/ee5UCqAMAQXDorP5nSa2CGLjc=");
  expect_ids(icmp(58, far_end, "3ffe:501:0:1001::2", 128, 0),
             "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg=", "1:GfZxjAkDk2MkegpBYHV6tadtFXQ=");
  expect_ids(icmp(58, "3ffe:501:0:1001::2", far_end, 129, 0),
             "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg=", "1:GfZxjAkDk2MkegpBYHV6tadtFXQ=");
  expect_ids(icmp(58, "3ffe:501:1800:2345::2", far_end, 3, 0),
             "1:2ObVBgIn28oZvibYZhZMBgh7WdQ=", "1:lVEtCZpYu84Xqaa++3lXFyuu2n4=");
  expect_ids(icmp(58, "3ffe:501:410:0:2c0:dfff:fe47:33e", far_end, 1, 4),
             "1:hLZd0XGWojozrvxqE0dWB1iM6R0=", "1:W8MHwXpWzpoSTD+cGcaJr4u0ys8=");
}

TEST(CommunityId, EveryIcmpRequestMeetsItsReply) {
  constexpr std::pair<unsigned, unsigned> kOld[] = {{8, 0}, {10, 9}, {13, 14}, {15, 16}, {17, 18}};
  constexpr std::pair<unsigned, unsigned> kNew[] = {{128, 129}, {130, 131}, {133, 134},
                                                    {135, 136}, {139, 140}, {144, 145}};
  for (const auto& [request, reply] : kOld) {
    EXPECT_EQ(id_of(icmp(1, "10.0.0.1", "10.0.0.2", request, 0)), id_of(icmp(1, "10.0.0.2", "10.0.0.1", reply, 7)))
        << request;
    EXPECT_EQ(id_of(icmp(1, "10.0.0.2", "10.0.0.1", request, 0)), id_of(icmp(1, "10.0.0.1", "10.0.0.2", reply, 0)))
        << request;
  }
  for (const auto& [request, reply] : kNew) {
    EXPECT_EQ(id_of(icmp(58, "::1", "::2", request, 0)), id_of(icmp(58, "::2", "::1", reply, 0))) << request;
  }
}

TEST(CommunityId, OneWayIcmpKeepsItsOrder) {
  const std::string forth = id_of(icmp(1, "10.0.0.1", "10.0.0.2", 11, 0));
  const std::string back = id_of(icmp(1, "10.0.0.2", "10.0.0.1", 11, 0));
  EXPECT_NE(forth, back);
  EXPECT_EQ(back, "1:c5iqfdGYsNWhMJVcYXWPNWbpnKs=") << "worked out apart: not reordered";
  EXPECT_NE(id_of(icmp(1, "10.0.0.1", "10.0.0.2", 3, 1)), id_of(icmp(1, "10.0.0.1", "10.0.0.2", 3, 3)))
      << "the code counts";
}

TEST(CommunityId, EqualAddressesAreOrderedByPort) {
  EXPECT_EQ(id_of(ports(6, "10.0.0.1", 5000, "10.0.0.1", 80)), "1:LD76GfTIBU2lu/ZefEgEGuuBPew=");
  EXPECT_EQ(id_of(ports(6, "10.0.0.1", 80, "10.0.0.1", 5000)), "1:LD76GfTIBU2lu/ZefEgEGuuBPew=");
}

TEST(CommunityId, PortsFollowTheirAddresses) {
  EXPECT_EQ(id_of(ports(132, "192.168.170.8", 7, "192.168.170.56", 80)), "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=");
  EXPECT_EQ(id_of(ports(132, "192.168.170.8", 80, "192.168.170.56", 7)), "1:LJJoD/kyHzQ+pJzpmni4qzMevfA=");
}

}  // namespace
}  // namespace microcloud
