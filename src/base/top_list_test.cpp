#include "base/top_list.h"

#include <gtest/gtest.h>

#include <string>

namespace microcloud {
namespace {

struct Sums {
  uint64_t octets = 0;
  uint64_t weight() const { return octets; }
};

using Top = TopList<uint32_t, Sums>;

std::string keys_of(const std::vector<std::pair<uint32_t, Sums>>& rows) {
  std::string text;
  for (const auto& [key, sums] : rows) text += std::to_string(key) + "=" + std::to_string(sums.octets) + " ";
  return text;
}

TEST(TopList, IsExactWhileAllKeysFit) {
  Top top(100);
  for (uint32_t round = 1; round <= 3; ++round) {
    for (uint32_t key = 0; key < 100; ++key) top[key].octets += uint64_t{key} * round;
  }
  EXPECT_TRUE(top.exact());
  EXPECT_EQ(top.size(), 100U);
  EXPECT_EQ(keys_of(top.largest(3)), "99=594 98=588 97=582 ");
}

TEST(TopList, EqualSumsStandInTheOrderOfTheirKeys) {
  Top top(10);
  for (const uint32_t key : {5U, 3U, 9U, 1U}) top[key].octets = 7;
  top[4].octets = 8;
  EXPECT_EQ(keys_of(top.largest(10)), "4=8 1=7 3=7 5=7 9=7 ");
}

TEST(TopList, LargeKeysStayExactUnderAFloodOfSmallOnes) {
  constexpr uint32_t kLarge = 20;
  Top top(100);
  uint64_t expected = 0;
  for (uint32_t number = 0; number < 100'000; ++number) {
    top[1'000'000 + number].octets += 1;
    top[number % kLarge].octets += 50;
    if (number % kLarge == 0) expected += 50;
    ASSERT_LE(top.size(), 100U);
  }
  EXPECT_FALSE(top.exact());
  const auto rows = top.largest(kLarge);
  ASSERT_EQ(rows.size(), kLarge);
  for (const auto& [key, sums] : rows) {
    EXPECT_LT(key, kLarge);
    EXPECT_EQ(sums.octets, expected);
  }
}

TEST(TopList, MemoryIsBoundedWhenAllKeysWeighTheSame) {
  Top top(64);
  for (uint32_t key = 0; key < 10'000; ++key) {
    top[key].octets = 5;
    ASSERT_LE(top.size(), 64U);
  }
}

}  // namespace
}  // namespace microcloud
