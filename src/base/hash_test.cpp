#include "base/hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <random>
#include <unordered_set>
#include <vector>

#include "base/owner.h"

namespace microcloud {
namespace {

TEST(Hash, NeighbouringKeysSpreadOverBothHalves) {
  // The upper half is a flow's tag, its low bits the place in the index: counting keys must not crowd either.
  constexpr unsigned kKeys = 1U << 16;
  const HashSeed seed;
  std::unordered_set<uint32_t> tags;
  std::vector<unsigned> places(kKeys / 16);
  for (uint64_t key = 0; key < kKeys; ++key) {
    const auto tag = static_cast<uint32_t>(hash_words(seed, 0x0100000a, key << 24 | 0x0a, 0x0006005000000000) >> 32);
    tags.insert(tag);
    ++places[tag & (places.size() - 1)];
  }
  EXPECT_GE(tags.size(), kKeys - 10) << "0.5 equal pairs are to be expected";
  EXPECT_LT(*std::max_element(places.begin(), places.end()), 50U) << "16 on the average";
}

TEST(Hash, EveryBitOfEveryWordCounts) {
  const HashSeed seed{0x1234567890abcdef, 0xfedcba9876543211};
  std::array<uint64_t, 5> words = {1, 2, 3, 4, 5};
  const auto hash = [&] { return hash_words(seed, words[0], words[1], words[2], words[3], words[4]); };
  const uint64_t before = hash();
  int changed = 0;
  for (uint64_t& word : words) {
    for (int bit = 0; bit < 64; ++bit) {
      word ^= uint64_t{1} << bit;
      EXPECT_NE(hash(), before);
      changed += std::popcount(hash() ^ before);
      word ^= uint64_t{1} << bit;
    }
  }
  EXPECT_NEAR(changed / 320.0, 32, 4) << "bits that change on the average";
}

TEST(Hash, AnotherSeedGivesOtherCollisions) {
  const HashSeed one = HashSeed::random();
  const HashSeed other = HashSeed::random();
  int equal_places = 0;
  for (uint64_t key = 0; key < 4096; ++key) {
    const uint64_t a = hash_words(one, key, 0, 0);
    const uint64_t b = hash_words(other, key, 0, 0);
    if (a >> 32 == b >> 32) ++equal_places;
  }
  EXPECT_LE(equal_places, 1);
}

TEST(Owner, IsTheSameForBothDirections) {
  std::mt19937 random(3);
  for (int round = 0; round < 1000; ++round) {
    std::array<uint8_t, 16> a;
    std::array<uint8_t, 16> b;
    for (uint8_t& byte : a) byte = static_cast<uint8_t>(random());
    for (uint8_t& byte : b) byte = static_cast<uint8_t>(random());
    const auto port_a = static_cast<uint16_t>(random());
    const auto port_b = static_cast<uint16_t>(random());
    for (const unsigned size : {4U, 16U}) {
      ASSERT_EQ(owner_hash(a.data(), b.data(), size, port_a, port_b),
                owner_hash(b.data(), a.data(), size, port_b, port_a));
    }
  }
}

TEST(Owner, LooksAtTheWholeAddressAndNoFurther) {
  std::array<uint8_t, 16> a{};
  const std::array<uint8_t, 16> b{};
  for (size_t at = 0; at < 16; ++at) {
    a[at] = 1;
    const bool changed = owner_hash(a.data(), b.data(), 4, 1, 2) != owner_hash(b.data(), b.data(), 4, 1, 2);
    EXPECT_EQ(changed, at < 4) << at;
    EXPECT_NE(owner_hash(a.data(), b.data(), 16, 1, 2), owner_hash(b.data(), b.data(), 16, 1, 2)) << at;
    a[at] = 0;
  }
}

TEST(Owner, SharesCountingAddressesAndPorts) {
  for (const unsigned workers : {2U, 3U, 4U, 8U}) {
    std::vector<int> by_address(workers);
    std::vector<int> by_port(workers);
    const std::array<uint8_t, 4> server = {192, 0, 2, 1};
    const std::array<uint8_t, 4> proxy = {192, 0, 2, 7};
    for (unsigned number = 0; number < 10'000; ++number) {
      const std::array<uint8_t, 4> client = {10, 0, static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)};
      ++by_address[owner_of(owner_hash(client.data(), server.data(), 4, 40000, 443), workers)];
      const auto port = static_cast<uint16_t>(20000 + number);
      ++by_port[owner_of(owner_hash(server.data(), proxy.data(), 4, 443, port), workers)];
    }
    for (unsigned worker = 0; worker < workers; ++worker) {
      EXPECT_NEAR(by_address[worker] * static_cast<int>(workers), 10'000, 500) << worker << " of " << workers;
      EXPECT_NEAR(by_port[worker] * static_cast<int>(workers), 10'000, 500) << worker << " of " << workers;
    }
  }
}

}  // namespace
}  // namespace microcloud
