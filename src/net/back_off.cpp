#include "net/back_off.h"

#include <algorithm>

namespace microcloud {

BackOff::Duration BackOff::next() {
  step_ = step_.count() == 0 ? limits_.first : std::min(2 * step_, limits_.longest);
  // SplitMix64 (Steele, Lea, Flood 2014): its chance is good enough here.
  uint64_t mixed = state_ += 0x9e3779b97f4a7c15U;
  mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebU;
  mixed ^= mixed >> 31;
  const auto spread = static_cast<uint64_t>(step_.count() / 2);
  return step_ - Duration(spread / 2) + Duration(spread == 0 ? 0 : mixed % (spread + 1));
}

}  // namespace microcloud
