#include "base/histogram.h"

#include <bit>
#include <numeric>

namespace microcloud {

uint64_t HistogramCounts::upper_us(size_t at) {
  if (at + 1 == kBuckets) return UINT64_MAX;
  if (at == 0) return uint64_t{1} << kFirstBit;
  const uint64_t whole = uint64_t{1} << (kFirstBit + (at - 1) / kParts);
  return whole + whole / kParts * ((at - 1) % kParts + 1);
}

/// Bounds belong to the bucket below them, as `le` says.
size_t HistogramCounts::bucket(uint64_t value_us) {
  if (value_us <= uint64_t{1} << kFirstBit) return 0;
  const uint64_t below = value_us - 1;
  const auto bit = static_cast<unsigned>(std::bit_width(below)) - 1;
  const uint64_t part = (below >> (bit - 2)) & (kParts - 1);
  const size_t at = 1 + (bit - kFirstBit) * size_t{kParts} + part;
  return at < kBuckets ? at : kBuckets - 1;
}

void HistogramCounts::add(const HistogramCounts& more) {
  for (size_t at = 0; at < kBuckets; ++at) counts[at] += more.counts[at];
  sum_us += more.sum_us;
}

uint64_t HistogramCounts::count() const {
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

double HistogramCounts::quantile_us(double share) const {
  const double wanted = share * static_cast<double>(count());
  double below = 0;
  for (size_t at = 0; at < kBuckets; ++at) {
    const auto here = static_cast<double>(counts[at]);
    if (here == 0 || below + here < wanted) {
      below += here;
      continue;
    }
    const double from = at == 0 ? 0 : static_cast<double>(upper_us(at - 1));
    if (at + 1 == kBuckets) return from;
    return from + (static_cast<double>(upper_us(at)) - from) * (wanted - below) / here;
  }
  return 0;
}

std::string HistogramCounts::text() const {
  std::string text;
  for (size_t at = 0; at < kBuckets; ++at) {
    if (counts[at] == 0) continue;
    const std::string bound = at + 1 == kBuckets ? "+Inf" : std::to_string(upper_us(at));
    text += (text.empty() ? "" : " ") + bound + ":" + std::to_string(counts[at]);
  }
  return text;
}

HistogramCounts Histogram::read() const {
  HistogramCounts read;
  for (size_t at = 0; at < HistogramCounts::kBuckets; ++at) read.counts[at] = counts_[at].get();
  read.sum_us = sum_us_.get();
  return read;
}

}  // namespace microcloud
