// One direction of a TCP connection, in order: what parsers read (RFC 9293, 3.4).
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/counter.h"
#include "base/cursor.h"

namespace microcloud {

/// What all streams of a worker may hold together, and what became of segments. Read by any thread.
struct StreamCounters {
  Counter held_bytes;  // waiting for what is missing before them
  Counter repeated;    // octets that had been given before
  Counter gaps;        // holes given up
  Counter missing;     // octets in those holes
};

/// Gives what arrives in order at once, and keeps what came too early: at most kMostSegments and kMostBytes, kLongest
/// of time, and kMostOfAll bytes in all streams together. What is missing by then is given up: the next piece has a
/// gap.
class TcpStream {
 public:
  static constexpr size_t kMostSegments = 64;
  static constexpr size_t kMostBytes = size_t{128} << 10;
  static constexpr size_t kMostOfAll = size_t{64} << 20;
  static constexpr int64_t kLongestUs = 3'000'000;

  explicit TcpStream(StreamCounters& counters) : counters_(counters) {}
  ~TcpStream() { forget(); }
  TcpStream(const TcpStream&) = delete;
  TcpStream& operator=(const TcpStream&) = delete;

  /// Leaves out all before this sequence number, which is no gap: the stream is of interest from here. Called first.
  void begin_at(uint32_t sequence) {
    next_ = sequence;
    known_ = true;
  }

  /// A segment as captured.
  struct Arrived {
    uint32_t sequence = 0;
    Bytes bytes;
    uint32_t octets = 0;  // on the wire: more than bytes.size() where the capture cut it
    bool syn = false;
    int64_t time_us = 0;
  };
  /// A piece in order.
  struct Piece {
    Bytes bytes;
    uint32_t octets = 0;
    uint32_t gap = 0;        // octets missing before it
    bool in_middle = false;  // the first of a stream whose SYN was not seen
    int64_t time_us = 0;
  };

  /// `give(const Piece&)` is called for each piece that is in order now.
  template <typename Give>
  void add(const Arrived& segment, const Give& give) {
    if (known_ && held_.empty() && !segment.syn && segment.sequence == next_) {  // nearly always
      if (segment.octets == 0) return;
      next_ += segment.octets;
      give(Piece{segment.bytes, segment.octets, 0, std::exchange(in_middle_, false), segment.time_us});
      return;
    }
    if (!place(segment)) return;
    take_ready(segment.time_us, false, give);
  }
  /// No more comes: what waits is given, with its gaps.
  template <typename Give>
  void finish(const Give& give) {
    take_ready(0, true, give);
  }
  /// Nobody wants more: gives the memory back.
  void forget();

 private:
  struct Held {
    uint32_t sequence;
    uint32_t octets;
    int64_t time_us;
    Bytes direct;  // of the segment at hand, not copied
    std::vector<uint8_t> copy;
    Bytes bytes() const { return copy.empty() ? direct : Bytes(copy); }
  };

  bool place(const Arrived& segment);
  bool next(int64_t now_us, bool all, Piece& piece);
  void keep_copies();
  void drop_front();

  template <typename Give>
  void take_ready(int64_t now_us, bool all, const Give& give) {
    Piece piece;
    while (next(now_us, all, piece)) {
      give(static_cast<const Piece&>(piece));
      drop_front();
    }
    keep_copies();
  }

  StreamCounters& counters_;
  std::vector<Held> held_;  // by sequence; what overlaps is cut when its turn comes
  size_t held_bytes_ = 0;   // of the copies
  uint32_t first_ = 0;      // behind the SYN, when it was seen: another SYN begins another connection of the same ends
  uint32_t next_ = 0;
  bool began_ = false;
  bool known_ = false;
  bool in_middle_ = false;
};

}  // namespace microcloud
