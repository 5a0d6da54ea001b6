#include "cloud/spill_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <thread>

namespace microcloud {
namespace {

using Op = KeyUpdate::Op;

/// A directory of its own, and what a process sees of the nameless file in it.
class Place {
 public:
  Place() {
    std::string name = std::filesystem::temp_directory_path() / "spill-test-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~Place() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

  /// -1: there is none.
  int descriptor() const {
    for (const auto& one : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code error;
      const std::string target = std::filesystem::read_symlink(one.path(), error);
      if (target.starts_with(path_ + "/")) return std::stoi(one.path().filename());
    }
    return -1;
  }
  struct stat status() const {
    struct stat status {};
    EXPECT_EQ(fstat(descriptor(), &status), 0);
    return status;
  }

 private:
  std::string path_;
};

constexpr uint64_t kMost = uint64_t{64} << 20;

std::string text_of(const SpilledUpdate& update) {
  std::string text = "[" + std::string(update.key) + "]";
  for (const auto& one : update.numbers) {
    text += " " + std::string(one.field) + ":" + std::to_string(static_cast<int>(one.op)) + ":" +
            std::to_string(one.value) + "/" + std::to_string(one.increments);
  }
  for (const auto& [field, value] : update.texts) text += " " + std::string(field) + "=" + std::string(value);
  const std::map<std::string, KeyUpdate::Sum> members(update.members.begin(), update.members.end());
  for (const auto& [member, sum] : members)
    text += " z" + member + ":" + std::to_string(sum.amount) + "/" + std::to_string(sum.increments);
  if (update.refreshes) text += " refresh(" + std::string(update.refreshes_unless) + ")";
  if (update.ending) {
    text += " end " + update.ending->field + "," + update.ending->value + "," + update.ending->mark + "," +
            update.ending->mark_value + "," + std::to_string(update.ending->seconds);
  }
  if (update.trims) text += " trim";
  if (update.begins) text += " begin";
  if (update.times.known())
    text += " seen " + std::to_string(update.times.first_ms) + "-" + std::to_string(update.times.last_ms);
  return text + " #" + std::to_string(update.increments) + " @" + std::to_string(update.since_ms) + "/" +
         std::to_string(update.packet_us);
}

std::string text_of(const KeyUpdate& update) {
  SpilledUpdate same;
  same.key = update.key();
  same.numbers = update.numbers();
  for (const auto& one : update.texts()) same.texts.emplace_back(one.field, one.value);
  for (const auto& [member, sum] : update.members()) same.members.emplace_back(member, sum);
  same.refreshes = update.refreshes();
  same.refreshes_unless = update.refreshes_unless();
  same.ending = update.ending();
  same.trims = update.trims();
  same.begins = update.begins();
  same.times = update.times();
  same.increments = update.increments();
  same.since_ms = update.since_ms();
  same.packet_us = update.packet_us();
  return text_of(same);
}

std::vector<std::string> pop(SpillFile& file) {
  std::vector<std::string> texts;
  file.pop([&texts](const SpilledUpdate& update) { texts.push_back(text_of(update)); });
  return texts;
}

/// One of `size` bytes or so, with two increments.
KeyUpdate& sized(MergeBuffer& buffer, int number, size_t size) {
  KeyUpdate& update = buffer.at("key." + std::to_string(number));
  update.add("n", 1);
  update.add("m", 2);
  update.set("text", std::string(size, static_cast<char>('a' + number % 26)));
  return update;
}

TEST(SpillFile, GivesBackEveryKindOfUpdateAsItWas) {
  const Place place;
  SpillFile file(place.path(), kMost, HashSeed{});
  MergeBuffer buffer(SIZE_MAX, HashSeed{});
  std::vector<std::string> expected;
  const auto spill = [&](const KeyUpdate& update) {
    ASSERT_TRUE(file.push(update));
    expected.push_back(text_of(update));
  };
  buffer.set_time(-7, INT64_MAX);
  KeyUpdate& numbers = buffer.at("ip.10.0.0.1");
  numbers.add("bytesSent", 0);
  numbers.add("bytesRcvd", static_cast<uint64_t>(INT64_MAX));
  numbers.add("flowsClient", 7, 1'000'000'007);
  numbers.latest("lastSeen", INT64_MIN);
  numbers.if_absent("firstSeen", 0);
  numbers.earliest("firstSeen", -1);
  numbers.seen({-1, INT64_MAX});
  numbers.begin();
  spill(numbers);
  buffer.set_time(int64_t{1} << 40);
  spill(buffer.at(""));
  const std::string binary("\0\r\n\xff$", 5);
  KeyUpdate& texts = buffer.at(binary);
  texts.set("", "");
  texts.set(binary, binary);
  texts.set("huge", std::string(3'000'000, 'x'));
  texts.refresh_unless("source");
  spill(texts);
  KeyUpdate& members = buffer.at("ip.10.0.0.1.peers");
  for (int member = 0; member < 20'000; ++member) members.add_member("m" + std::to_string(member), INT64_MAX - 1);
  members.add_member("", 0);
  members.add_member("m7", 1, 300);
  members.trim();
  spill(members);
  KeyUpdate& ended = buffer.at("voip.endpoint.a");
  ended.end({"call", "", "end", binary, UINT32_MAX});
  spill(ended);
  EXPECT_EQ(file.updates(), expected.size());

  std::vector<std::string> seen;
  while (!file.empty()) {
    for (std::string& text : pop(file)) seen.push_back(std::move(text));
  }
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(file.lost(), 0U);
  EXPECT_EQ(file.bytes(), 0U);
}

TEST(SpillFile, NamesOfNumbersAreTheVerySameOnes) {
  const Place place;
  SpillFile file(place.path(), kMost, HashSeed{});
  MergeBuffer buffer(SIZE_MAX, HashSeed{});
  static constexpr std::string_view kName = "bytesSent";
  buffer.at("a").add(kName, 1);
  ASSERT_TRUE(file.push(buffer.at("a")));
  file.pop([](const SpilledUpdate& update) { EXPECT_EQ(update.numbers.at(0).field.data(), kName.data()); });
}

TEST(SpillFile, WhatHasTooManyNamesIsNotTaken) {
  const Place place;
  SpillFile file(place.path(), kMost, HashSeed{});
  std::vector<std::string> names;
  for (size_t at = 0; at <= FieldNames::kMost; ++at) names.push_back("n" + std::to_string(at));
  for (size_t at = 0; at < names.size(); ++at) {
    MergeBuffer buffer(SIZE_MAX, HashSeed{});
    KeyUpdate& update = buffer.at("a");
    update.add(names[at], 1);
    ASSERT_EQ(file.push(update), at < FieldNames::kMost) << at;
  }
  EXPECT_EQ(file.updates(), FieldNames::kMost);
  size_t seen = 0;
  while (!file.empty()) seen += pop(file).size();
  EXPECT_EQ(seen, FieldNames::kMost);
  EXPECT_EQ(file.lost(), 0U);
}

TEST(SpillFile, HasNoNameAndGivesBackWhatWasRead) {
  const Place place;
  SpillFile file(place.path(), kMost, HashSeed{});
  MergeBuffer buffer(SIZE_MAX, HashSeed{});
  EXPECT_TRUE(std::filesystem::is_empty(place.path()));
  EXPECT_EQ(place.status().st_mode & 0777, 0600U);
  constexpr int kUpdates = 16'000;
  for (int number = 0; number < kUpdates; ++number) {
    ASSERT_TRUE(file.push(sized(buffer, number, 1'000)));
    buffer.pop_front();
  }
  EXPECT_GT(place.status().st_blocks * 512, 15'000'000);
  EXPECT_GT(file.bytes(), 16'000'000U);
  size_t seen = 0;
  while (seen < kUpdates * 3 / 4) seen += pop(file).size();
  EXPECT_LT(place.status().st_blocks * 512, 6'000'000) << "holes where it was read";
  EXPECT_LT(file.bytes(), 6'000'000U);
  while (!file.empty()) seen += pop(file).size();
  EXPECT_EQ(seen, kUpdates);
  EXPECT_EQ(place.status().st_size, 0);
  EXPECT_TRUE(std::filesystem::is_empty(place.path()));
}

TEST(SpillFile, LittleStaysInMemory) {
  const Place place;
  SpillFile file(place.path(), kMost, HashSeed{});
  MergeBuffer buffer(SIZE_MAX, HashSeed{});
  for (int number = 0; number < 100; ++number) ASSERT_TRUE(file.push(sized(buffer, number, 10)));
  EXPECT_EQ(place.status().st_size, 0);
  EXPECT_EQ(pop(file).size(), 100U);
  EXPECT_TRUE(file.empty());
  pop(file);
}

TEST(SpillFile, TakesNoMoreThanItMayAndGoesOnWhenThereIsRoom) {
  constexpr uint64_t kFew = uint64_t{1} << 20;
  const Place place;
  SpillFile file(place.path(), kFew, HashSeed{});
  MergeBuffer buffer(SIZE_MAX, HashSeed{});
  int pushed = 0;
  while (file.push(sized(buffer, pushed, 1'000))) ++pushed;
  for (int number = 1; number < 50; ++number) EXPECT_FALSE(file.push(sized(buffer, pushed + number, 1'000)));
  EXPECT_LE(place.status().st_size, static_cast<off_t>(kFew));
  EXPECT_GT(file.bytes(), kFew * 9 / 10);
  EXPECT_EQ(file.failures(), 0U);
  int seen = static_cast<int>(pop(file).size());
  EXPECT_TRUE(file.push(sized(buffer, pushed, 1'000)));
  while (!file.empty()) seen += static_cast<int>(pop(file).size());
  EXPECT_EQ(seen, pushed + 1);
  EXPECT_EQ(file.lost(), 0U);
}

TEST(SpillFile, WhatIsDamagedIsLostAndCountedAndTheRestIsNot) {
  const Place place;
  SpillFile file(place.path(), kMost, HashSeed{});
  MergeBuffer buffer(SIZE_MAX, HashSeed{});
  constexpr uint64_t kUpdates = 2'000;
  for (uint64_t number = 0; number < kUpdates; ++number)
    ASSERT_TRUE(file.push(sized(buffer, static_cast<int>(number), 1'000)));
  const int descriptor = place.descriptor();
  ASSERT_EQ(pwrite(descriptor, "?", 1, 200'000), 1);
  ASSERT_EQ(ftruncate(descriptor, 1'000'000), 0);
  uint64_t seen = 0;
  while (!file.empty()) seen += pop(file).size();
  EXPECT_LT(seen, kUpdates * 3 / 5);
  EXPECT_GT(seen, kUpdates * 2 / 5) << "the last block, in memory, and what is before the end but for one";
  EXPECT_EQ(file.lost(), 2 * (kUpdates - seen));
  EXPECT_GT(file.failures(), 1U);
  ASSERT_TRUE(file.push(sized(buffer, 1, 1'000)));
  EXPECT_EQ(pop(file).size(), 1U) << "it goes on";
}

TEST(SpillFile, WhatCannotBeWrittenStaysAndNoMoreIsTaken) {
  const Place place;
  SpillFile file(place.path(), kMost, HashSeed{});
  MergeBuffer buffer(SIZE_MAX, HashSeed{});
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited{};
  getrlimit(RLIMIT_FSIZE, &unlimited);
  const rlimit limit{500'000, unlimited.rlim_max};
  setrlimit(RLIMIT_FSIZE, &limit);
  int pushed = 0;
  while (pushed < 10'000 && file.push(sized(buffer, pushed, 1'000))) ++pushed;
  EXPECT_FALSE(file.push(sized(buffer, pushed, 1'000)));
  EXPECT_EQ(file.failures(), 1U) << "it is not tried each time";
  setrlimit(RLIMIT_FSIZE, &unlimited);
  std::signal(SIGXFSZ, before);
  EXPECT_LT(pushed, 700);
  EXPECT_GT(pushed, 400);
  std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
  EXPECT_TRUE(file.push(sized(buffer, pushed, 1'000))) << "there is room again";
  int seen = 0;
  while (!file.empty()) seen += static_cast<int>(pop(file).size());
  EXPECT_EQ(seen, pushed + 1);
  EXPECT_EQ(file.lost(), 0U);
}

TEST(SpillFile, IsAQueueWhateverIsPutInAndTakenOut) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    const Place place;
    std::mt19937 random(seed);
    const uint64_t most = seed % 2 == 0 ? uint64_t{400'000} : kMost;
    SpillFile file(place.path(), most, HashSeed::random());
    std::deque<std::string> expected;
    for (int turn = 0; turn < 3'000; ++turn) {
      if (random() % 100 == 0) {
        for (const std::string& text : pop(file)) {
          ASSERT_FALSE(expected.empty());
          ASSERT_EQ(text, expected.front());
          expected.pop_front();
        }
        continue;
      }
      MergeBuffer buffer(SIZE_MAX, HashSeed{});
      buffer.set_time(turn, random());
      KeyUpdate& update = sized(buffer, turn, random() % (random() % 50 == 0 ? 200'000 : 2'000));
      if (random() % 3 == 0) update.refresh();
      if (file.push(update)) expected.push_back(text_of(update));
      ASSERT_LE(static_cast<uint64_t>(place.status().st_blocks) * 512, most + 8'192);
    }
    ASSERT_EQ(file.updates(), expected.size());
  }
}

/// The same steps for one key twice: in one piece, and in several that were in a file meanwhile.
TEST(SpillFile, WhatIsPutBackIsAsIfItHadNeverLeft) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    const Place place;
    SpillFile file(place.path(), kMost, HashSeed{});
    std::mt19937 random(seed);
    MergeBuffer whole(SIZE_MAX, HashSeed{}), parts(SIZE_MAX, HashSeed{}), returning(SIZE_MAX, HashSeed{});
    const auto any = [&random](std::initializer_list<std::string_view> names) {
      return *(names.begin() + random() % names.size());
    };
    const bool of_users = random() % 2 == 0;
    const auto step = [&](KeyUpdate& one, unsigned kind, std::string_view name, unsigned number) {
      if (kind == 0) one.add(name, number);
      if (kind == 1) one.latest(name, number);
      if (kind == 2) one.if_absent(name, number);
      if (kind == 3) one.earliest(name, number);
      if (kind == 4) one.set(name, std::to_string(number));
      if (kind == 5) one.add_member(name, number, 1 + number % 3);
      if (kind == 6 && of_users) one.refresh_unless(name);
      if (kind == 6 && !of_users) one.refresh();
      if (kind == 7) one.end({std::string(name), "v", "m", std::to_string(number), number});
      if (kind == 8) one.trim();
    };
    for (int turn = 0; turn < 40; ++turn) {
      const auto kind = static_cast<unsigned>(random() % 9), number = static_cast<unsigned>(random() % 1'000);
      const std::string_view name = any({"a", "b", "c"});
      for (MergeBuffer* buffer : {&whole, &parts}) {
        buffer->set_time(turn, number % 4 == 0 ? number : 0);
        step(buffer->at("key"), kind, name, number);
      }
      if (random() % 8 != 0) continue;
      ASSERT_TRUE(file.push(parts.at("key")));
      parts.pop_front();
    }
    if (parts.size() > 0) {
      ASSERT_TRUE(file.push(parts.front()));
    }
    file.pop([&returning](const SpilledUpdate& update) { returning.put_back(update); });
    EXPECT_EQ(text_of(returning.front()), text_of(whole.front())) << seed;
  }
}

TEST(SpillFile, NeedsADirectoryThatCanBeWritten) {
  const Place place;
  EXPECT_THROW(SpillFile(place.path() + "/none", kMost, HashSeed{}), std::runtime_error);
  EXPECT_THROW(SpillFile("/proc", kMost, HashSeed{}), std::runtime_error);
}

}  // namespace
}  // namespace microcloud
