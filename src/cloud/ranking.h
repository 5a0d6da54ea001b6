// Who is largest, look after look: at the first by what has added up, from then on by what it grows by in a second.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cloud/merged_view.h"

namespace microcloud {

class Ranking {
 public:
  using SumOf = uint64_t (*)(const Answer&);

  /// Of so many keys; `spare` more are looked at each time, so that those that come in next have rates at once.
  Ranking(size_t count, size_t spare, SumOf sum_of) : count_(count), spare_(spare), sum_of_(sum_of) {}

  /// The keys whose sums should be read exactly, by the rough sums of all; `now_s`: any steady clock.
  std::vector<std::string> candidates(MergedView::Sums sums, double now_s);

  struct Row {
    Answer answer;
    /// A second since the look before. Nothing: at that its sum was not read exactly, or it began anew since, as its
    /// key had expired.
    std::optional<double> rate;
  };
  /// What was read of the candidates at `now_s`, the largest first.
  std::vector<Row> rank(std::vector<Answer> answers, double now_s);

  /// There was a look before: what rank() gives has rates.
  bool has_rates() const { return has_rates_; }
  /// The next look is a first one: not the same probes are asked any more.
  void forget();

 private:
  struct Sums {
    MergedView::Sums of;
    std::optional<double> at_s;  // nothing: there was no look
  };
  /// What a key grew by in a second; 0 when it shrank.
  static double growth(const Sums& before, const std::string& key, uint64_t sum, double now_s);

  size_t count_, spare_;
  SumOf sum_of_;
  Sums rough_, exact_;
  std::unordered_map<std::string, double> rough_rates_;  // of the candidates
  bool has_rates_ = false;
};

}  // namespace microcloud
