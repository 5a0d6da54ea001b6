#include "base/pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

namespace microcloud {
namespace {

#ifndef MICROCLOUD_POOL_IS_MALLOC
TEST(Pool, WhatWasGivenBackIsTakenAgainForTheSameSize) {
  void* const first = Pool::take(100);
  Pool::give(first, 100);
  void* const other = Pool::take(200);
  EXPECT_NE(other, first);
  EXPECT_EQ(Pool::take(120), first) << "sizes are rounded up";
  Pool::give(first, 120);
  Pool::give(other, 200);
}
#endif

TEST(Pool, BlocksAreApartAndHoldWhatIsWritten) {
  for (const size_t size : {0U, 1U, 63U, 64U, 65U, 1000U, 4095U, 4096U, 4097U, 100'000U}) {
    std::vector<uint8_t*> blocks;
    for (int count = 0; count < 100; ++count) {
      blocks.push_back(static_cast<uint8_t*>(Pool::take(size)));
      EXPECT_EQ(reinterpret_cast<uintptr_t>(blocks.back()) % alignof(std::max_align_t), 0U);
      std::memset(blocks.back(), count, size);
    }
    for (int count = 0; count < 100; ++count) {
      for (size_t at = 0; at < size; ++at) ASSERT_EQ(blocks[static_cast<size_t>(count)][at], count) << size;
    }
    for (uint8_t* const block : blocks) Pool::give(block, size);
  }
}

TEST(Pool, AnotherThreadMayGiveBack) {
  std::vector<void*> blocks(1000);
  std::thread([&] {
    for (void*& block : blocks) {
      block = Pool::take(300);
      std::memset(block, 1, 300);
    }
  }).join();
  for (void* const block : blocks) Pool::give(block, 300);
  std::set<void*> again;
  for (size_t count = 0; count < blocks.size(); ++count) again.insert(Pool::take(300));
  EXPECT_EQ(again.size(), blocks.size());
  for (void* const block : again) Pool::give(block, 300);
}

struct Thing : Pooled {
  explicit Thing(int its_value) : value(its_value) {}
  virtual ~Thing() { ++ended; }
  int value;
  static inline int ended = 0;
};
struct LargerThing : Thing {
  LargerThing() : Thing(7) { more.fill(9); }
  std::array<uint8_t, 500> more;
};

TEST(Pool, ObjectsEndWhateverPointsToThem) {
  Thing::ended = 0;
  delete new Thing(3);
  Thing* const larger = new LargerThing;
  EXPECT_EQ(larger->value, 7);
  delete larger;
  EXPECT_EQ(Thing::ended, 2);
}

TEST(Pool, ContainersGrowInIt) {
  std::vector<uint32_t, PoolAllocator<uint32_t>> numbers;
  PoolString text;
  for (uint32_t number = 0; number < 5000; ++number) {
    numbers.push_back(number);
    text += static_cast<char>('a' + number % 26);
  }
  for (uint32_t number = 0; number < 5000; ++number) {
    ASSERT_EQ(numbers[number], number);
    ASSERT_EQ(text[number], static_cast<char>('a' + number % 26));
  }
}

}  // namespace
}  // namespace microcloud
