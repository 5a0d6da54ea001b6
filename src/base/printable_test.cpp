#include "base/printable.h"

#include <gtest/gtest.h>

namespace microcloud {
namespace {

TEST(Printable, WhatIsTextStaysAsItIs) {
  for (const char* text : {"", "ip.10.0.0.1", "caf\u00e9 \u20ac \U0001f600", "a\\b ~", "\u00a0"})
    EXPECT_EQ(printable(text), text);
}

TEST(Printable, ControlCharactersAreToldByTheirBytes) {
  EXPECT_EQ(printable("a\x1b[2Jb"), "a\\x1b[2Jb");
  EXPECT_EQ(printable("one\ntwo\r\tthree"), "one\\x0atwo\\x0d\\x09three");
  EXPECT_EQ(printable(std::string_view("\0\x1f\x7f", 3)), "\\x00\\x1f\\x7f");
  EXPECT_EQ(printable("\xc2\x80-\xc2\x9b-\xc2\x9f"), "\\xc2\\x80-\\xc2\\x9b-\\xc2\\x9f");
}

TEST(Printable, WhatIsNoUtf8IsToldByItsBytes) {
  EXPECT_EQ(printable("\x9b"
                      "31m"),
            "\\x9b31m")
      << "CSI of eight bits";
  EXPECT_EQ(printable("\xc0\x9b"), "\\xc0\\x9b") << "an overlong ESC";
  EXPECT_EQ(printable("a\xe2\x82"), "a\\xe2\\x82");
  EXPECT_EQ(printable("\xff\u00e9"), "\\xff\u00e9");
}

TEST(Printable, ColumnsAreCodePoints) {
  EXPECT_EQ(columns_of("caf\u00e9"), 4U);
  EXPECT_EQ(cut_to("caf\u00e9", 4), "caf\u00e9");
  EXPECT_EQ(cut_to("caf\u00e9s", 4), "caf~");
  EXPECT_EQ(cut_to("\u00e9\u00e9\u00e9", 2), "\u00e9~");
  EXPECT_EQ(cut_to("abc", 0), "");
  EXPECT_EQ(cut_to("abc", 1), "~");
  EXPECT_EQ(cut_to("", 3), "");
}

}  // namespace
}  // namespace microcloud
