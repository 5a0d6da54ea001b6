#include "app/progress.h"

#include <cstdio>

namespace microcloud {

void Progress::flush() {
  if (probe_ == nullptr) return;
  const ProbeTotals totals = probe_->totals();
  if (totals.size == 0) return;
  constexpr int kWidth = 40;
  const double part = std::min(1.0, static_cast<double>(totals.position) / static_cast<double>(totals.size));
  char bar[kWidth + 1];
  for (int at = 0; at < kWidth; ++at) bar[at] = at < part * kWidth ? '#' : '.';
  bar[kWidth] = '\0';
  std::fprintf(stderr, "\r[%s] %3.0f%%  %.1f M packets, %.1f k flows open ", bar, part * 100,
               static_cast<double>(totals.read) / 1e6, static_cast<double>(totals.open_flows) / 1e3);
  std::fflush(stderr);
  drawn_ = true;
}

void Progress::finish() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

}  // namespace microcloud
