#include "base/prefix_set.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <random>
#include <stdexcept>

namespace microcloud {
namespace {

IpAddress address(const std::string& text) {
  std::array<uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return IpAddress::v4(bytes.data());
  EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), bytes.data()), 1) << text;
  return IpAddress::v6(bytes.data());
}

PrefixSet set_of(const std::vector<std::string>& texts) {
  PrefixSet set;
  for (const std::string& text : texts) set.add(text);
  return set;
}

std::string network_of(const PrefixSet& set, const std::string& of) {
  const auto found = set.find(address(of));
  return found ? set.text(*found) : "";
}

TEST(PrefixSet, TheLongestPrefixCounts) {
  const PrefixSet set = set_of({"10.0.0.0/8", "10.1.2.0/24", "10.1.0.0/16", "192.0.2.7", "2001:db8::/32", "::/0"});
  EXPECT_EQ(set.size(), 6U);
  EXPECT_EQ(network_of(set, "10.9.9.9"), "10.0.0.0/8");
  EXPECT_EQ(network_of(set, "10.1.9.9"), "10.1.0.0/16");
  EXPECT_EQ(network_of(set, "10.1.2.255"), "10.1.2.0/24");
  EXPECT_EQ(network_of(set, "10.1.3.0"), "10.1.0.0/16");
  EXPECT_EQ(network_of(set, "11.0.0.0"), "");
  EXPECT_EQ(network_of(set, "192.0.2.7"), "192.0.2.7/32");
  EXPECT_EQ(network_of(set, "192.0.2.6"), "");
  EXPECT_EQ(network_of(set, "2001:db8:ffff::1"), "2001:db8::/32");
  EXPECT_EQ(network_of(set, "2001:db9::1"), "::/0");
  EXPECT_FALSE(PrefixSet().contains(address("10.0.0.1")));
  EXPECT_TRUE(set_of({"0.0.0.0/0"}).contains(address("255.255.255.255")));
  EXPECT_FALSE(set_of({"0.0.0.0/0"}).contains(address("::1"))) << "another version";
  EXPECT_FALSE(set.contains(IpAddress{})) << "no address";
}

TEST(PrefixSet, WhatIsThereAlreadyStaysOnce) {
  const PrefixSet set = set_of({"10.0.0.0/8", "10.0.0.0/8", "2001:DB8:0::/32", "2001:db8::/32"});
  EXPECT_EQ(set.size(), 2U);
  EXPECT_EQ(set.text(1), "2001:db8::/32");
}

TEST(PrefixSet, ALookUpIsTheSameAsComparingEachPrefix) {
  std::mt19937 random(5);
  const auto some = [&random](unsigned bits) {
    std::array<uint8_t, 4> bytes{};
    for (unsigned at = 0; at < bits; ++at) {
      const unsigned bit = at >= 6 && at < 20 ? 0U : static_cast<unsigned>(random() % 2);  // so that many are near
      bytes[at / 8] = static_cast<uint8_t>(bytes[at / 8] | bit << (7 - at % 8));
    }
    return IpAddress::v4(bytes.data());
  };
  struct Plain {
    uint32_t prefix;
    unsigned bits;
  };
  const auto number = [](const IpAddress& of) {
    return static_cast<uint32_t>(of.bytes[0] << 24 | of.bytes[1] << 16 | of.bytes[2] << 8 | of.bytes[3]);
  };
  PrefixSet set;
  std::vector<Plain> plain;
  for (unsigned count = 0; count < 300; ++count) {
    const auto bits = static_cast<unsigned>(random() % 33);
    const IpAddress prefix = some(bits);
    set.add(to_text(prefix) + "/" + std::to_string(bits));
    plain.push_back({number(prefix), bits});
  }
  for (unsigned count = 0; count < 3000; ++count) {
    const IpAddress looked_up = some(32);
    int longest = -1;
    for (const Plain& one : plain) {
      const uint32_t mask = one.bits == 0 ? 0 : ~uint32_t{0} << (32 - one.bits);
      if ((number(looked_up) & mask) == one.prefix) longest = std::max(longest, static_cast<int>(one.bits));
    }
    const auto found = set.find(looked_up);
    ASSERT_EQ(found.has_value(), longest >= 0);
    if (found) {
      EXPECT_TRUE(set.text(*found).ends_with("/" + std::to_string(longest)));
    }
  }
}

TEST(PrefixSet, WhatIsNoNetworkIsRefused) {
  const std::pair<const char*, const char*> kWrong[] = {{"", "is no network"},
                                                        {"10.0.0/8", "is no network"},
                                                        {"local", "is no network"},
                                                        {"10.0.0.0/", "0 to 32"},
                                                        {"10.0.0.0/33", "0 to 32"},
                                                        {"10.0.0.0/-1", "0 to 32"},
                                                        {"10.0.0.0/8x", "0 to 32"},
                                                        {"10.0.0.0/255.0.0.0", "0 to 32"},
                                                        {"::/129", "0 to 128"},
                                                        {"10.1.0.0/8", "10.0.0.0/8 is the network"},
                                                        {"2001:db8::1/64", "2001:db8::/64 is the network"}};
  for (const auto& [text, why] : kWrong) {
    PrefixSet set;
    try {
      set.add(text);
      ADD_FAILURE() << text;
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what();
    }
    EXPECT_TRUE(set.empty());
  }
}

}  // namespace
}  // namespace microcloud
