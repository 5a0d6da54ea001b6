#include "cloud/ranking.h"

#include <gtest/gtest.h>

namespace microcloud {
namespace {

uint64_t bytes(const Answer& answer) {
  return std::stoull(answer.values.front().second);
}

/// A look at which the exact sums are the rough ones: KEY=RATE, in their order.
std::string look(Ranking& ranking, const MergedView::Sums& sums, double now_s) {
  std::vector<Answer> answers;
  for (const std::string& key : ranking.candidates(sums, now_s))
    answers.push_back({key, KeyKind::Hash, {{"bytesSent", std::to_string(sums.at(key))}}, {}, true});
  std::string told;
  for (const Ranking::Row& row : ranking.rank(std::move(answers), now_s)) {
    told += row.answer.key + "=";
    told += row.rate ? std::to_string(static_cast<int64_t>(*row.rate)) : "-";
    told += ' ';
  }
  return told;
}

TEST(Ranking, AtFirstBySumsThenByRates) {
  Ranking ranking(2, 2, bytes);
  EXPECT_EQ(look(ranking, {{"a", 1'000}, {"b", 500}, {"c", 100}}, 10), "a=- b=- ");
  EXPECT_FALSE(ranking.has_rates());
  EXPECT_EQ(look(ranking, {{"a", 1'000}, {"b", 520}, {"c", 200}}, 12), "c=50 b=10 ");
  EXPECT_TRUE(ranking.has_rates());
  EXPECT_EQ(look(ranking, {{"a", 1'000}, {"b", 520}, {"c", 200}}, 13), "a=0 b=0 ") << "nobody: by the sums again";
}

TEST(Ranking, OneThatWasNotReadExactlyComesInWithoutARate) {
  Ranking ranking(1, 0, bytes);
  EXPECT_EQ(look(ranking, {{"a", 1'000}, {"b", 500}}, 1), "a=- ");
  EXPECT_EQ(look(ranking, {{"a", 1'000}, {"b", 600}}, 2), "b=- ");
  EXPECT_EQ(look(ranking, {{"a", 1'000}, {"b", 700}}, 3), "b=100 ");
  EXPECT_EQ(look(ranking, {{"a", 1'000}, {"b", 700}, {"new", 50}}, 4), "new=- ");
}

TEST(Ranking, OneThatBeganAnewHasNoRate) {
  Ranking ranking(2, 0, bytes);
  EXPECT_EQ(look(ranking, {{"a", 1'000}, {"b", 500}}, 1), "a=- b=- ");
  EXPECT_EQ(look(ranking, {{"a", 10}, {"b", 501}}, 2), "b=1 a=- ");
  EXPECT_EQ(look(ranking, {{"a", 20}, {"b", 501}}, 3), "a=10 b=0 ");
}

TEST(Ranking, ARoughSumThatWasWrongIsNoRate) {
  Ranking ranking(1, 1, bytes);
  (void)look(ranking, {{"a", 1'000}, {"b", 500}}, 1);
  // A part of b moved while it was summed up.
  (void)ranking.candidates({{"a", 1'010}, {"b", 900}}, 2);
  const auto rows = ranking.rank(
      {{"b", KeyKind::Hash, {{"bytesSent", "500"}}, {}, true}, {"a", KeyKind::Hash, {{"bytesSent", "1010"}}, {}, true}},
      2);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].answer.key, "a");
  EXPECT_EQ(rows[0].rate, 10);
}

TEST(Ranking, WhatIsForgottenIsAFirstLookAgain) {
  Ranking ranking(2, 0, bytes);
  (void)look(ranking, {{"a", 1'000}, {"b", 500}}, 1);
  ranking.forget();
  EXPECT_EQ(look(ranking, {{"a", 1'000}, {"b", 600}}, 2), "a=- b=- ");
  EXPECT_FALSE(ranking.has_rates());
}

}  // namespace
}  // namespace microcloud
