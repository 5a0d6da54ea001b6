#include "inspect/tcp_stream.h"

#include <algorithm>

namespace microcloud {
namespace {

int32_t ahead(uint32_t sequence, uint32_t of) {
  return static_cast<int32_t>(sequence - of);
}

}  // namespace

/// False when it brings nothing.
bool TcpStream::place(const Arrived& segment) {
  const uint32_t start = segment.sequence + (segment.syn ? 1 : 0);
  const bool anew = segment.syn && began_ && start != first_ && held_.empty();
  if (!known_ || anew || (segment.syn && held_.empty() && ahead(start, next_) > 0)) {
    known_ = true;
    began_ = segment.syn;
    first_ = next_ = start;
    in_middle_ = !segment.syn;
  }
  if (segment.octets == 0) return !held_.empty();  // time may have come for what waits
  if (ahead(start + segment.octets, next_) <= 0) {
    counters_.repeated.add(segment.octets);
    return !held_.empty();
  }
  const auto later = [&](const Held& held) { return ahead(held.sequence, start) > 0; };
  const auto at = std::find_if(held_.begin(), held_.end(), later);
  held_.insert(at, {start, segment.octets, segment.time_us, segment.bytes, {}});
  return true;
}

/// The piece in front, when it is in order or its hole is given up. A front that was given before is dropped.
bool TcpStream::next(int64_t now_us, bool all, Piece& piece) {
  while (!held_.empty()) {
    const Held& front = held_.front();
    const int32_t hole = ahead(front.sequence, next_);
    const auto repeated = static_cast<uint32_t>(hole < 0 ? -hole : 0);
    if (repeated >= front.octets) {
      counters_.repeated.add(front.octets);
      drop_front();
      continue;
    }
    if (hole > 0) {
      const bool full =
          held_.size() > kMostSegments || held_bytes_ > kMostBytes || counters_.held_bytes.get() > kMostOfAll;
      if (!all && !full && now_us - front.time_us < kLongestUs) return false;
      counters_.gaps.add();
      counters_.missing.add(static_cast<uint32_t>(hole));
    }
    counters_.repeated.add(repeated);
    const Bytes bytes = front.bytes();
    piece.bytes = bytes.subspan(std::min<size_t>(repeated, bytes.size()));
    piece.octets = front.octets - repeated;
    piece.gap = static_cast<uint32_t>(std::max(hole, 0));
    piece.in_middle = in_middle_;
    piece.time_us = front.time_us;
    in_middle_ = false;
    next_ = front.sequence + front.octets;
    return true;
  }
  return false;
}

/// The segment at hand goes away: of what still waits, copies are kept.
void TcpStream::keep_copies() {
  for (Held& held : held_) {
    if (!held.copy.empty() || held.direct.empty()) continue;
    held.copy.assign(held.direct.begin(), held.direct.end());
    held.direct = {};
    held_bytes_ += held.copy.size();
    counters_.held_bytes.add(held.copy.size());
  }
}

void TcpStream::drop_front() {
  const size_t size = held_.front().copy.size();
  held_bytes_ -= size;
  counters_.held_bytes.set(counters_.held_bytes.get() - size);
  held_.erase(held_.begin());
}

void TcpStream::forget() {
  while (!held_.empty()) drop_front();
}

}  // namespace microcloud
