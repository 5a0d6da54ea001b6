#include "base/huge_array.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <new>

#include "base/resident_memory.h"

namespace microcloud {
namespace {

TEST(HugeArray, IsZeroAndTakesMemoryOnlyWhereItIsTouched) {
  const uint64_t before = resident_bytes().value();
  HugeArray<uint64_t> array(size_t{1} << 29);  // 4 GiB of addresses
  EXPECT_EQ(array.size(), size_t{1} << 29);
  EXPECT_EQ(array[0], 0U);
  EXPECT_EQ(array[array.size() - 1], 0U);
  array[array.size() / 2] = 5;
  EXPECT_EQ(array[array.size() / 2], 5U);
  EXPECT_EQ(array.data() + 1, &array[1]);
  EXPECT_LT(resident_bytes().value(), before + (size_t{64} << 20));
}

TEST(HugeArray, MovesItsMemory) {
  HugeArray<uint32_t> from(1000);
  from[999] = 7;
  uint32_t* const memory = from.data();
  HugeArray<uint32_t> to(std::move(from));
  EXPECT_EQ(to.data(), memory);
  EXPECT_EQ(to[999], 7U);
  EXPECT_EQ(from.size(), 0U);  // NOLINT: it is left empty on purpose
  HugeArray<uint32_t> other(10);
  other = std::move(to);
  EXPECT_EQ(other.size(), 1000U);
  EXPECT_EQ(other[999], 7U);
}

TEST(HugeArray, OfNothingHasNoMemory) {
  EXPECT_EQ(HugeArray<uint64_t>().data(), nullptr);
}

TEST(HugeArray, RefusalIsBadAlloc) {
  EXPECT_THROW(HugeArray<uint8_t>(size_t{1} << 62), std::bad_alloc);
}

}  // namespace
}  // namespace microcloud
