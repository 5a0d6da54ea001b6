#include "cloud/overflow.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>
#include <set>

#include "cloud/batch_reader.h"

namespace microcloud {
namespace {

constexpr size_t kMemory = 100'000;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr unsigned kSeeds = 6;  // each kind of bed once: it takes 10 to 30 times as long
#else
constexpr unsigned kSeeds = 30;
#endif

/// A buffer with little memory, what overflows from it, and what came to be under each key.
class Bed {
 public:
  explicit Bed(bool of_cluster, uint64_t most_bytes = uint64_t{64} << 20, size_t returning_bytes = kMemory)
      : buffer(kMemory, HashSeed{}),
        overflow({std::filesystem::temp_directory_path(), most_bytes}, returning_bytes, buffer, of_cluster) {}

  static std::string key(unsigned number) { return "key." + std::to_string(number); }
  void put(unsigned number) {
    KeyUpdate& update = buffer.at(key(number));
    update.add("n", number + 1);
    update.latest("last", ++turn_);
    update.set("text", std::to_string(turn_));
    ++increments;
    Truth& truth = truths[key(number)];
    truth.sum += number + 1;
    truth.last = turn_;
  }

  struct Truth {
    int64_t sum = 0;
    int64_t last = 0;
    bool operator==(const Truth&) const = default;
  };
  void apply(const KeyUpdate& update) {
    Truth& one = applied[update.key()];
    for (const KeyUpdate::Number& number : update.numbers()) {
      if (number.op == KeyUpdate::Op::Add) one.sum += number.value;
    }
    for (const KeyUpdate::Text& text : update.texts()) {
      EXPECT_LE(one.last, std::stoll(text.value)) << update.key() << " was overtaken";
      one.last = std::stoll(text.value);
    }
  }
  void apply(const Piece& piece) {
    MergeBuffer whole(SIZE_MAX, HashSeed{});
    add_batch(
        piece.commands, [](std::string_view) { return true; }, whole);
    for (; whole.size() > 0; whole.pop_front()) apply(whole.front());
    gone += piece.increments;
  }
  void apply(const UnitCut& cut) {
    std::set<std::string> keys;
    for (const KeyUnit& unit : cut.units) {
      EXPECT_TRUE(keys.insert(unit.key).second) << unit.key << " twice";
      MergeBuffer whole(SIZE_MAX, HashSeed{});
      add_unit(unit, whole);
      apply(whole.front());
      gone += unit.increments;
    }
  }
  std::optional<Piece> cut() {
    std::optional<Piece> piece = overflow.cut(PieceLimits{});
    return piece ? std::move(piece) : cut_piece(buffer, PieceLimits{});
  }
  void unshelve(const std::vector<resp::Slot>& slots) {
    for (const resp::Slot slot : slots) buffer.unshelve(slot);
    overflow.unshelve(slots);
  }
  bool all_gone() const { return overflow.empty() && buffer.size() == 0; }

  MergeBuffer buffer;
  Overflow overflow;
  std::map<std::string, Truth> truths, applied;
  uint64_t increments = 0, gone = 0;

