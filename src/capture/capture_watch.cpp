#include "capture/capture_watch.h"

#include <algorithm>

namespace microcloud {
namespace {

struct Segment {
  Bytes source, destination;  // addresses
  uint16_t source_port = 0, destination_port = 0;
};

/// A TCP segment with ACK and neither SYN nor RST, right behind the frame's header and its VLAN tags.
bool read_segment(const Frame& frame, LinkType type, Segment& segment) {
  constexpr unsigned kSyn = 2, kRst = 4, kAck = 16, kTcp = 6;
  Cursor in(frame.bytes());
  if (type == LinkType::Ethernet) {
    in.skip(12);
    uint16_t kind = in.u16();
    while (kind == 0x8100 || kind == 0x88a8) {
      in.skip(2);
      kind = in.u16();
    }
    if (kind != 0x0800 && kind != 0x86dd) return false;
  }
  if (in.peek() >> 4 == 4) {
    const unsigned header = (in.peek() & 15U) * 4U;
    if (header < 20 || in.peek(9) != kTcp || (in.peek(6) & 0x1f) != 0 || in.peek(7) != 0) return false;
    in.skip(12);
    segment.source = in.bytes(4);
    segment.destination = in.bytes(4);
    in.skip(header - 20);
  } else if (in.peek() >> 4 == 6) {
    if (in.peek(6) != kTcp) return false;
    in.skip(8);
    segment.source = in.bytes(16);
    segment.destination = in.bytes(16);
  } else {
    return false;
  }
  segment.source_port = in.u16();
  segment.destination_port = in.u16();
  in.skip(9);
  const unsigned flags = in.u8();
  return in.ok() && (flags & (kSyn | kRst | kAck)) == kAck;
}

uint64_t end_hash(const HashSeed& seed, Bytes address, uint16_t port) {
  Cursor in(address);
  const uint64_t first = in.u32(), second = in.u32(), third = in.u32(), fourth = in.u32();  // zero behind four bytes
  return hash_words(seed, first << 32 | second, third << 32 | fourth, port);
}

}  // namespace

void DirectionWatch::see(const Frame& frame, LinkType type) {
  if (++frames_ >= kMostFrames) on_ = false;
  Segment segment;
  if (!read_segment(frame, type, segment)) return;
  const uint64_t source = end_hash(seed_, segment.source, segment.source_port);
  const uint64_t destination = end_hash(seed_, segment.destination, segment.destination_port);
  const uint64_t hash = fold_multiply(source ^ destination, seed_.a) | 1;  // 0 is a free place
  Connection& connection = connections_[(hash >> 1) % kConnections];
  if (connection.hash == 0) connection.hash = hash;
  if (connection.hash == hash) count(connection, source < destination);
}

void DirectionWatch::count(Connection& connection, bool from_low) {
  uint8_t& own = connection.segments[from_low ? 0 : 1];
  const uint8_t other = connection.segments[from_low ? 1 : 0];
  if (own == kEnough) return;
  ++own;
  if (other == 0) {
    if (own == kEnough) one_way.add();
  } else if (own == 1) {  // the first one from this end
    if (other == kEnough) one_way.set(one_way.get() - 1);
    two_way.add();
    if (two_way.get() >= kKnown) on_ = false;
  }
}

ReadResult WatchedSource::read(std::span<Frame> burst) {
  const ReadResult result = source_->read(burst);
  if (result.count == 0) return result;
  uint64_t cut = 0, longer = 0;
  for (const Frame& frame : burst.first(result.count)) {
    cut += frame.captured < frame.length ? 1 : 0;
    longer += frame.length > longest_ ? 1 : 0;
  }
  counts_.frames.add(result.count);
  if (cut > 0) counts_.cut.add(cut);
  if (longer > 0) [[unlikely]] {
    const auto sent = static_cast<uint64_t>(
        std::count_if(burst.begin(), burst.begin() + static_cast<std::ptrdiff_t>(result.count),
                      [this](const Frame& frame) { return frame.length > longest_ && frame.outgoing; }));
    counts_.longer_sent.add(sent);
    counts_.longer_received.add(longer - sent);
  }
  if (directions_ && directions_->on()) {
    for (const Frame& frame : burst.first(result.count)) directions_->see(frame, link_type());
  }
  return result;
}

}  // namespace microcloud
