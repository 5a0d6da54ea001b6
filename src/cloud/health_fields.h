// The fields of a service's key that say how long things took: log-linear histograms, a counter for each bucket.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace microcloud {

/// `delay.<n>`: answers that took n microseconds, or less than the next bucket's n (base/log_linear.h), behind their
/// requests; without the round trip to the server where that is known. The text lives as long as the program.
std::string_view delay_field(uint32_t delay_us);
/// `network.<n>`: connections between whose ends a packet takes so long one way, as the handshake told.
std::string_view network_field(uint32_t network_us);

inline constexpr std::string_view kDelayPrefix = "delay.", kNetworkPrefix = "network.";

/// One histogram out of a key's fields.
class HealthHistogram {
 public:
  /// Takes the field if it is one of this histogram's.
  void take(std::string_view prefix, std::string_view field, std::string_view value);
  uint64_t count() const { return count_; }
  /// In microseconds: so long takes, within 1.6 %, the share of them that is `share` (0 to 1). Nothing: there are none.
  std::optional<double> quantile_us(double share);

 private:
  struct Bucket {
    uint32_t lower;
    uint64_t count;
  };
  std::vector<Bucket> buckets_;
  uint64_t count_ = 0;
  bool sorted_ = true;
};

}  // namespace microcloud
