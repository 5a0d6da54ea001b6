// For tests of live capture: a network namespace of their own with one veth pair, on which nothing moves by itself.
#pragma once

#include <gtest/gtest.h>
#include <linux/if_arp.h>  // brings linux/if.h, which does not go with net/if.h
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "capture/live_source.h"
#include "tools/packet_builder.h"

namespace microcloud {

/// What was captured, kept beyond the next read().
struct Captured {
  tools::Blob data;
  uint32_t length;
  int64_t time_us;
  uint32_t interface;
  bool outgoing;
};

class PacketFd {
 public:
  PacketFd(const std::string& interface, int type, uint16_t protocol)
      : fd_(::socket(AF_PACKET, type | SOCK_CLOEXEC, htons(protocol))) {
    address_.sll_family = AF_PACKET;
    address_.sll_protocol = htons(protocol);
    address_.sll_ifindex = find_interface(interface).index;
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address_), sizeof address_), 0) << std::strerror(errno);
  }
  ~PacketFd() { ::close(fd_); }
  PacketFd(const PacketFd&) = delete;
  PacketFd& operator=(const PacketFd&) = delete;

  int fd() const { return fd_; }
  bool send(const tools::Blob& frame) const {
    return ::sendto(fd_, frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&address_),
                    sizeof address_) == static_cast<ssize_t>(frame.size());
  }

 private:
  int fd_;
  sockaddr_ll address_{};
};

/// A frame that leaves on one end of the pair is captured there as sent, and on the other end as received.
class Injector : public PacketFd {
 public:
  explicit Injector(const std::string& interface) : PacketFd(interface, SOCK_RAW, 0) {}
};

class LiveTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::unshare(CLONE_NEWNET) != 0) {
      GTEST_SKIP() << "no network namespace of its own: " << std::strerror(errno) << " (root is needed)";
    }
    for (const char* const which : {"all", "default"}) {
      std::ofstream(std::string("/proc/sys/net/ipv6/conf/") + which + "/disable_ipv6") << 1;
    }
    if (!run("ip link add v0 type veth peer name v1") || !run("ip link set v0 up") || !run("ip link set v1 up") ||
        !wait_for_link()) {
      GTEST_SKIP() << "no veth pair could be made";
    }
  }

  /// The kernel takes note of a link that came up a little later, and until then an end may drop what it is to send.
  static bool wait_for_link() {
    return run(
        "for n in $(seq 100); do ip link show v0 | grep -q 'state UP' && ip link show v1 | grep -q 'state UP' && "
        "exit 0; sleep 0.05; done; exit 1");
  }

  static bool run(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

  static std::unique_ptr<LiveSource> open(const LiveOptions& options) { return std::move(open_live(options).front()); }

  /// Reads until `count` frames came, or for as long as none come for a while.
  static std::vector<Captured> collect(LiveSource& source, size_t count) {
    using Clock = std::chrono::steady_clock;
    std::vector<Captured> captured;
    Frame burst[32];
    for (auto until = Clock::now() + kPatience; captured.size() < count && Clock::now() < until;) {
      const ReadResult result = source.read(burst);
      for (const Frame& frame : std::span(burst).first(result.count)) captured.push_back(keep(frame));
      if (result.count > 0) until = Clock::now() + kPatience;
    }
    return captured;
  }
  /// What there is until `source` has been idle for several of its polls.
  static std::vector<Captured> collect_rest(LiveSource& source) {
    std::vector<Captured> captured;
    Frame burst[32];
    for (int idle = 0; idle < 5;) {
      const ReadResult result = source.read(burst);
      for (const Frame& frame : std::span(burst).first(result.count)) captured.push_back(keep(frame));
      idle = result.status == ReadStatus::Idle ? idle + 1 : 0;
    }
    return captured;
  }

 private:
  static constexpr std::chrono::seconds kPatience{2};

  static Captured keep(const Frame& frame) {
    return {{frame.data, frame.data + frame.captured}, frame.length, frame.time_us, frame.interface, frame.outgoing};
  }
};

}  // namespace microcloud
