// What a record of a whole connection tells of its server: how many requests it answered and refused, and how long its
// answers took.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace microcloud {

/// A part of a record's body: can be copied as bytes, and is bounded. Times that differ by less than one part in 256
/// count as one; when there are kMostTimes different ones, any other counts as the one next to it.
class ServiceCalls {
 public:
  static constexpr size_t kMostTimes = 64;

  struct Time {
    uint32_t latency_us;
    uint32_t answers;
  };

  /// A request was answered. `latency_us`: from the last packet of the request to the first of its answer, where that
  /// is known.
  void answered(bool refused, std::optional<uint32_t> latency_us) {
    ++answered_;
    refused_ += refused ? 1 : 0;
    if (latency_us) took(*latency_us);
  }

  uint32_t answered() const { return answered_; }
  uint32_t refused() const { return refused_; }
  /// The shortest first.
  std::span<const Time> times() const { return std::span(times_).first(count_); }
  /// Of all that are known, exactly.
  std::optional<uint32_t> mean_latency_us() const {
    if (timed_ == 0) return std::nullopt;
    return static_cast<uint32_t>(sum_us_ / timed_);
  }

 private:
  void took(uint32_t latency_us) {
    ++timed_;
    sum_us_ += latency_us;
    Time* const begin = times_.data();
    Time* const end = begin + count_;
    Time* const above =
        std::lower_bound(begin, end, latency_us, [](const Time& time, uint32_t us) { return time.latency_us < us; });
    const auto distance = [&](const Time& time) {
      return time.latency_us > latency_us ? time.latency_us - latency_us : latency_us - time.latency_us;
    };
    Time* nearest = above;
    if (above == end || (above != begin && distance(above[-1]) <= distance(*above))) nearest = above - 1;
    if (count_ != 0 && (count_ == kMostTimes || distance(*nearest) <= latency_us / 256)) {
      ++nearest->answers;
      return;
    }
    std::copy_backward(above, end, end + 1);
    *above = {latency_us, 1};
    ++count_;
  }

  uint32_t answered_ = 0;
  uint32_t refused_ = 0;
  uint32_t timed_ = 0;
  uint32_t count_ = 0;
  uint64_t sum_us_ = 0;
  std::array<Time, kMostTimes> times_{};
};

}  // namespace microcloud
