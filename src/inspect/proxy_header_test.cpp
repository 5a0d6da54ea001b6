// What a proxy puts before a connection is passed over, whole, once it stands there.
#include "inspect/proxy_header.h"

#include "inspect/inspector_test_bed.h"

namespace microcloud {
namespace {

using namespace std::string_literals;

const std::string kFirst = "PROXY TCP4 192.0.2.1 192.0.2.2 56324 7000\r\n";
const std::string kSecond = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"s + "\xc0\0\2\1\xc0\0\2\2\xdc\4\x1b\x58"s;

size_t octets(const std::string& text) {
  return proxy_header_octets({static_cast<const uint8_t*>(static_cast<const void*>(text.data())), text.size()});
}

TEST(ProxyHeader, BothVersions) {
  EXPECT_EQ(octets(kFirst + "HELLO"), kFirst.size());
  EXPECT_EQ(octets("PROXY UNKNOWN\r\n"), 15U);
  EXPECT_EQ(octets("PROXY TCP6 ::1 ::2 1 2\r\n\r\n"), 24U);
  EXPECT_EQ(octets(kSecond + "HELLO"), kSecond.size());
  EXPECT_EQ(octets("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"s), 16U) << "a proxy that asks for itself";
}

TEST(ProxyHeader, WhatIsNotWholeOrOddIsNone) {
  for (const std::string& header : {kFirst, kSecond}) {
    for (size_t size = 0; size < header.size(); ++size) EXPECT_EQ(octets(header.substr(0, size)), 0U) << size;
  }
  EXPECT_EQ(octets("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"), 0U);
  EXPECT_EQ(octets("PROXY TCP4 " + std::string(107, '1') + "\r\n"), 0U);
  EXPECT_EQ(octets("\r\n\r\n\0\r\nQUIT\n\x31\0\0\0"s), 0U) << "of another version";
  EXPECT_EQ(octets("GET / HTTP/1.1\r\n"), 0U);
}

class BehindProxyTest : public InspectorTest {};

TEST_F(BehindProxyTest, TheProtocolIsRecognisedInTheSameSegment) {
  handshake();
  send({.text = kFirst + "HELLO you"});
  EXPECT_EQ(finish(), ">HELLO you run over");
}

TEST_F(BehindProxyTest, TheProtocolIsRecognisedInTheNextSegment) {
  handshake();
  send({.text = kSecond});
  send({.text = "HELLO you", .seq = 1001 + static_cast<uint32_t>(kSecond.size())});
  EXPECT_EQ(finish(), ">HELLO you run over");
}

TEST_F(BehindProxyTest, TheServerMaySpeakFirst) {
  handshake();
  send({.text = kSecond});
  send({.text = "HELLO client", .seq = 5001, .client = false});
  send({.text = "hello", .seq = 1001 + static_cast<uint32_t>(kSecond.size())});
  EXPECT_EQ(finish(), "<HELLO client >hello run over");
}

TEST_F(BehindProxyTest, OnlyClientsHaveOne) {
  handshake();
  send({.text = kFirst + "HELLO", .seq = 5001, .client = false});
  EXPECT_EQ(finish(), "");
}

}  // namespace
}  // namespace microcloud
