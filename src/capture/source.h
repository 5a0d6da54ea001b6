// Where frames come from: what every capture source offers to a worker.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/cursor.h"
#include "base/read_ahead.h"

namespace microcloud {

/// Link types by their numbers in capture files (https://www.tcpdump.org/linktypes.html).
enum class LinkType : uint16_t {
  Null = 0,
  Ethernet = 1,
  Ppp = 9,
  RawOld = 12,     // DLT_RAW where a platform's number leaked into files
  RawOldBsd = 14,  // the same from OpenBSD
  PppHdlc = 50,
  PppEther = 51,
  Raw = 101,
  Loop = 108,
  LinuxSll = 113,
  Ieee80211 = 105,
  Ieee80211Radio = 127,
  Ipv4 = 228,
  Ipv6 = 229,
  Nflog = 239,
  LinuxSll2 = 276,
};

/// The name of a link type, `LINKTYPE_<number>` where it has none here; supported() tells whether frames of it are
/// read.
std::string link_type_name(LinkType type);
bool supported(LinkType type);

/// One captured frame. The bytes belong to the source and stay valid until its next read().
struct Frame {
  const uint8_t* data = nullptr;
  uint32_t captured = 0;          // bytes at data
  uint32_t length = 0;            // bytes on the wire
  int64_t time_us = 0;            // since 1970
  uint32_t interface = 0;         // the kernel's index; 0: not known (a file)
  bool outgoing = false;          // sent by this host (the kernel's PACKET_OUTGOING)
  bool checksum_pending = false;  // the hardware was to fill in the transport checksum: it says nothing here

  Bytes bytes() const { return {data, captured}; }
};

enum class ReadStatus : uint8_t {
  More,    // frames were given, or may come at once
  Idle,    // a live source waited its while and nothing came
  End,     // the file has ended
  Failed,  // broken input: error() says what and where; frames given before it stand
};

/// How long a live source may keep a frame that has come to itself: Idle says that none is waiting that came before.
/// Twice the time after which the kernel closes a block, as its timers may be late.
constexpr int64_t kKeptBackUs = 20'000;

struct ReadResult {
  size_t count = 0;  // frames given (may be more than zero with End and Failed too)
  ReadStatus status = ReadStatus::More;
};

/// Counted by the source itself: frames that never reached a worker.
struct SourceDrops {
  uint64_t kernel = 0;           // the kernel's ring was full
  uint64_t loopback_copies = 0;  // the sent copy of a frame on `lo`, which is received too
  uint64_t filtered = 0;         // files only: did not match the BPF filter
  uint64_t offered = 0;          // live only: all frames that came to the kernel's ring, by the kernel's own count
};

/// Used by one worker thread; drops() may be read by any thread.
class Source {
 public:
  virtual ~Source() = default;
  virtual LinkType link_type() const = 0;
  /// Fills `burst` from its start. Blocks at most for the source's own short poll time.
  virtual ReadResult read(std::span<Frame> burst) = 0;
  /// Of frames that no processor's cache holds yet: to be stepped once a frame, wherever most is computed between two
  /// reads. May be another after each read(); nullptr: they are there already.
  virtual ReadAhead* ahead() { return nullptr; }
  /// Before the first read(): one that waits stops waiting when this descriptor is readable.
  virtual void wake_by(int) {}
  /// A live source takes no frame from now on; what it has taken is there to be read.
  virtual void take_no_more() {}
  virtual SourceDrops drops() const { return {}; }
  /// After Failed: one sentence, with the offset in a file.
  virtual std::string error() const { return {}; }
  /// Bytes of the input read so far, and in all (0: not known); for a progress bar.
  virtual uint64_t position() const { return 0; }
  virtual uint64_t size() const { return 0; }
};

}  // namespace microcloud
