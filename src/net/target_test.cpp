#include "net/target.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace microcloud {
namespace {

TEST(Target, PartsOfAUrl) {
  const Target target = parse_target("sctp://[2001:db8::1]:4739?udp=9899");
  EXPECT_EQ(target.scheme, "sctp");
  EXPECT_EQ(target.host, "2001:db8::1");
  EXPECT_EQ(target.port, 4739);
  EXPECT_EQ(target.parameters, "udp=9899");
  EXPECT_EQ(parse_target("tcp://collector.example:1").parameters, "");
  for (const char* wrong : {"", "tcp", "tcp://", "tcp://h", "tcp://h:0", "tcp://h:65536", "tcp://[::1:9", "tcp://a b:9",
                            "tcp://h:9x", "tcp://u@h:9", "tcp://h/x:9", "tcp://?x:9"})
    EXPECT_THROW(parse_target(wrong), std::invalid_argument) << wrong;
}

TEST(Target, AddressesAndNames) {
  EXPECT_TRUE(is_address("192.0.2.1"));
  EXPECT_TRUE(is_address("2001:db8::1"));
  EXPECT_FALSE(is_address("collector.example"));
  SocketAddress address = resolve({"tcp", "::1", 4739}, SOCK_STREAM).front();
  EXPECT_EQ(address.port(), 4739);
  address.set_port(9899);
  EXPECT_EQ(address.port(), 9899);
  EXPECT_THROW(resolve({"tcp", "no-such-host.invalid", 1}, SOCK_STREAM), std::runtime_error);
}

}  // namespace
}  // namespace microcloud
