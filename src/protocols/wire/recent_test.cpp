// What is kept is what would be computed, for keys that differ in anything.
#include "protocols/wire/recent.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace microcloud {
namespace {

RecentKey key_of(const std::vector<std::vector<uint16_t>>& lists) {
  RecentKey key;
  for (const std::vector<uint16_t>& list : lists) {
    key.add_list([&](RecentKey& into) {
      for (const uint16_t word : list) into.add(word);
    });
  }
  return key;
}

TEST(Recent, ComputesOnce) {
  Recent<std::string> recent;
  unsigned computed = 0;
  const auto get = [&](const RecentKey& key, const std::string& result) {
    return recent.get(key, [&] {
      ++computed;
      return result;
    });
  };
  EXPECT_EQ(get(key_of({{1, 2}, {3}}), "first"), "first");
  EXPECT_EQ(get(key_of({{1, 2}, {3}}), "never asked for"), "first");
  EXPECT_EQ(computed, 1U);
  EXPECT_EQ(get(key_of({{1}, {2, 3}}), "second"), "second");
  EXPECT_EQ(get(key_of({{1, 2}, {3}, {}}), "third"), "third");
  EXPECT_EQ(get(key_of({}), "fourth"), "fourth");
  EXPECT_EQ(computed, 4U);
}

TEST(Recent, ManyKeysEachGiveTheirOwn) {
  Recent<size_t> recent;
  for (int round = 0; round < 2; ++round) {
    for (uint16_t at = 0; at < 2000; ++at) {
      EXPECT_EQ(recent.get(key_of({{at, static_cast<uint16_t>(at % 7)}}), [&] { return size_t{at}; }), at);
    }
  }
}

TEST(Recent, AKeyThatDoesNotFitIsComputedEachTime) {
  Recent<int> recent;
  const std::vector<uint16_t> longest(RecentKey::kMost - 1, 7), longer(RecentKey::kMost, 7);
  EXPECT_TRUE(key_of({longest}).fits());
  EXPECT_FALSE(key_of({longer}).fits());
  int computed = 0;
  for (const auto& list : {longest, longer, longest, longer}) recent.get(key_of({list}), [&] { return ++computed; });
  EXPECT_EQ(computed, 3);
}

TEST(Recent, TextsAreKeptApart) {
  const auto key = [](std::string_view text) {
    RecentKey made;
    made.add_text(text);
    return made;
  };
  EXPECT_TRUE(key("abc") == key("abc"));
  EXPECT_FALSE(key("abc") == key(std::string_view("abc\0", 4)));
  EXPECT_FALSE(key("abc") == key("acb"));
}

}  // namespace
}  // namespace microcloud
