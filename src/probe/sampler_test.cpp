#include "probe/sampler.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

namespace microcloud {
namespace {

/// Whether each of `count` packets is taken, in bursts of this many.
std::vector<bool> taken(Sampler sampler, size_t count, size_t burst) {
  std::vector<bool> all;
  while (all.size() < count) {
    const uint64_t bits = sampler.take(burst);
    for (size_t at = 0; at < burst; ++at) all.push_back((bits >> at & 1) != 0);
  }
  all.resize(count);
  return all;
}

TEST(Sampler, TakesOneOutOfEachN) {
  for (const uint32_t interval : {2U, 3U, 7U, 64U, 100U, 1000U}) {
    const std::vector<bool> all = taken({interval, 1}, size_t{interval} * 500, 64);
    for (size_t window = 0; window < 500; ++window) {
      unsigned count = 0;
      for (size_t at = 0; at < interval; ++at) count += all[window * interval + at] ? 1 : 0;
      ASSERT_EQ(count, 1U) << interval << " " << window;
    }
  }
}

TEST(Sampler, WhatIsTakenDoesNotHangOnTheBursts) {
  const std::vector<bool> one = taken({10, 7}, 10'000, 1);
  for (const size_t burst : {2, 31, 63, 64}) EXPECT_EQ(taken({10, 7}, 10'000, burst), one) << burst;
}

TEST(Sampler, OfOneTakesEveryPacket) {
  Sampler sampler(1, 5);
  EXPECT_TRUE(sampler.takes_all());
  EXPECT_EQ(sampler.take(64), ~uint64_t{0});
  EXPECT_EQ(sampler.take(3), 7U);
  EXPECT_FALSE(Sampler(2, 5).takes_all());
}

TEST(Sampler, SeedsTakeDifferentPackets) {
  EXPECT_EQ(taken({50, 3}, 5000, 64), taken({50, 3}, 5000, 64));
  EXPECT_NE(taken({50, 3}, 5000, 64), taken({50, 4}, 5000, 64));
}

/// Each place of the N is as likely as any other, and a place says nothing of the next one.
TEST(Sampler, PlacesAreEvenlySpread) {
  constexpr uint32_t kInterval = 16;
  constexpr size_t kWindows = 100'000;
  const std::vector<bool> all = taken({kInterval, 2}, kInterval * kWindows, 64);
  std::vector<std::vector<double>> pairs(kInterval, std::vector<double>(kInterval));
  size_t before = 0;
  for (size_t window = 0; window < kWindows; ++window) {
    size_t place = 0;
    while (!all[window * kInterval + place]) ++place;
    if (window > 0) pairs[before][place] += 1;
    before = place;
  }
  double chi_square = 0;
  constexpr double kExpected = (kWindows - 1.0) / (kInterval * kInterval);
  for (const std::vector<double>& row : pairs) {
    for (const double count : row) chi_square += (count - kExpected) * (count - kExpected) / kExpected;
  }
  constexpr double kFreedom = kInterval * kInterval - 1;
  EXPECT_NEAR(chi_square, kFreedom, 5 * std::sqrt(2 * kFreedom));
}

TEST(Sampler, LargestIntervalTakesHardlyAnything) {
  Sampler sampler(0xffffffff, 1);
  uint64_t count = 0;
  for (int burst = 0; burst < 100'000; ++burst) count += static_cast<uint64_t>(std::popcount(sampler.take(64)));
  EXPECT_LE(count, 1U);
}

std::vector<size_t> picked(RandomPicks picks, size_t count, size_t burst) {
  std::vector<size_t> places;
  for (size_t at = 0; at < count; at += burst) {
    const uint64_t bits = picks.pick(burst);
    for (size_t place = 0; place < burst; ++place) {
      if ((bits >> place & 1) != 0) places.push_back(at + place);
    }
  }
  return places;
}

TEST(RandomPicks, StepsAreAsTheySayAndFollowNoRhythm) {
  constexpr size_t kCount = 64 * 64 * 1000;
  const std::vector<size_t> places = picked(RandomPicks(0), kCount, 64);
  EXPECT_NEAR(static_cast<double>(places.size()), kCount / 64, 5 * std::sqrt(kCount / 64));
  std::vector<unsigned> of_phase(64);
  for (size_t at = 1; at < places.size(); ++at) {
    const size_t step = places[at] - places[at - 1];
    ASSERT_TRUE(step >= 1 && step <= 127) << step;
    ++of_phase[places[at] % 64];
  }
  for (const unsigned count : of_phase) EXPECT_NEAR(count, 1000, 5 * std::sqrt(1000));
}

TEST(RandomPicks, DoNotHangOnTheBursts) {
  for (const size_t burst : {1U, 2U, 32U})
    EXPECT_EQ(picked(RandomPicks(7), 6400, burst), picked(RandomPicks(7), 6400, 64));
  EXPECT_NE(picked(RandomPicks(7), 6400, 64), picked(RandomPicks(8), 6400, 64));
}

}  // namespace
}  // namespace microcloud
