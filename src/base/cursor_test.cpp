#include "base/cursor.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace microcloud {
namespace {

constexpr std::array<uint8_t, 10> kTen = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

TEST(Cursor, ReadsNumbersInNetworkByteOrder) {
  const std::array<uint8_t, 18> bytes = {0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
                                         0x8a, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x91, 0x92};
  Cursor in{Bytes(bytes)};
  EXPECT_EQ(in.u8(), 0x81U);
  EXPECT_EQ(in.u16(), 0x8283U);
  EXPECT_EQ(in.u24(), 0x848586U);
  EXPECT_EQ(in.u32(), 0x8788898aU);
  EXPECT_EQ(in.u64(), 0x8b8c8d8e8f909192U);
  EXPECT_EQ(in.left(), 0U);
  EXPECT_TRUE(in.ok());
}

TEST(Cursor, ReadToTheVeryEndIsNoOverrun) {
  Cursor in{Bytes(kTen)};
  EXPECT_EQ(in.bytes(10).size(), 10U);
  EXPECT_TRUE(in.bytes(0).empty());
  EXPECT_TRUE(in.skip(0));
  EXPECT_TRUE(in.ok());
}

/// Each way to read, as a program that answers what it got: zero when there was nothing.
using Read = uint64_t (*)(Cursor&);
constexpr Read kReads[] = {
    [](Cursor& in) -> uint64_t { return in.u8(); },
    [](Cursor& in) -> uint64_t { return in.u16(); },
    [](Cursor& in) -> uint64_t { return in.u24(); },
    [](Cursor& in) -> uint64_t { return in.u32(); },
    [](Cursor& in) -> uint64_t { return in.u64(); },
    [](Cursor& in) -> uint64_t { return in.bytes(5).size(); },
    [](Cursor& in) -> uint64_t { return in.skip(5) ? 1 : 0; },
};
constexpr size_t kSizes[] = {1, 2, 3, 4, 8, 5, 5};

TEST(Cursor, OverrunGivesZeroAndLatchesForGood) {
  for (size_t read = 0; read < std::size(kReads); ++read) {
    for (size_t have = 0; have < kSizes[read]; ++have) {
      const std::vector<uint8_t> bytes(have, 0xff);
      Cursor in{Bytes(bytes)};
      EXPECT_EQ(kReads[read](in), 0U) << "read " << read << " of " << have << " bytes";
      EXPECT_FALSE(in.ok());
      EXPECT_EQ(in.left(), 0U) << "what was left is gone too";
      EXPECT_TRUE(in.rest().empty());
      for (const Read next : kReads) EXPECT_EQ(next(in), 0U);
      EXPECT_FALSE(in.has(1));
      EXPECT_EQ(in.peek(), 0U);
      in.keep(0);
      EXPECT_FALSE(in.ok());
    }
  }
}

TEST(Cursor, LengthsThatWouldWrapAreOverruns) {
  for (const size_t length : {size_t{11}, ~size_t{0}, ~size_t{0} - 5, size_t{1} << 63}) {
    Cursor skipping{Bytes(kTen)};
    EXPECT_FALSE(skipping.skip(length));
    EXPECT_FALSE(skipping.ok());
    Cursor reading{Bytes(kTen)};
    reading.skip(5);
    EXPECT_TRUE(reading.bytes(length).empty());
    EXPECT_FALSE(reading.ok());
  }
}

TEST(Cursor, HasAndPeekNeitherMoveNorLatch) {
  Cursor in{Bytes(kTen)};
  in.skip(7);
  EXPECT_TRUE(in.has(3));
  EXPECT_FALSE(in.has(4));
  EXPECT_EQ(in.peek(), 7U);
  EXPECT_EQ(in.peek(2), 9U);
  EXPECT_EQ(in.peek(3), 0U) << "behind the end";
  EXPECT_EQ(in.peek(~size_t{0}), 0U);
  EXPECT_TRUE(in.ok());
  EXPECT_EQ(in.u8(), 7U);
}

TEST(Cursor, KeepHidesWhatFollows) {
  Cursor in{Bytes(kTen)};
  in.skip(2);
  in.keep(3);
  EXPECT_EQ(in.left(), 3U);
  EXPECT_EQ(in.peek(3), 0U);
  in.keep(100);  // more than there is: nothing comes back
  EXPECT_EQ(in.left(), 3U);
  EXPECT_EQ(in.u24(), 0x020304U);
  EXPECT_TRUE(in.ok());
  EXPECT_EQ(in.u8(), 0U);
  EXPECT_FALSE(in.ok());
}

TEST(Cursor, WithoutBytesIsEmptyAndNotYetFailed) {
  Cursor in;
  EXPECT_TRUE(in.ok());
  EXPECT_TRUE(in.rest().empty());
  EXPECT_EQ(in.peek(), 0U);
  EXPECT_EQ(in.u16(), 0U);
  EXPECT_FALSE(in.ok());
}

TEST(Cursor, CopyReadsAheadWithoutTheOriginal) {
  Cursor in{Bytes(kTen)};
  Cursor ahead = in;
  ahead.skip(11);
  EXPECT_FALSE(ahead.ok());
  EXPECT_TRUE(in.ok());
  EXPECT_EQ(in.u16(), 1U);
}

}  // namespace
}  // namespace microcloud
