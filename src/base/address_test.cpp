// The text of addresses: RFC 5952 where it decides, the system's own writer where it agrees with it.
#include "base/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <random>

namespace microcloud {
namespace {

IpAddress v6(const char* text) {
  std::array<uint8_t, 16> bytes;
  EXPECT_EQ(inet_pton(AF_INET6, text, bytes.data()), 1) << text;
  return IpAddress::v6(bytes.data());
}

IpAddress v4(const char* text) {
  std::array<uint8_t, 4> bytes;
  EXPECT_EQ(inet_pton(AF_INET, text, bytes.data()), 1) << text;
  return IpAddress::v4(bytes.data());
}

TEST(AddressText, Ipv4HasNoLeadingZeros) {
  for (const char* text : {"0.0.0.0", "1.20.100.255", "192.0.2.10", "255.255.255.255", "9.99.199.200"}) {
    EXPECT_EQ(to_text(v4(text)), text);
  }
}

TEST(AddressText, Ipv6AsInRfc5952) {
  const std::pair<const char*, const char*> cases[] = {
      {"2001:0db8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1"},  // 4.1, 4.2.1
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},              // 4.2.2: one group is not shortened
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},                       // 4.2.3: the longest run
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},                 // 4.2.3: the first of equals
      {"2001:DB8:AAAA:BBBB:CCCC:DDDD:EEEE:AAA", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaa"},  // 4.3
      {"0:0:0:0:0:0:0:0", "::"},
      {"0:0:0:0:0:0:0:1", "::1"},
      {"1:0:0:0:0:0:0:0", "1::"},
      {"fe80:0:0:0:0:0:0:0", "fe80::"},
      {"0:0:1:0:0:0:0:0", "0:0:1::"},
      {"0:1:1:1:1:1:1:0", "0:1:1:1:1:1:1:0"},
      {"0:0:1:1:1:1:0:0", "::1:1:1:1:0:0"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
  };
  for (const auto& [from, text] : cases) EXPECT_EQ(to_text(v6(from)), text);
}

TEST(AddressText, Ipv4MappedKeepsItsDottedForm) {
  EXPECT_EQ(to_text(v6("::ffff:c000:0201")), "::ffff:192.0.2.1");
  EXPECT_EQ(to_text(v6("::ffff:0:0")), "::ffff:0.0.0.0");
  EXPECT_EQ(to_text(v6("::fffe:c000:0201")), "::fffe:c000:201") << "another prefix";
  EXPECT_EQ(to_text(v6("1::ffff:c000:0201")), "1::ffff:c000:201");
  EXPECT_EQ(to_text(v6("64:ff9b::c000:0201")), "64:ff9b::c000:201");
}

TEST(AddressText, Ipv6IsWhatTheSystemWrites) {
  std::mt19937 random(5952);
  for (int round = 0; round < 20'000; ++round) {
    std::array<uint8_t, 16> bytes{};
    const auto zero_groups = static_cast<uint32_t>(random());
    for (size_t group = 0; group < 8; ++group) {
      if ((zero_groups >> group & 1U) != 0) continue;
      const auto value = static_cast<uint16_t>(random() >> (random() % 16));
      bytes[2 * group] = static_cast<uint8_t>(value >> 8);
      bytes[2 * group + 1] = static_cast<uint8_t>(value);
    }
    bytes[0] |= 0x10;  // the system writes IPv4-compatible addresses dotted, RFC 5952 does not
    char expected[INET6_ADDRSTRLEN];
    ASSERT_NE(inet_ntop(AF_INET6, bytes.data(), expected, sizeof expected), nullptr);
    ASSERT_EQ(to_text(IpAddress::v6(bytes.data())), expected);
  }
}

TEST(AddressText, MacIsLowerCaseWithColons) {
  EXPECT_EQ(to_text(Mac{{0x00, 0x0a, 0xb0, 0xff, 0x10, 0x01}}), "00:0a:b0:ff:10:01");
}

TEST(AddressText, NoAddressIsNoText) {
  EXPECT_EQ(to_text(IpAddress{}), "");
}

TEST(AddressText, LongestTextsFitTheirRoom) {
  EXPECT_LT(to_text(v6("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")).size(), kAddressTextSize);
  EXPECT_LT(to_text(v6("::ffff:255.255.255.255")).size(), kAddressTextSize);
}

TEST(IpAddress, FamiliesAreDifferentValues) {
  const std::array<uint8_t, 16> bytes = {10, 0, 0, 1};
  EXPECT_NE(IpAddress::v4(bytes.data()), IpAddress::v6(bytes.data()));
  EXPECT_EQ(IpAddress::v4(bytes.data()), v4("10.0.0.1"));
  EXPECT_LT(v4("10.0.0.1"), v4("10.0.0.2"));
  EXPECT_EQ(v4("10.0.0.1").as_v4(), (Ipv4{{10, 0, 0, 1}}));
  EXPECT_EQ(v6("::1").as_v6().bytes[15], 1);
}

}  // namespace
}  // namespace microcloud