 private:
  int64_t turn_ = 0;
};

TEST(Overflow, WhatMemoryHasNoRoomForLeavesFirst) {
  Bed bed(false);
  for (unsigned number = 0; number < 5'000; ++number) bed.put(number);
  for (unsigned number = 0; number < 5'000; number += 7) bed.put(number);
  EXPECT_LT(bed.buffer.bytes(), kMemory + 1'000);
  EXPECT_GT(bed.overflow.counts().updates, 4'000U);
  EXPECT_EQ(bed.buffer.totals().lost, 0U);
  EXPECT_EQ(bed.buffer.totals().increments, bed.increments);
  const auto first = bed.cut();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->commands.find("key.0\r\n") != std::string::npos, true);
  bed.apply(*first);
  while (const auto piece = bed.cut()) bed.apply(*piece);
  EXPECT_TRUE(bed.all_gone());
  EXPECT_EQ(bed.applied, bed.truths);
  EXPECT_EQ(bed.gone, bed.increments);
  EXPECT_EQ(bed.buffer.totals().increments, bed.increments) << "nothing counts twice";
}

TEST(Overflow, OfOneKeyTheOlderPartsMergeAndLeaveBeforeTheNewer) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    Bed bed(false);
    std::mt19937 random(seed);
    for (int turn = 0; turn < 20'000; ++turn) {
      bed.put(static_cast<unsigned>(random() % 2'000));
      if (random() % 20 != 0 || turn % 5'000 < 3'000) continue;
      if (const auto piece = bed.cut()) bed.apply(*piece);
    }
    while (const auto piece = bed.cut()) bed.apply(*piece);
    EXPECT_TRUE(bed.all_gone());
    EXPECT_EQ(bed.applied, bed.truths);
    EXPECT_EQ(bed.gone, bed.increments);
  }
}

TEST(Overflow, WhatTheFileDoesNotTakeIsLostAndCounted) {
  Bed bed(false, 150'000);
  for (unsigned number = 0; number < 20'000; ++number) bed.put(number);
  EXPECT_GT(bed.buffer.totals().lost, 1'000U);
  while (const auto piece = bed.cut()) bed.apply(*piece);
  EXPECT_EQ(bed.gone + bed.buffer.totals().lost, bed.increments);
  EXPECT_EQ(bed.applied.size(), bed.gone);
}

TEST(Overflow, OfAClusterASlotThatTakesNothingIsNotInTheWayOfSlotsThatHaveNothingInTheFile) {
  Bed bed(true);
  constexpr unsigned kAway = 3'000;  // keys
  std::set<resp::Slot> away;
  for (unsigned number = 0; number < kAway; ++number) away.insert(resp::slot_of(Bed::key(number)));
  for (unsigned number = 0; number < kAway; ++number) bed.put(number);
  const auto takes = [&away](resp::Slot slot) { return !away.contains(slot); };
  unsigned other = kAway;
  while (away.contains(resp::slot_of(Bed::key(other)))) ++other;
  bed.put(other);
  for (int turn = 0; turn < 100; ++turn) bed.apply(bed.overflow.cut(256, takes));
  EXPECT_EQ(bed.applied.size(), 1U);
  EXPECT_TRUE(bed.applied.contains(Bed::key(other)));
  EXPECT_LT(bed.overflow.returning().bytes(), size_t{1'100'000});
  bed.put(0);
  const std::vector<resp::Slot> all(away.begin(), away.end());
  away.clear();
  bed.unshelve(all);
  for (int turn = 0; turn < 100; ++turn) bed.apply(bed.overflow.cut(256, takes));
  EXPECT_TRUE(bed.all_gone());
  EXPECT_EQ(bed.applied, bed.truths);
}

TEST(Overflow, OfAClusterWhatIsBehindSlotsThatTakeNothingIsReached) {
  Bed bed(true);
  constexpr unsigned kKeys = 30'000;
  for (unsigned number = 0; number < kKeys; ++number) bed.put(number);
  std::set<resp::Slot> asked;
  bool all_take = false;
  const auto takes = [&](resp::Slot slot) {
    const bool taken = all_take || slot >= resp::kSlots / 3;
    if (!taken) asked.insert(slot);
    return taken;
  };
  for (int turn = 0; turn < 300; ++turn) bed.apply(bed.overflow.cut(256, takes));
  for (unsigned number = 0; number < kKeys; ++number) {
    const bool taken = resp::slot_of(Bed::key(number)) >= resp::kSlots / 3;
    ASSERT_EQ(bed.applied.contains(Bed::key(number)), taken) << number;
  }
  EXPECT_GT(bed.overflow.counts().updates, kKeys / 6);
  EXPECT_LT(bed.overflow.returning().bytes(), size_t{1'100'000});
  for (unsigned number = 0; number < 2'000; ++number) bed.put(number);
  all_take = true;
  bed.unshelve({asked.begin(), asked.end()});
  for (int turn = 0; turn < 300; ++turn) bed.apply(bed.overflow.cut(256, takes));
  EXPECT_TRUE(bed.all_gone());
  EXPECT_EQ(bed.applied, bed.truths);
  EXPECT_EQ(bed.gone, bed.increments);
}

/// Both files of the only Overflow that there is.
void shorten_files(off_t size) {
  for (const auto& one : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(one.path(), error);
    const bool is_nameless = target.starts_with(std::filesystem::temp_directory_path().string() + "/#");
    if (!is_nameless && target.find("microcloud-spill") == std::string::npos) continue;
    const int file = std::stoi(one.path().filename());
    if (lseek(file, 0, SEEK_END) > size) {
      ASSERT_EQ(ftruncate(file, size), 0);
    }
  }
}

TEST(Overflow, OfAClusterWhatWasLostInTheFileDoesNotHoldItsSlots) {
  Bed bed(true);
  constexpr unsigned kKeys = 30'000;
  for (unsigned number = 0; number < kKeys; ++number) bed.put(number);
  shorten_files(100'000);
  const auto takes = [](resp::Slot slot) { return slot >= resp::kSlots / 3; };
  for (int turn = 0; turn < 300; ++turn) bed.apply(bed.overflow.cut(256, takes));
  EXPECT_GT(bed.overflow.counts().lost, kKeys / 2);
  EXPECT_FALSE(bed.overflow.empty()) << "of slots that take nothing";
  const uint64_t before = bed.gone;
  uint64_t more = 0;
  for (unsigned number = 0; number < kKeys; number += 100) {
    bed.put(number);
    more += takes(resp::slot_of(Bed::key(number)));
  }
  for (int turn = 0; turn < 300; ++turn) bed.apply(bed.overflow.cut(256, takes));
  EXPECT_EQ(bed.gone - before, more);
}

TEST(Overflow, OfAClusterAllComesAndInOrderWhicheverSlotsTakeSomething) {
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    Bed bed(true, seed % 3 == 0 ? uint64_t{300'000} : uint64_t{64} << 20, seed % 2 == 0 ? kMemory : 2'000'000);
    std::mt19937 random(seed);
    std::vector<bool> up(3, true);
    std::set<resp::Slot> shelved, busy;
    const auto takes = [&](resp::Slot slot) {
      const bool taken = up[slot * 3U / resp::kSlots] && !busy.contains(slot);
      if (!taken) shelved.insert(slot);
      return taken;
    };
    const auto flush = [&] {
      std::vector<resp::Slot> back;
      for (const resp::Slot slot : std::set(shelved)) {
        shelved.erase(slot);
        if (takes(slot)) back.push_back(slot);
      }
      bed.unshelve(back);
      const UnitCut cut = bed.overflow.cut(1 + random() % 256, takes);
      bed.apply(cut);
      for (const KeyUnit& unit : cut.units) busy.insert(unit.slot);
      shelved.insert(cut.divided.begin(), cut.divided.end());
      if (random() % 3 == 0) busy.clear();
    };
    for (int turn = 0; turn < 30'000; ++turn) {
      bed.put(static_cast<unsigned>(random() % 3'000));
      if (random() % 1'000 == 0) up[random() % 3] = random() % 2 == 0;
      if (random() % 300 == 0) flush();
    }
    std::fill(up.begin(), up.end(), true);
    for (int turn = 0; turn < 5'000 && !bed.all_gone(); ++turn) flush();
    EXPECT_TRUE(bed.all_gone()) << seed;
    EXPECT_EQ(bed.gone + bed.buffer.totals().lost, bed.increments);
    if (bed.buffer.totals().lost == 0) {
      EXPECT_EQ(bed.applied, bed.truths);
    }
  }
}

}  // namespace
}  // namespace microcloud
