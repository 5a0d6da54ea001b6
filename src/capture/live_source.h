// Live capture on one interface: the kernel's ring, walked in place, one for each worker.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/counter.h"
#include "capture/interface.h"
#include "capture/packet_socket.h"
#include "capture/source.h"
#include "capture/tpacket_ring.h"

namespace microcloud {

struct LiveOptions {
  std::string interface;
  std::string bpf_filter = {};    // empty: all frames
  uint32_t snap_length = 0;       // bytes; 0: whole frames
  size_t ring_bytes = 64U << 20;  // for each worker
  bool promiscuous = true;
  // The longest that read() waits; less where other workers wait to hear how far this one is, 0 where a worker has
  // several sources to serve.
  int wait_ms = 10;
};

/// A frame with a VLAN tag has it in its place again, though the kernel took it out. While the interface is down read()
/// answers Idle; once it exists no more, Failed.
class LiveSource final : public Source {
 public:
  /// Takes no frame before start(). Called by open_live().
  LiveSource(const Interface& interface, const LiveOptions& options);

  PacketSocket& socket() { return socket_; }

  LinkType link_type() const override { return interface_.link_type; }
  ReadResult read(std::span<Frame> burst) override;
  void wake_by(int fd) override { wake_fd_ = fd; }
  void take_no_more() override { socket_.refuse_all(); }
  SourceDrops drops() const override;
  std::string error() const override { return error_; }

 private:
  bool take(tpacket3_hdr& header, Frame& frame);
  void take_statistics() const;
  ReadStatus wait();

  const Interface interface_;
  const uint32_t snap_length_;
  const int wait_ms_;
  int wake_fd_ = -1;
  PacketSocket socket_;
  TpacketRing ring_;
  bool down_ = false;
  mutable std::mutex statistics_;  // any thread may fetch both from the kernel, which then forgets them
  mutable uint64_t kernel_drops_ = 0;
  mutable uint64_t offered_ = 0;
  Counter loopback_copies_;
  std::string error_;
};

/// One source for each worker; worker i owns the plain packets for which owner_of() (base/owner.h) says i, and the
/// first one gets what the kernel cannot tell. Throws std::runtime_error, one sentence: no such interface, down,
/// hardware that is not supported, no permission, a bad filter, no memory.
std::vector<std::unique_ptr<LiveSource>> open_live(const LiveOptions& options, unsigned workers = 1);

}  // namespace microcloud
