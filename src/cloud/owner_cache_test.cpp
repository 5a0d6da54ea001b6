#include "cloud/owner_cache.h"

#include <gtest/gtest.h>

#include "cloud/breaker.h"

namespace microcloud {
namespace {

using State = OwnerCache::State;

TEST(OwnerCache, AnAnswerLastsUntilItsDeadline) {
  OwnerCache cache(10, HashSeed::random());
  EXPECT_EQ(cache.find("a", 0), nullptr);
  const uint32_t ticket = cache.ask("a");
  ASSERT_NE(cache.find("a", 0), nullptr);
  EXPECT_EQ(cache.find("a", 1'000'000)->state, State::Asked);
  EXPECT_TRUE(cache.answer("a", ticket, State::Somebody, "anna", 100));
  EXPECT_EQ(cache.find("a", 99)->user, "anna");
  EXPECT_EQ(cache.asked(), 0U);
  EXPECT_EQ(cache.find("a", 100), nullptr);
  EXPECT_EQ(cache.size(), 0U);
}

TEST(OwnerCache, WhatChangedWhileItWasAskedIsNotKept) {
  OwnerCache cache(10, HashSeed::random());
  const uint32_t first = cache.ask("a");
  cache.forget("a");
  EXPECT_FALSE(cache.answer("a", first, State::Somebody, "old", 100));
  const uint32_t second = cache.ask("a");
  EXPECT_FALSE(cache.answer("a", first, State::Somebody, "old", 100)) << "the answer to an earlier question";
  EXPECT_TRUE(cache.answer("a", second, State::Somebody, "new", 100));
  EXPECT_FALSE(cache.answer("a", second, State::Somebody, "again", 100));
  EXPECT_EQ(cache.find("a", 0)->user, "new");
}

TEST(OwnerCache, WhatCameFromOneServerIsForgotten) {
  OwnerCache cache(10, HashSeed::random());
  for (uint32_t server : {1U, 2U, 1U}) {
    const std::string key = "k" + std::to_string(cache.size());
    cache.answer(key, cache.ask(key), State::Somebody, "anna", 100, server);
  }
  const uint32_t open = cache.ask("asked");
  cache.forget_from(1);
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_NE(cache.find("k1", 0), nullptr);
  EXPECT_TRUE(cache.answer("asked", open, State::Nobody, {}, 100, 1));
}

TEST(OwnerCache, TheOldestGoWhenItIsFull) {
  OwnerCache cache(3, HashSeed::random());
  for (const char* key : {"a", "b", "c", "d"}) cache.ask(key);
  EXPECT_EQ(cache.size(), 3U);
  EXPECT_EQ(cache.asked(), 3U);
  EXPECT_EQ(cache.find("a", 0), nullptr);
  EXPECT_NE(cache.find("b", 0), nullptr);
  cache.ask("b");
  cache.ask("e");
  EXPECT_NE(cache.find("b", 0), nullptr) << "it was asked anew";
  EXPECT_EQ(cache.find("c", 0), nullptr);
  cache.clear();
  EXPECT_EQ(cache.size() + cache.asked(), 0U);
}

TEST(Breaker, OpensAfterFailuresInARowAndPausesLonger) {
  Breaker breaker(
      {.failures = 3, .first_pause = std::chrono::milliseconds(5), .longest_pause = std::chrono::milliseconds(15)});
  EXPECT_FALSE(breaker.failed());
  EXPECT_FALSE(breaker.failed());
  breaker.succeeded();
  EXPECT_FALSE(breaker.failed());
  EXPECT_FALSE(breaker.failed());
  EXPECT_TRUE(breaker.failed());
  EXPECT_FALSE(breaker.failed()) << "it is open already";
  breaker.succeeded();
  EXPECT_TRUE(breaker.open()) << "only a trial closes it";
  breaker.trial_failed();
  EXPECT_EQ(breaker.pause().count(), 10);
  breaker.trial_failed();
  EXPECT_EQ(breaker.pause().count(), 15);
  breaker.close();
  EXPECT_FALSE(breaker.open());
  EXPECT_EQ(breaker.pause().count(), 5);
}

}  // namespace
}  // namespace microcloud
