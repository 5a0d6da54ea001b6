// What a row of a record's table takes from the member it names.
#include "record/field.h"

#include <gtest/gtest.h>

#include <string>

namespace microcloud {
namespace {

struct Body {
  uint8_t u8 = 1;
  uint16_t u16 = 2;
  uint32_t u32 = 3;
  uint64_t u64 = 4;
  bool flag = true;
  Milliseconds time{5};
  Ipv4 v4;
  Ipv6 v6;
  Mac mac;
  Octets<3> octets{};
  Text<5> text;
  std::string_view view;
  std::optional<uint32_t> maybe;
  List<Mac, 2> macs;
};

std::optional<uint16_t> doubled(const Body& body) {
  return body.u16 == 0 ? std::nullopt : std::optional(static_cast<uint16_t>(2 * body.u16));
}
Ipv6 computed_address(const Body& body) {
  return {{body.u8}};
}
std::string_view written(const Body& body, Scratch& scratch) {
  scratch.room.fill(static_cast<char>('a' + body.u8));
  return {scratch.room.data(), 3};
}

template <auto Source>
constexpr DataType kTypeOf = field<Source>("x", {"", pen::kIana, 1}, "").type;

static_assert(kTypeOf<&Body::u8> == DataType::Unsigned8);
static_assert(kTypeOf<&Body::u16> == DataType::Unsigned16);
static_assert(kTypeOf<&Body::u32> == DataType::Unsigned32);
static_assert(kTypeOf<&Body::u64> == DataType::Unsigned64);
static_assert(kTypeOf<&Body::flag> == DataType::Boolean);
static_assert(kTypeOf<&Body::time> == DataType::Milliseconds);
static_assert(kTypeOf<&Body::v4> == DataType::Ipv4);
static_assert(kTypeOf<&Body::v6> == DataType::Ipv6);
static_assert(kTypeOf<&Body::mac> == DataType::MacAddress);
static_assert(kTypeOf<&Body::octets> == DataType::OctetArray);
static_assert(kTypeOf<&Body::text> == DataType::String);
static_assert(kTypeOf<&Body::view> == DataType::String);
static_assert(kTypeOf<&Body::maybe> == DataType::Unsigned32);
static_assert(kTypeOf<&Body::macs> == DataType::BasicList);
static_assert(kTypeOf<&doubled> == DataType::Unsigned16);
static_assert(kTypeOf<&computed_address> == DataType::Ipv6);
static_assert(kTypeOf<&written> == DataType::String);
static_assert(field<&Body::macs>("x", {"", pen::kIana, 1}, "").item_type == DataType::MacAddress);
static_assert(field<&Body::u8>("x", {"", pen::kIana, 1}, "").item_type == DataType::Unsigned8);

// NetFlow v9 knows IANA's elements by their number, ntop's above 57472, and others not at all.
static_assert(Element("", pen::kIana, 152).v9 == 152);
static_assert(Element("", pen::kNtop, 205).v9 == 57677);
static_assert(Element("", pen::kReverse, 1).v9 == 0);
static_assert(Element("", pen::kOwn, 1).v9 == 0);
static_assert(Element("", pen::kReverse, 1, 23).v9 == 23);

template <auto Source>
Value read(const Body& body, Scratch& scratch) {
  return field<Source>("x", {"", pen::kIana, 1}, "").read(&body, scratch);
}

TEST(Field, ReadsMembersWhereTheyStand) {
  Body body;
  body.text.assign("abc");
  Scratch scratch;
  EXPECT_EQ(read<&Body::u64>(body, scratch).number, 4U);
  EXPECT_EQ(read<&Body::flag>(body, scratch).kind, Value::Kind::Boolean);
  EXPECT_EQ(read<&Body::time>(body, scratch).signed_number, 5);
  EXPECT_EQ(read<&Body::mac>(body, scratch).data, body.mac.bytes.data());
  EXPECT_EQ(read<&Body::text>(body, scratch).text(), "abc");
  EXPECT_EQ(read<&Body::octets>(body, scratch).octets().size(), 3U);
}

TEST(Field, ReadsWhatAFunctionGives) {
  Body body;
  Scratch scratch;
  EXPECT_EQ(read<&doubled>(body, scratch).number, 4U);
  body.u16 = 0;
  EXPECT_EQ(read<&doubled>(body, scratch).kind, Value::Kind::Absent);
  const Value address = read<&computed_address>(body, scratch);
  ASSERT_EQ(address.size, 16U);
  EXPECT_EQ(address.octets()[0], 1U) << "it is kept in the scratch while it is looked at";
  EXPECT_EQ(read<&written>(body, scratch).text(), "bbb");
}

TEST(Field, AbsentIsNotZero) {
  Body body;
  Scratch scratch;
  EXPECT_EQ(read<&Body::maybe>(body, scratch).kind, Value::Kind::Absent);
  body.maybe = 0;
  EXPECT_EQ(read<&Body::maybe>(body, scratch).kind, Value::Kind::Unsigned);
  EXPECT_EQ(read<&Body::macs>(body, scratch).kind, Value::Kind::Absent) << "an empty list";
}

TEST(Text, NeverOutgrowsItsRoom) {
  Text<5> text;
  text.assign("123456789");
  EXPECT_EQ(text.view(), "12345");
  text.assign("");
  EXPECT_EQ(text.view(), "");
}

TEST(List, RefusesWhatDoesNotFit) {
  List<uint16_t, 2> list;
  EXPECT_TRUE(list.push(1));
  EXPECT_TRUE(list.push(2));
  EXPECT_FALSE(list.push(3));
  EXPECT_EQ(list.count, 2U);
  Scratch scratch;
  const Value value = ValueOf<List<uint16_t, 2>>::read(list, scratch);
  ASSERT_EQ(value.size, 2U);
  EXPECT_EQ(value.item(value.data, 1, scratch).number, 2U);
}

}  // namespace
}  // namespace microcloud
