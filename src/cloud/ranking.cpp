#include "cloud/ranking.h"

#include <algorithm>
#include <utility>

namespace microcloud {

double Ranking::growth(const Sums& before, const std::string& key, uint64_t sum, double now_s) {
  if (!before.at_s || now_s <= *before.at_s) return 0;
  const auto old = before.of.find(key);
  const uint64_t from = old == before.of.end() ? 0 : old->second;
  return sum < from ? 0 : static_cast<double>(sum - from) / (now_s - *before.at_s);
}

std::vector<std::string> Ranking::candidates(MergedView::Sums sums, double now_s) {
  struct One {
    const std::string* key;
    double rate;
    uint64_t sum;
  };
  std::vector<One> all;
  all.reserve(sums.size());
  for (const auto& [key, sum] : sums) all.push_back({&key, growth(rough_, key, sum, now_s), sum});
  const auto before = [](const One& a, const One& b) {
    if (a.rate != b.rate) return a.rate > b.rate;
    return a.sum != b.sum ? a.sum > b.sum : *a.key < *b.key;
  };
  const size_t kept = std::min(count_ + spare_, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept), all.end(), before);
  all.resize(kept);
  std::vector<std::string> keys;
  rough_rates_.clear();
  for (const One& one : all) {
    keys.push_back(*one.key);
    rough_rates_.emplace(*one.key, one.rate);
  }
  rough_ = {std::move(sums), now_s};
  return keys;
}

std::vector<Ranking::Row> Ranking::rank(std::vector<Answer> answers, double now_s) {
  has_rates_ = exact_.at_s.has_value() && now_s > *exact_.at_s;
  Sums sums{{}, now_s};
  std::vector<Row> rows;
  for (Answer& answer : answers) {
    const uint64_t sum = sum_of_(answer);
    sums.of.emplace(answer.key, sum);
    std::optional<double> rate;
    const auto old = exact_.of.find(answer.key);
    if (has_rates_ && old != exact_.of.end() && sum >= old->second) rate = growth(exact_, answer.key, sum, now_s);
    rows.push_back({std::move(answer), rate});
  }
  const auto rate_of = [this](const Row& row) {
    if (row.rate) return *row.rate;
    const auto rough = rough_rates_.find(row.answer.key);
    return has_rates_ && rough != rough_rates_.end() ? rough->second : 0;
  };
  std::stable_sort(rows.begin(), rows.end(), [this, &rate_of](const Row& a, const Row& b) {
    const double left = rate_of(a), right = rate_of(b);
    return left != right ? left > right : sum_of_(a.answer) > sum_of_(b.answer);
  });
  if (rows.size() > count_) rows.resize(count_);
  exact_ = std::move(sums);
  return rows;
}

void Ranking::forget() {
  rough_ = {};
  exact_ = {};
}

}  // namespace microcloud
