// What a live capture shows of its own set-up: frames that no wire carries, frames cut, one direction alone.
#pragma once

#include <array>
#include <memory>

#include "base/counter.h"
#include "base/hash.h"
#include "capture/source.h"

namespace microcloud {

/// Does each TCP connection answer? Looks at the first connections of one worker, outside of tunnels, until it knows.
/// Used by that worker's thread; the counters are read by any.
class DirectionWatch {
 public:
  /// Of connections with at least kEnough segments (ACK set, neither SYN nor RST) from one end.
  Counter one_way;  // nothing came from the other end
  Counter two_way;

  bool on() const { return on_; }
  void see(const Frame& frame, LinkType type);

 private:
  static constexpr uint8_t kEnough = 4;
  static constexpr size_t kConnections = 1024;
  static constexpr uint64_t kKnown = 32;            // two-way connections that settle it
  static constexpr uint64_t kMostFrames = 1 << 20;  // that are looked at
  struct Connection {
    uint64_t hash = 0;
    std::array<uint8_t, 2> segments{};  // from the end that is smaller, from the other
  };
  void count(Connection& connection, bool from_low);

  HashSeed seed_ = HashSeed::random();
  std::array<Connection, kConnections> connections_{};
  uint64_t frames_ = 0;
  bool on_ = true;
};

/// A live source, watched. The counters are read by any thread.
class WatchedSource final : public Source {
 public:
  struct Counts {
    Counter frames;
    Counter longer_received;  // than the interface's MTU allows: GRO, LRO
    Counter longer_sent;      // TSO, GSO
    Counter cut;              // to the snapshot length
  };
  /// `longest`: bytes of a frame that the interface can send or receive, tags included. `directions` may be shared by
  /// the sources of one worker.
  WatchedSource(std::unique_ptr<Source> source, uint32_t longest, std::shared_ptr<DirectionWatch> directions)
      : source_(std::move(source)), longest_(longest), directions_(std::move(directions)) {}

  const Counts& counts() const { return counts_; }

  LinkType link_type() const override { return source_->link_type(); }
  ReadResult read(std::span<Frame> burst) override;
  void wake_by(int fd) override { source_->wake_by(fd); }
  void take_no_more() override { source_->take_no_more(); }
  SourceDrops drops() const override { return source_->drops(); }
  std::string error() const override { return source_->error(); }

 private:
  std::unique_ptr<Source> source_;
  const uint32_t longest_;
  std::shared_ptr<DirectionWatch> directions_;
  Counts counts_;
};

}  // namespace microcloud
