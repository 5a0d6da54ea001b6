// Options of EDNS: what is malformed is left out, wherever the data end.
#include "protocols/wire/dns_options.h"

#include <gtest/gtest.h>

#include "protocols/wire/dns_bytes_test.h"

namespace microcloud {
namespace {

using namespace std::string_literals;

DnsOptions read(const std::string& text) {
  return read_dns_options({static_cast<const uint8_t*>(static_cast<const void*>(text.data())), text.size()});
}

TEST(DnsOptions, SubnetsHaveJustTheOctetsOfTheirPrefix) {
  const auto subnet = [](const std::string& data) { return read(DnsBytes::option(8, data)).client_subnet; };
  EXPECT_EQ(subnet("\0\1\0\0"s), "0.0.0.0/0");
  EXPECT_EQ(subnet("\0\1\x14\0\x0a\1\x10"s), "10.1.16.0/20");
  EXPECT_EQ(subnet("\0\2\x80\0"s + std::string(16, '\1')), "101:101:101:101:101:101:101:101/128");
  EXPECT_EQ(subnet("\0\1\x14\0\x0a\1"s), "") << "too few";
  EXPECT_EQ(subnet("\0\1\x14\0\x0a\1\x10\0"s), "") << "too many";
  EXPECT_EQ(subnet("\0\1\x21\0\1\1\1\1\1"s), "") << "longer than an address";
  EXPECT_EQ(subnet("\0\3\x08\0\1"s), "") << "another family";
}

TEST(DnsOptions, CookiesHaveTheirLengths) {
  for (const size_t size : {0U, 7U, 9U, 15U, 41U}) {
    EXPECT_TRUE(read(DnsBytes::option(10, std::string(size, 'c'))).client_cookie.empty()) << size;
  }
  for (const size_t size : {8U, 16U, 40U}) {
    const std::string text = DnsBytes::option(10, std::string(size, 'c'));
    EXPECT_EQ(read(text).client_cookie.size(), 8U) << size;
    EXPECT_EQ(read(text).server_cookie.size(), size - 8) << size;
  }
}

TEST(DnsOptions, WhatIsCutIsLeftOut) {
  const std::string all =
      DnsBytes::option(3, "ns") + DnsBytes::option(99, "x") + DnsBytes::option(15, "\0\x0f"s + "why");
  EXPECT_EQ(read(all).error_text, "why");
  for (size_t size = 0; size < all.size(); ++size) {
    const DnsOptions told = read(all.substr(0, size));
    EXPECT_EQ(told.identifier.has_value(), size >= 6) << size;
    EXPECT_EQ(told.errors.count, 0U) << size;
  }
  EXPECT_EQ(read(DnsBytes::option(15, "x")).errors.count, 0U);
  std::string many;
  for (int count = 0; count < 20; ++count) many += DnsBytes::option(15, "\0\x0f"s);
  EXPECT_EQ(read(many).errors.count, 8U);
}

}  // namespace
}  // namespace microcloud
