#include "capture/live_source.h"

#include <linux/filter.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#include "capture/fanout.h"
#include "capture/packet_filter.h"

namespace microcloud {

namespace {

constexpr uint32_t kTag = 4;
constexpr uint32_t kMacs = 12;  // the tag stands behind both addresses

static_assert(kTag <= TpacketRing::kHeadroom);
static_assert(kKeptBackUs >= 2 * 1000 * int64_t{TpacketRing::kRetireMs});

/// What an empty program lets through is everything, and whole.
std::vector<sock_filter> filter_program(const Interface& interface, const LiveOptions& options) {
  if (options.bpf_filter.empty()) {
    if (options.snap_length == 0) return {};
    return {{BPF_RET | BPF_K, 0, 0, options.snap_length}};
  }
  const PacketFilter filter = interface.link_type == LinkType::Raw
                                  ? raw_filter(options.bpf_filter, options.snap_length)
                                  : ethernet_filter(interface.name, options.bpf_filter, options.snap_length);
  return filter.kernel_program();
}

const sockaddr_ll& address_of(const tpacket3_hdr& header) {
  return *reinterpret_cast<const sockaddr_ll*>(reinterpret_cast<const uint8_t*>(&header) +
                                               TPACKET_ALIGN(sizeof header));
}

/// Moves the addresses into the headroom and writes the tag behind them; the frame's new beginning.
uint8_t* put_tag_back(uint8_t* data, const tpacket3_hdr& header) {
  const bool told = (header.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
  const uint32_t type = told ? header.hv1.tp_vlan_tpid : 0x8100U;
  const uint32_t tag = __builtin_bswap32(type << 16 | (header.hv1.tp_vlan_tci & 0xffff));
  std::memmove(data - kTag, data, kMacs);
  std::memcpy(data - kTag + kMacs, &tag, sizeof tag);
  return data - kTag;
}

}  // namespace

LiveSource::LiveSource(const Interface& interface, const LiveOptions& options)
    : interface_(interface),
      snap_length_(options.snap_length == 0 ? UINT32_MAX : options.snap_length),
      wait_ms_(options.wait_ms),
      socket_(interface),
      ring_(socket_, options.ring_bytes) {
  socket_.bind();
  if (options.promiscuous) socket_.be_promiscuous();
}

ReadResult LiveSource::read(std::span<Frame> burst) {
  if (ring_.close_block()) {
    const std::lock_guard lock(statistics_);
    take_statistics();
  }
  if (!ring_.open_block()) {
    const ReadStatus status = wait();
    if (status != ReadStatus::More) return {0, status};
  }
  size_t count = 0;
  while (count < burst.size()) {
    tpacket3_hdr* const header = ring_.next();
    if (header == nullptr) break;
    if (take(*header, burst[count])) ++count;
  }
  return {count, ReadStatus::More};
}

bool LiveSource::take(tpacket3_hdr& header, Frame& frame) {
  const bool outgoing = address_of(header).sll_pkttype == PACKET_OUTGOING;
  if (outgoing && interface_.loopback) {
    loopback_copies_.add();
    return false;
  }
  uint8_t* data = reinterpret_cast<uint8_t*>(&header) + header.tp_mac;
  frame.captured = header.tp_snaplen;
  frame.length = header.tp_len;
  if ((header.tp_status & TP_STATUS_VLAN_VALID) != 0 && header.tp_snaplen >= kMacs) [[unlikely]] {
    data = put_tag_back(data, header);
    frame.captured = std::min(frame.captured + kTag, snap_length_);
    frame.length += kTag;
  }
  frame.data = data;
  frame.time_us = int64_t{header.tp_sec} * 1'000'000 + header.tp_nsec / 1000;
  frame.interface = static_cast<uint32_t>(interface_.index);
  frame.outgoing = outgoing;
  frame.checksum_pending = (header.tp_status & TP_STATUS_CSUMNOTREADY) != 0;
  return true;
}

ReadStatus LiveSource::wait() {
  std::array<pollfd, 2> events{{{socket_.fd(), POLLIN, 0}, {wake_fd_, POLLIN, 0}}};  // a descriptor of -1 is ignored
  ::poll(events.data(), events.size(), wait_ms_);
  if (ring_.open_block()) {
    down_ = false;
    return ReadStatus::More;
  }
  if ((events[0].revents & POLLERR) != 0 && socket_.take_down()) down_ = true;
  // An interface is first taken down and then removed: the second step wakes nobody.
  if (down_ && socket_.removed()) {
    error_ = "interface " + interface_.name + " was removed";
    return ReadStatus::Failed;
  }
  return ReadStatus::Idle;
}

SourceDrops LiveSource::drops() const {
  const std::lock_guard lock(statistics_);
  take_statistics();
  return {.kernel = kernel_drops_, .loopback_copies = loopback_copies_.get(), .offered = offered_};
}

void LiveSource::take_statistics() const {
  const PacketSocket::Statistics fresh = socket_.take_statistics();
  kernel_drops_ += fresh.dropped;
  offered_ += fresh.offered;
}

// The kernel numbers the sockets of a group in the order in which they join, and a socket can only join once it is
// bound, when frames come. So each is bound with a filter that refuses all; the real filter goes on when the group is
// complete, and no frame can have been queued with a smaller group's numbers. (After the interface was down, the kernel
// lets the sockets join again in the order in which they were made, which is the same.)
std::vector<std::unique_ptr<LiveSource>> open_live(const LiveOptions& options, unsigned workers) {
  assert(workers > 0);
  const Interface interface = find_interface(options.interface);
  std::vector<std::unique_ptr<LiveSource>> sources;
  uint16_t group = 0;
  for (unsigned worker = 0; worker < workers; ++worker) {
    auto source = std::make_unique<LiveSource>(interface, options);
    if (worker > 0) {
      source->socket().join_group(group);
    } else if (workers > 1) {
      group = source->socket().found_group(owner_program());
    }
    sources.push_back(std::move(source));
  }
  const std::vector<sock_filter> program = filter_program(interface, options);
  for (const auto& source : sources) source->socket().start(program);
  return sources;
}

}  // namespace microcloud
