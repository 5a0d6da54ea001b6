// The index against a map of the standard library, under keys chosen to collide.
#include "flow/flow_index.h"

#include <gtest/gtest.h>

#include <random>
#include <unordered_map>
#include <vector>

namespace microcloud {
namespace {

constexpr uint64_t hash_with(uint32_t upper) {
  return uint64_t{upper} << 32;
}

class Model {
 public:
  explicit Model(unsigned seed) : random_(seed) {}

  /// `upper`: the half of the hash that the index uses.
  void insert(uint32_t upper) {
    const auto slot = static_cast<uint32_t>(uppers_.size());
    uppers_.push_back(upper);
    place_[slot] = live_.size();
    live_.push_back(slot);
    index_.insert(FlowIndex::tag_of(hash_with(upper)), slot);
  }
  void erase_one() {
    if (live_.empty()) return;
    const size_t at = random_() % live_.size();
    const uint32_t slot = live_[at];
    index_.erase(FlowIndex::tag_of(hash_with(uppers_[slot])), slot);
    live_[at] = live_.back();
    place_[live_[at]] = at;
    live_.pop_back();
    place_.erase(slot);
    EXPECT_FALSE(finds(slot));
  }
  bool finds(uint32_t slot) const {
    const auto is_it = [slot](uint32_t candidate) { return candidate == slot; };
    return index_.find(FlowIndex::tag_of(hash_with(uppers_[slot])), is_it) == slot;
  }
  bool finds_all() const {
    for (const uint32_t slot : live_) {
      if (!finds(slot)) return false;
    }
    return true;
  }
  bool finds_no_other(uint32_t upper) const {
    bool right = true;
    const uint32_t tag = FlowIndex::tag_of(hash_with(upper));
    index_.find(tag, [&](uint32_t slot) {
      right = right && place_.contains(slot) && FlowIndex::tag_of(hash_with(uppers_[slot])) == tag;
      return false;
    });
    return right;
  }
  uint32_t random(uint32_t below) { return static_cast<uint32_t>(random_() % below); }
  size_t size() const { return live_.size(); }

 private:
  FlowIndex index_;
  std::mt19937 random_;
  std::vector<uint32_t> uppers_;
  std::vector<uint32_t> live_;
  std::unordered_map<uint32_t, size_t> place_;
};

TEST(FlowIndex, FindsWhatWasInsertedAndNothingElse) {
  FlowIndex index;
  const auto any = [](uint32_t) { return true; };
  const uint32_t tag = FlowIndex::tag_of(hash_with(77));
  EXPECT_EQ(index.find(tag, any), FlowIndex::kNone);
  index.insert(tag, 0);
  EXPECT_EQ(index.find(tag, any), 0U);
  EXPECT_EQ(index.find(FlowIndex::tag_of(hash_with(78)), any), FlowIndex::kNone);
  index.erase(tag, 0);
  EXPECT_EQ(index.find(tag, any), FlowIndex::kNone);
}

TEST(FlowIndex, HashesOfZeroAndOfOnesAreLikeOthers) {
  FlowIndex index;
  const auto any = [](uint32_t) { return true; };
  index.insert(FlowIndex::tag_of(0), 3);
  index.insert(FlowIndex::tag_of(~uint64_t{0}), 4);
  EXPECT_EQ(index.find(FlowIndex::tag_of(0), any), 3U);
  EXPECT_EQ(index.find(FlowIndex::tag_of(~uint64_t{0}), any), 4U);
}

TEST(FlowIndex, EqualTagsAreToldApartByTheCaller) {
  FlowIndex index;
  const uint32_t tag = FlowIndex::tag_of(hash_with(5));
  for (uint32_t slot = 0; slot < 100; ++slot) index.insert(tag, slot);
  for (uint32_t slot = 0; slot < 100; ++slot) {
    EXPECT_EQ(index.find(tag, [slot](uint32_t candidate) { return candidate == slot; }), slot);
  }
  for (uint32_t slot = 0; slot < 100; slot += 2) index.erase(tag, slot);
  for (uint32_t slot = 0; slot < 100; ++slot) {
    const uint32_t expected = slot % 2 == 0 ? FlowIndex::kNone : slot;
    EXPECT_EQ(index.find(tag, [slot](uint32_t candidate) { return candidate == slot; }), expected);
  }
}

TEST(FlowIndex, GrowsWithoutLosingAnything) {
  Model model(1);
  for (int count = 0; count < 100'000; ++count) model.insert(static_cast<uint32_t>(count) * 0x9e3779b1U);
  EXPECT_TRUE(model.finds_all());
}

TEST(FlowIndex, CrowdedPlacesCloseTheirGaps) {
  // All keys have one of a few places, two of them at the end of the index, so that rows run over and around it.
  constexpr uint32_t kPlaces[] = {0, 1, 2, 3, 100, 101, 0x1ff, 0x1fe, 0xfff, 0xffe, 0x0fff'ffff, 0x0fff'fffe};
  for (unsigned seed = 0; seed < 20; ++seed) {
    Model model(seed);
    const uint32_t most = 20 + seed * 30;
    for (int round = 0; round < 4000; ++round) {
      const bool more = model.size() < most && model.random(2) == 0;
      if (more) {
        model.insert(kPlaces[model.random(std::size(kPlaces))] | model.random(4) << 28);
      } else {
        model.erase_one();
      }
      if (round % 16 == 0) {
        ASSERT_TRUE(model.finds_all()) << seed << " " << round;
      }
    }
    for (const uint32_t place : kPlaces) EXPECT_TRUE(model.finds_no_other(place));
  }
}

TEST(FlowIndex, LongRunOfRandomOperationsIsAMap) {
  Model model(99);
  for (int round = 0; round < 200'000; ++round) {
    if (model.random(100) < (round % 50'000 < 25'000 ? 60U : 40U)) {
      model.insert(model.random(0xffffffff));
    } else {
      model.erase_one();
    }
    if (round % 20'000 == 0) {
      ASSERT_TRUE(model.finds_all()) << round;
    }
  }
  ASSERT_TRUE(model.finds_all());
}

}  // namespace
}  // namespace microcloud
