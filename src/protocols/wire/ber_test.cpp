// What certificates and SNMP do not show of BER by themselves: numbers and object identifiers at their edges.
#include "protocols/wire/ber.h"

#include <gtest/gtest.h>

#include "protocols/wire/octets_test.h"

namespace microcloud {
namespace {

std::string oid(const Octets8& content) {
  std::string text;
  append_oid(text, content);
  return text;
}

TEST(Ber, Integers) {
  EXPECT_EQ(ber_integer(Octets8{0}), 0);
  EXPECT_EQ(ber_integer(Octets8{0x7f}), 127);
  EXPECT_EQ(ber_integer(Octets8{0, 0x80}), 128);
  EXPECT_EQ(ber_integer(Octets8{0xff}), -1);
  EXPECT_EQ(ber_integer(Octets8{0x80, 0, 0, 0}), INT32_MIN);
  EXPECT_EQ(ber_integer(Octets8{0x80, 0, 0, 0, 0, 0, 0, 0}), INT64_MIN);
  EXPECT_EQ(ber_integer(Octets8{}), std::nullopt);
  EXPECT_EQ(ber_integer(Octets8(9, 0)), std::nullopt);
}

TEST(Ber, ObjectIdentifiers) {
  EXPECT_EQ(oid({0x2b, 6, 1, 2, 1, 1, 5, 0}), "1.3.6.1.2.1.1.5.0");
  EXPECT_EQ(oid({0}), "0.0");
  EXPECT_EQ(oid({0x88, 0x37, 3}), "2.999.3") << "the first two arcs in two octets";
  EXPECT_EQ(oid({0x2b, 0x8f, 0xff, 0xff, 0xff, 0x7f}), "1.3.4294967295");
  EXPECT_EQ(oid({0x2b, 6, 0x81}), "1.3.6") << "cut in its last arc";
  EXPECT_EQ(oid({}), "");
}

TEST(Ber, ElementsThatDoNotFit) {
  BerElement element;
  const Octets8 cut{0x04, 5, 'a', 'b'};
  Cursor in(cut);
  EXPECT_TRUE(read_ber(in, element));
  EXPECT_FALSE(element.whole);
  EXPECT_EQ(element.content.size(), 2U);
  for (const Octets8& wrong : {Octets8{}, Octets8{0x04}, Octets8{0x1f, 1, 0}, Octets8{0x30, 0x80, 0, 0},
                               Octets8{0x04, 0x85, 0, 0, 0, 0, 1, 7}, Octets8{0x04, 0x82, 1}}) {
    Cursor odd(wrong);
    EXPECT_FALSE(read_ber(odd, element));
    EXPECT_FALSE(odd.ok());
  }
}

}  // namespace
}  // namespace microcloud
