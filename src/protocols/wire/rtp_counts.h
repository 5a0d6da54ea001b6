// What the sequence numbers and timestamps of an RTP stream say (RFC 3550, A.1, A.3, A.8).
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace microcloud {

/// Of what was expected, duplicates aside: 0 to 100.
constexpr double loss_percent(uint64_t expected, uint64_t packets, uint64_t duplicates) {
  const auto missing = static_cast<int64_t>(expected) - static_cast<int64_t>(packets - duplicates);
  return expected == 0 || missing <= 0 ? 0 : 100 * static_cast<double>(missing) / static_cast<double>(expected);
}

/// Packets of one SSRC: how many came, how many should have.
class RtpCounts {
 public:
  static constexpr uint16_t kMaxDropout = 3000;
  static constexpr uint16_t kMaxMisorder = 100;

  enum class Seen : uint8_t {
    New,        // in its order, or late
    Duplicate,  // it was there before
    Stray       // too far from all others: not counted, unless the next one follows it
  };

  Seen add(uint16_t sequence) {
    if (received_ == 0) {
      begin(sequence);
      received_ = 1;
      return Seen::New;
    }
    const auto ahead = static_cast<uint16_t>(sequence - static_cast<uint16_t>(newest_));
    if (ahead != 0 && ahead < kMaxDropout) {
      valid_ |= ahead == 1;
      advance(ahead);
      ++received_;
      return Seen::New;
    }
    if (ahead != 0 && ahead <= 65'536 - kMaxMisorder) return jump(sequence);
    return late(static_cast<uint16_t>(0 - ahead));
  }

  /// Two packets came one right after the other: no accident.
  bool valid() const { return valid_; }
  /// Duplicates too.
  uint64_t packets() const { return received_; }
  /// From the first sequence number to the last; where the sender began anew, of both parts.
  uint64_t expected() const { return received_ == 0 ? 0 : before_ + static_cast<uint64_t>(newest_ - oldest_ + 1); }
  /// Negative where duplicates are more than what is missing.
  int64_t lost() const { return static_cast<int64_t>(expected()) - static_cast<int64_t>(received_); }
  uint64_t duplicates() const { return duplicates_; }
  uint64_t reordered() const { return reordered_; }

 private:
  void begin(uint16_t sequence) {
    oldest_ = newest_ = sequence;
    window_[0] = 1;
    window_[1] = 0;
    stray_ = kNone;
  }
  void advance(uint16_t by) {
    newest_ += by;
    if (by >= 128) {
      window_[0] = window_[1] = 0;
    } else if (by >= 64) {
      window_[1] = window_[0] << (by - 64);
      window_[0] = 0;
    } else {
      window_[1] = window_[1] << by | window_[0] >> (64 - by);
      window_[0] <<= by;
    }
    window_[0] |= 1;
    stray_ = kNone;
  }
  Seen late(uint16_t back) {
    const uint64_t bit = uint64_t{1} << back % 64;
    uint64_t& word = window_[back / 64];
    ++received_;
    if ((word & bit) != 0) {
      ++duplicates_;
      return Seen::Duplicate;
    }
    word |= bit;
    ++reordered_;
    oldest_ = std::min(oldest_, newest_ - back);
    return Seen::New;
  }
  /// Two in a row from elsewhere: the sender began anew (A.1). The first of them counts, too.
  Seen jump(uint16_t sequence) {
    if (stray_ != sequence) {
      stray_ = static_cast<uint16_t>(sequence + 1);
      return Seen::Stray;
    }
    before_ = expected();
    begin(static_cast<uint16_t>(sequence - 1));
    ++received_;
    advance(1);
    ++received_;
    return Seen::New;
  }

  static constexpr uint32_t kNone = 1U << 16;

  int64_t oldest_ = 0;  // sequence numbers that go on behind 65535
  int64_t newest_ = 0;
  uint64_t before_ = 0;  // expected until the sender began anew
  uint64_t received_ = 0;
  uint64_t duplicates_ = 0;
  uint64_t reordered_ = 0;
  uint64_t window_[2] = {};  // a bit for each of the newest 128 sequence numbers that came
  uint32_t stray_ = kNone;   // what would follow the last stray one
  bool valid_ = false;
};

/// Interarrival jitter (A.8). Packets that repeat a timestamp on purpose (RFC 4733) are not for it.
class RtpJitter {
 public:
  void add(int64_t arrival_us, uint32_t timestamp, uint32_t clock_rate) {
    if (clock_rate == 0) return;
    if (clock_rate == clock_rate_) {
      const double sent_us = 1e6 * static_cast<int32_t>(timestamp - timestamp_) / clock_rate;
      const double late_us = std::abs(static_cast<double>(arrival_us - arrival_us_) - sent_us);
      if (late_us < kRestartUs) {
        jitter_us_ += (late_us - jitter_us_) / 16;
        sum_us_ += jitter_us_;
        max_us_ = std::max(max_us_, jitter_us_);
        ++count_;
      }
    }
    clock_rate_ = clock_rate;
    timestamp_ = timestamp;
    arrival_us_ = arrival_us;
  }
  bool known() const { return count_ != 0; }
  /// Mean of the estimate after each packet; and the largest one.
  uint32_t mean_us() const { return known() ? static_cast<uint32_t>(sum_us_ / static_cast<double>(count_)) : 0; }
  uint32_t max_us() const { return static_cast<uint32_t>(max_us_); }

 private:
  static constexpr double kRestartUs = 5e6;  // a hold, or timestamps from elsewhere: no delay of the network

  uint32_t clock_rate_ = 0;
  uint32_t timestamp_ = 0;
  int64_t arrival_us_ = 0;
  double jitter_us_ = 0;
  double sum_us_ = 0;
  double max_us_ = 0;
  uint64_t count_ = 0;
};

}  // namespace microcloud
