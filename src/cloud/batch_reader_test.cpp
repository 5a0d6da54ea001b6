#include "cloud/batch_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "cloud/piece.h"

namespace microcloud {
namespace {

using Lines = std::map<std::string, std::vector<std::string>>;

/// Of each key what waits for it, but for its time to live.
Lines lines_of(const MergeBuffer& buffer) {
  Lines lines;
  MergeBuffer::Position position;
  buffer.each_from(position, SIZE_MAX, [&](const KeyUpdate& update) {
    std::vector<std::string>& of_key = lines[update.key()];
    for (const auto& [field, value, op, increments] : update.numbers())
      of_key.push_back(std::string(field) + " " + std::to_string(static_cast<int>(op)) + " " + std::to_string(value));
    for (const auto& [field, value] : update.texts()) of_key.push_back(std::string(field) + " " + value);
    for (const auto& [member, sum] : update.members()) of_key.push_back(member + " " + std::to_string(sum.amount));
    std::sort(of_key.begin(), of_key.end());
  });
  return lines;
}

void fill(MergeBuffer& buffer) {
  KeyUpdate& host = buffer.at("ip.10.0.0.1");
  host.add("bytesSent", 5);
  host.if_absent("firstSeen", 1);
  host.latest("lastSeen", 9);
  host.set("mac", "aa");
  host.refresh();
  KeyUpdate& user = buffer.at("user.anna");
  user.add("bytesRcvd", 7);
  user.earliest("firstSeen", 2);
  user.refresh_unless("source");
  KeyUpdate& peers = buffer.at("ip.10.0.0.1.peers");
  peers.add_member("10.0.0.2", 5);
  peers.add_member("10.0.0.3", 6);
  peers.trim();
  peers.refresh();
}

TEST(BatchReader, ReadsBackAllThatABatchWritesToKeys) {
  MergeBuffer written(1 << 20, HashSeed{}), read(1 << 20, HashSeed{});
  fill(written);
  const Lines expected = lines_of(written);
  ASSERT_EQ(expected.size(), 3U);
  const auto piece = cut_piece(written, {});
  ASSERT_TRUE(piece);
  add_batch(
      piece->commands, [](std::string_view) { return true; }, read);
  EXPECT_EQ(lines_of(read), expected);
}

TEST(BatchReader, ReadsOnlyTheKeysThatAreWanted) {
  MergeBuffer written(1 << 20, HashSeed{}), read(1 << 20, HashSeed{});
  fill(written);
  const std::vector<std::string> expected = lines_of(written)["user.anna"];
  const auto piece = cut_piece(written, {});
  ASSERT_TRUE(piece);
  add_batch(
      piece->commands, [](std::string_view key) { return key == "user.anna"; }, read);
  EXPECT_EQ(lines_of(read), (Lines{{"user.anna", expected}}));
}

}  // namespace
}  // namespace microcloud
