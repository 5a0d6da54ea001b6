#include "record/text_list.h"

#include <gtest/gtest.h>

#include <string>

namespace microcloud {
namespace {

TEST(TextList, KeepsTextsAsLongAsTheyAre) {
  TextList<16, 4> list;
  EXPECT_TRUE(list.push("one"));
  EXPECT_TRUE(list.push(""));
  EXPECT_TRUE(list.push("three"));
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0], "one");
  EXPECT_EQ(list[1], "");
  EXPECT_EQ(list[2], "three");
}

TEST(TextList, TakesNoTextThatDoesNotFitWhole) {
  TextList<8, 3> list;
  EXPECT_TRUE(list.push("12345"));
  EXPECT_FALSE(list.push("6789"));
  EXPECT_TRUE(list.push("678"));
  EXPECT_TRUE(list.push(""));
  EXPECT_FALSE(list.push("")) << "the fourth of three";
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[1], "678");
}

TEST(TextList, SortsAndKeepsEachOnce) {
  TextList<32, 8> list;
  for (const char* text : {"b", "a", "bb", "b", "a"}) list.push(text);
  list.sort_unique();
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0], "a");
  EXPECT_EQ(list[1], "b");
  EXPECT_EQ(list[2], "bb");
}

TEST(TextList, IsReadAsAListOfStrings) {
  TextList<32, 8> list;
  Scratch scratch;
  EXPECT_EQ((ValueOf<TextList<32, 8>>::read(list, scratch).kind), Value::Kind::Absent);
  list.push("first");
  list.push("second");
  const Value value = ValueOf<TextList<32, 8>>::read(list, scratch);
  ASSERT_EQ(value.kind, Value::Kind::List);
  ASSERT_EQ(value.size, 2U);
  EXPECT_EQ(value.item(value.data, 0, scratch).text(), "first");
  EXPECT_EQ(value.item(value.data, 1, scratch).text(), "second");
}

}  // namespace
}  // namespace microcloud
