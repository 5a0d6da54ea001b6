#include "cloud/health_fields.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

#include "base/log_linear.h"

namespace microcloud {
namespace {

using Names = std::array<std::string, LogLinear::kBuckets>;

Names names_of(std::string_view prefix) {
  Names names;
  for (size_t at = 0; at < names.size(); ++at) names[at] = std::string(prefix) + std::to_string(LogLinear::lower(at));
  return names;
}

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string_view delay_field(uint32_t delay_us) {
  static const Names kNames = names_of(kDelayPrefix);
  return kNames[LogLinear::bucket(delay_us)];
}

std::string_view network_field(uint32_t network_us) {
  static const Names kNames = names_of(kNetworkPrefix);
  return kNames[LogLinear::bucket(network_us)];
}

void HealthHistogram::take(std::string_view prefix, std::string_view field, std::string_view value) {
  if (!field.starts_with(prefix)) return;
  const auto lower = number_of<uint32_t>(field.substr(prefix.size()));
  const auto count = number_of<uint64_t>(value);
  if (!lower || !count || *count == 0) return;
  buckets_.push_back({*lower, *count});
  count_ += *count;
  sorted_ = false;
}

std::optional<double> HealthHistogram::quantile_us(double share) {
  if (count_ == 0) return std::nullopt;
  if (!sorted_) std::ranges::sort(buckets_, {}, &Bucket::lower);
  sorted_ = true;
  const double wanted = std::max(1.0, std::ceil(share * static_cast<double>(count_)));
  double so_far = 0;
  for (const Bucket& bucket : buckets_) {
    so_far += static_cast<double>(bucket.count);
    if (so_far >= wanted) return LogLinear::middle(bucket.lower);
  }
  return LogLinear::middle(buckets_.back().lower);
}

}  // namespace microcloud
