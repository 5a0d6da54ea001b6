// What waits for its turn, and what SCANs are in the middle of.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "query/fair_queue.h"
#include "query/scans.h"
#include "resp/decoder.h"

namespace microcloud {
namespace {

TEST(FairQueue, ClientsHaveTheirTurnsOneAfterTheOther) {
  FairQueue<std::string> queue;
  for (int time = 0; time < 3; ++time) queue.push(5, "a" + std::to_string(time));
  queue.push(9, "b");
  queue.push(2, "c");
  std::string order;
  while (!queue.empty()) {
    const std::string front = queue.front();
    EXPECT_EQ(queue.pop(), front);
    order += front + " ";
  }
  EXPECT_EQ(order, "c a0 b a1 a2 ");
}

TEST(FairQueue, ALateClientWaitsForOneTurnOfEachOther) {
  FairQueue<int> queue;
  for (int number = 0; number < 1'000; ++number) queue.push(1, number);
  EXPECT_EQ(queue.pop(), 0);
  queue.push(2, -1);
  EXPECT_EQ(queue.pop(), -1);
  EXPECT_EQ(queue.pop(), 1);
}

TEST(FairQueue, TakesWhatFitsOfEachClientInItsOrder) {
  FairQueue<int> queue;
  for (const int number : {1, 2, 30, 4}) queue.push(1, number);
  for (const int number : {40, 5}) queue.push(2, number);
  for (const int number : {6, 7, 8}) queue.push(3, number);
  std::vector<int> taken;
  const auto small = [](int number) { return number < 10; };
  queue.take(2, small, [&](int number) { taken.push_back(number); });
  EXPECT_EQ(taken, (std::vector<int>{1, 2, 6, 7})) << "none over another of the same client, two of each at most";
  std::multiset<int> rest;
  while (!queue.empty()) rest.insert(queue.pop());
  EXPECT_EQ(rest, (std::multiset<int>{4, 5, 8, 30, 40}));
}

std::shared_ptr<const KeyNamesFound> names(size_t count, const std::string& of) {
  auto found = std::make_shared<KeyNamesFound>(HashSeed{1, 2});
  for (size_t number = 0; number < count; ++number) found->add(of + std::to_string(number));
  found->close();
  return found;
}

struct Part {
  std::string error;
  uint64_t cursor = 0;
  std::vector<std::string> names;
};

Part read_part(const std::string& bytes) {
  resp::Decoder decoder;
  decoder.feed(bytes);
  resp::Value value;
  EXPECT_EQ(decoder.next(value), resp::Progress::Done);
  Part part;
  if (value.is_error()) {
    part.error = value.text;
    return part;
  }
  part.cursor = std::stoull(value.elements[0].text);
  for (const resp::Value& name : value.elements[1].elements) part.names.push_back(name.text);
  return part;
}

Part begin(Scans& scans, std::shared_ptr<const KeyNamesFound> found, uint64_t count) {
  std::string bytes;
  scans.begin(std::move(found), count, {bytes, resp::Protocol::Resp2});
  return read_part(bytes);
}

Part go_on(Scans& scans, uint64_t cursor, uint64_t count) {
  std::string bytes;
  scans.go_on(cursor, count, {bytes, resp::Protocol::Resp2});
  return read_part(bytes);
}

TEST(Scans, GiveEachNameOnce) {
  Scans scans;
  Part a = begin(scans, names(1'000, "a."), 7), b = begin(scans, names(50, "b."), 50),
       c = begin(scans, names(0, ""), 1);
  EXPECT_EQ(b.cursor, 0U);
  EXPECT_EQ(b.names.size(), 50U);
  EXPECT_EQ(c.cursor, 0U);
  EXPECT_EQ(scans.size(), 1U) << "those that are over are forgotten";
  std::set<std::string> found(a.names.begin(), a.names.end());
  size_t given = a.names.size();
  const uint64_t first = a.cursor;
  EXPECT_EQ(go_on(scans, first, 3).names, go_on(scans, first, 3).names) << "the same cursor, the same part";
  while (a.cursor != 0) {
    a = go_on(scans, a.cursor, 13);
    found.insert(a.names.begin(), a.names.end());
    given += a.names.size();
  }
  EXPECT_EQ(given, 1'000U);
  EXPECT_EQ(found.size(), 1'000U);
  EXPECT_EQ(scans.size(), 0U);
  EXPECT_EQ(scans.bytes(), 0U);
  EXPECT_EQ(go_on(scans, first, 3).error, "ERR invalid cursor");
}

TEST(Scans, ForgetWhatWasUsedLongestAgoWhenThereIsTooMuch) {
  const size_t one = names(1'000, "a.")->bytes();
  Scans scans(3 * one + one / 2);
  std::vector<uint64_t> cursors;
  for (int number = 0; number < 3; ++number) cursors.push_back(begin(scans, names(1'000, "a."), 1).cursor);
  EXPECT_EQ(scans.size(), 3U);
  EXPECT_EQ(go_on(scans, cursors[0], 1).names.size(), 1U);
  cursors.push_back(begin(scans, names(1'000, "a."), 1).cursor);
  EXPECT_EQ(scans.size(), 3U);
  EXPECT_EQ(go_on(scans, cursors[1], 1).error, "ERR invalid cursor");
  for (const int kept : {0, 2, 3}) EXPECT_EQ(go_on(scans, cursors[static_cast<size_t>(kept)], 1).error, "");
  const Part large = begin(scans, names(20'000, "large."), 1);
  EXPECT_EQ(scans.size(), 1U) << "the last one stays, whatever it takes";
  EXPECT_EQ(go_on(scans, large.cursor, 100'000).names.size(), 19'999U);
  for (size_t number = 0; number < 2 * Scans::kMost; ++number) begin(scans, names(2, "b."), 1);
  EXPECT_EQ(scans.size(), Scans::kMost);
}

}  // namespace
}  // namespace microcloud
