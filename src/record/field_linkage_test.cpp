// Records of two files may have structs of the same name: field_test.cpp has a Body as well, with other members.
#include <gtest/gtest.h>

#include "record/field.h"

namespace microcloud {
namespace {

struct Body {
  uint8_t time = 7;
  uint32_t u8 = 70'000;
  uint16_t macs = 300;
};

constexpr Field kFields[] = {
    field<&Body::time>("time", {"", pen::kOwn, 1}, ""),
    field<&Body::u8>("u8", {"", pen::kOwn, 2}, ""),
    field<&Body::macs>("macs", {"", pen::kOwn, 3}, ""),
};

TEST(Field, ReadsItsOwnFilesStruct) {
  const Body body;
  Scratch scratch;
  EXPECT_EQ(kFields[0].read(&body, scratch).number, 7U);
  EXPECT_EQ(kFields[1].read(&body, scratch).number, 70'000U);
  EXPECT_EQ(kFields[2].read(&body, scratch).number, 300U);
}

}  // namespace
}  // namespace microcloud
