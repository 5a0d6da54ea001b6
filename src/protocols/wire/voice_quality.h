// How good speech is heard, by the E-model (ITU-T G.107) in the form that loss and delay alone are known of.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

namespace microcloud {

/// What a codec costs by itself and how well it hides losses (ITU-T G.113, appendix I).
struct CodecImpairment {
  double ie = 0;
  double bpl = 0;  // > 0
};

inline constexpr CodecImpairment kG711WithConcealment{0, 25.1};
inline constexpr CodecImpairment kG711Plain{0, 4.3};

/// 93.2 is perfect. `delay_ms`: one way, with the jitter buffer; `burst`: 1 where losses are independent.
constexpr double r_factor(const CodecImpairment& codec, double loss_percent, double delay_ms = 0, double burst = 1) {
  const double delay = 0.024 * delay_ms + (delay_ms > 177.3 ? 0.11 * (delay_ms - 177.3) : 0);
  const double loss = codec.ie + (95 - codec.ie) * loss_percent / (loss_percent / burst + codec.bpl);
  return std::max(0.0, 93.2 - delay - loss);
}

/// In milliseconds, from both ways between the probe and the ends of a stream, there and back: to its receiver, and to
/// its sender where that is known (else the probe stands beside it).
constexpr double one_way_delay(uint32_t receiver_us, std::optional<uint32_t> sender_us) {
  return (receiver_us + static_cast<double>(sender_us.value_or(0))) / 2000;
}

/// As records tell R and MOS.
constexpr double to_thousandths(double value) {
  return static_cast<double>(static_cast<int64_t>(value * 1000 + 0.5)) / 1000;
}

/// Mean opinion score, 1 to 4.5 (G.107, annex B).
constexpr double mos_of(double r) {
  if (r <= 0) return 1;
  if (r >= 100) return 4.5;
  return 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
}

}  // namespace microcloud
