// IP fragments put together again, for parsers: RFC 791 (3.2), RFC 8200 (4.5), with overlaps refused as in RFC 5722.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <vector>

#include "base/counter.h"
#include "base/cursor.h"
#include "flow/fragment_id.h"

namespace microcloud {

/// Why fragments did not become a datagram. Each is counted once a datagram, but for Unreadable: once a fragment.
enum class NotJoined : uint8_t {
  TimedOut,     // a fragment did not come in time
  PushedOut,    // the room was needed for newer ones
  Overlapping,  // fragments contradict each other (RFC 5722): the datagram is refused
  TooMany,      // more fragments than a datagram is allowed
  Cut,          // the capture does not have all of a fragment
  Malformed,    // lengths that cannot be
  Unreadable,   // what the fragments said when joined is no IP packet
  kCount
};
const char* not_joined_name(NotJoined reason);

/// Used by one thread. Holds copies of fragments, bounded in datagrams, in bytes and in time; the oldest datagram goes
/// first.
class IpReassembly {
 public:
  static constexpr size_t kMostDatagrams = 4096;
  static constexpr size_t kMostBytes = size_t{16} << 20;  // of fragments; a vector may take twice as much
  static constexpr size_t kMostPieces = 256;              // of one datagram
  static constexpr size_t kLongestHeader = 256;           // an IPv6 header with what stands before the fragment header
  static constexpr int kMostNested = 4;  // fragments that carry a tunnel's packet that is a fragment, and so on
  static constexpr uint32_t kTimeoutMs = 30'000;

  struct Counters {
    Counter joined;
    microcloud::Counters<NotJoined> lost;
    Counter held_bytes;
  };

  explicit IpReassembly(HashSeed seed) : datagrams_(16, FragmentIdHash{seed}) {}

  /// `fragment` as decode() left it (not Whole), `frame` what was captured of it. True when it was the last one
  /// missing: `joined` is the whole datagram then, decoded to its innermost packet, with the time of this fragment. It
  /// points into memory of this object, until the next add().
  bool add(const Packet& fragment, Bytes frame, Packet& joined);
  /// Gives up what has waited for too long.
  void expire(uint32_t tick_ms);
  /// Gives up all that waits.
  void finish();

  const Counters& counters() const { return counters_; }

 private:
  struct Piece {
    uint32_t from;  // offset in the datagram's payload
    uint32_t size;
    uint32_t at;  // in Datagram::bytes
  };
  struct Datagram {
    FragmentId id;
    uint32_t tick_ms = 0;
    bool refused = false;       // kept until its time is over, so that its other fragments are not taken for a new one
    uint32_t total = 0;         // of the payload, 0: the last fragment has not come
    uint32_t held = 0;          // octets of all pieces
    std::vector<uint8_t> head;  // the IP header, of the first fragment
    std::vector<uint8_t> bytes;
    std::vector<Piece> pieces;  // in order of their offsets, none overlaps
  };
  using ByAge = std::list<Datagram>;
  /// One fragment, read again from its own header on.
  struct Part {
    FragmentId id;
    Bytes head;  // what stands before the fragmented payload, without a fragment header
    Bytes payload;
    uint32_t octets;  // of the payload, on the wire
    uint32_t from;
    bool more;
  };

  static bool read_part(const Packet& fragment, Bytes frame, Part& part);
  static bool read_part_v4(Cursor in, Part& part);
  static bool read_part_v6(Cursor in, Part& part);
  bool add_one(const Packet& fragment, Bytes frame, Packet& joined);
  ByAge::iterator datagram_of(const FragmentId& id, uint32_t tick_ms);
  bool place(Datagram& datagram, const Part& part);
  bool make_whole(const Datagram& datagram);
  void refuse(Datagram& datagram, NotJoined reason);
  void drop_bytes(Datagram& datagram);
  void forget(ByAge::iterator datagram);
  void make_room(size_t bytes, const Datagram& for_this);
  bool decode_whole(const Packet& last, Packet& joined);

  ByAge by_age_;  // the oldest first
  std::unordered_map<FragmentId, ByAge::iterator, FragmentIdHash> datagrams_;
  size_t bytes_ = 0;
  std::vector<uint8_t> whole_;
  Counters counters_;
};

}  // namespace microcloud
