// Frames injected on one end of a veth pair and captured on the other.
#include "capture/live_source.h"

#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include <functional>
#include <stdexcept>

#include "capture/live_test_bed.h"

namespace microcloud {
namespace {

using tools::Blob;
using tools::Packet;

class LiveSourceTest : public LiveTest {
 protected:
  static Blob numbered(size_t number, size_t size) {
    Blob text(size);
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<uint8_t>(number * 31 + i);
    return Packet().eth().ipv4("10.0.0.1", "10.0.0.2").udp(1000, 53).payload(text).bytes();
  }
  /// The sentence with which open_live() refuses.
  static std::string refusal(const LiveOptions& options) {
    try {
      open_live(options);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "accepted";
  }
};

int64_t now_us() {
  using std::chrono::duration_cast, std::chrono::microseconds, std::chrono::system_clock;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

TEST_F(LiveSourceTest, GivesFramesWholeAndInOrder) {
  const auto source = open({.interface = "v0"});
  EXPECT_EQ(source->link_type(), LinkType::Ethernet);
  const Injector far("v1");
  const int64_t before = now_us();
  for (size_t i = 0; i < 200; ++i) ASSERT_TRUE(far.send(numbered(i, i * 7)));
  const std::vector<Captured> captured = collect(*source, 200);
  ASSERT_EQ(captured.size(), 200U);
  int64_t last = before;
  for (size_t i = 0; i < 200; ++i) {
    EXPECT_EQ(captured[i].data, numbered(i, i * 7));
    EXPECT_EQ(captured[i].length, captured[i].data.size());
    EXPECT_FALSE(captured[i].outgoing);
    EXPECT_EQ(captured[i].interface, static_cast<uint32_t>(find_interface("v0").index));
    EXPECT_GE(captured[i].time_us, last);
    last = captured[i].time_us;
  }
  EXPECT_LE(last, now_us());
  EXPECT_EQ(source->drops().kernel, 0U);
}

TEST_F(LiveSourceTest, WalksTheRingRoundMoreThanOnce) {
  // A block is closed by time too, so each batch takes one at least.
  constexpr size_t kBatch = 20;
  const auto source = open({.interface = "v0", .ring_bytes = 8U << 20});
  const Injector far("v1");
  for (size_t round = 0; round < 100; ++round) {
    for (size_t i = 0; i < kBatch; ++i) ASSERT_TRUE(far.send(numbered(round + i, 1400)));
    const std::vector<Captured> captured = collect(*source, kBatch);
    ASSERT_EQ(captured.size(), kBatch);
    for (size_t i = 0; i < kBatch; ++i) ASSERT_EQ(captured[i].data, numbered(round + i, 1400));
  }
}

TEST_F(LiveSourceTest, FramesOfABurstStayUntilTheNextRead) {
  const auto source = open({.interface = "v0", .ring_bytes = 2U << 20});
  const Injector far("v1");
  ASSERT_TRUE(far.send(numbered(7, 500)));
  Frame burst[1];
  ReadResult result;
  while (result.count == 0) result = source->read(burst);
  for (size_t i = 0; i < 5000; ++i) ASSERT_TRUE(far.send(numbered(i, 1400)));
  EXPECT_EQ(Blob(burst[0].data, burst[0].data + burst[0].captured), numbered(7, 500));
}

TEST_F(LiveSourceTest, MarksWhatThisHostSends) {
  const auto source = open({.interface = "v0"});
  ASSERT_TRUE(Injector("v0").send(numbered(1, 100)));
  const std::vector<Captured> captured = collect(*source, 1);
  ASSERT_EQ(captured.size(), 1U);
  EXPECT_TRUE(captured[0].outgoing);
  EXPECT_EQ(captured[0].data, numbered(1, 100));
}

/// The tag that the kernel took out of the next frame, type << 16 | tag; 0: none.
uint32_t tag_taken_out(int fd) {
  uint8_t frame[2048];
  iovec part{frame, sizeof frame};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(tpacket_auxdata))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  EXPECT_GT(::recvmsg(fd, &message, 0), 0);
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header == nullptr) return 0;
  tpacket_auxdata told{};
  std::memcpy(&told, CMSG_DATA(header), sizeof told);
  if ((told.tp_status & TP_STATUS_VLAN_VALID) == 0) return 0;
  return uint32_t{told.tp_vlan_tpid} << 16 | told.tp_vlan_tci;
}

TEST_F(LiveSourceTest, PutsTheVlanTagBack) {
  const auto source = open({.interface = "v0"});
  const PacketFd witness("v0", SOCK_RAW, ETH_P_ALL);
  const int on = 1;
  ASSERT_EQ(::setsockopt(witness.fd(), SOL_PACKET, PACKET_AUXDATA, &on, sizeof on), 0);

  const auto customer = Packet().eth().vlan(5, {.priority = 3}).ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).payload("c");
  const auto service = Packet().eth().vlan(6, {.tpid = 0x88a8}).ipv6("fd00::1", "fd00::2").udp(1, 2).payload("s");
  const auto both = Packet().eth().vlan(7, {.tpid = 0x88a8}).vlan(8).ipv4("10.0.0.1", "10.0.0.2").icmp(8);
  const Injector far("v1");
  for (const Packet* packet : {&customer, &service, &both}) ASSERT_TRUE(far.send(packet->bytes()));

  EXPECT_EQ(tag_taken_out(witness.fd()), 0x81006005U);
  EXPECT_EQ(tag_taken_out(witness.fd()), 0x88a80006U);
  EXPECT_EQ(tag_taken_out(witness.fd()), 0x88a80007U);
  const std::vector<Captured> captured = collect(*source, 3);
  ASSERT_EQ(captured.size(), 3U);
  EXPECT_EQ(captured[0].data, customer.bytes());
  EXPECT_EQ(captured[0].length, customer.wire_size());
  EXPECT_EQ(captured[1].data, service.bytes());
  EXPECT_EQ(captured[2].data, both.bytes());
}

TEST_F(LiveSourceTest, CutsToTheSnapLength) {
  const auto source = open({.interface = "v0", .snap_length = 60});
  const Blob tagged = Packet().eth().vlan(5).ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).payload(Blob(500)).bytes();
  const Injector far("v1");
  ASSERT_TRUE(far.send(numbered(1, 500)));
  ASSERT_TRUE(far.send(tagged));
  const std::vector<Captured> captured = collect(*source, 2);
  ASSERT_EQ(captured.size(), 2U);
  EXPECT_EQ(captured[0].length, 542U);
  const Blob whole = numbered(1, 500);
  EXPECT_EQ(captured[0].data, Blob(whole.begin(), whole.begin() + 60));
  EXPECT_EQ(captured[1].length, 546U);
  EXPECT_EQ(captured[1].data, Blob(tagged.begin(), tagged.begin() + 60));
}

TEST_F(LiveSourceTest, FiltersAlsoByTheTagThatTheKernelTookOut) {
  const auto dns = open({.interface = "v0", .bpf_filter = "udp port 53"});
  const auto vlan = open({.interface = "v0", .bpf_filter = "vlan 5 and udp port 53"});
  const auto untagged = open({.interface = "v0", .bpf_filter = "not vlan", .snap_length = 50});
  const auto udp = [](std::optional<uint16_t> tag, uint16_t port) {
    Packet packet;
    packet.eth();
    if (tag) packet.vlan(*tag);
    return packet.ipv4("10.0.0.1", "10.0.0.2").udp(1000, port).payload(Blob(40)).bytes();
  };
  const Injector far("v1");
  ASSERT_TRUE(far.send(udp({}, 80)));
  ASSERT_TRUE(far.send(udp({}, 53)));
  ASSERT_TRUE(far.send(udp(5, 80)));
  ASSERT_TRUE(far.send(udp(5, 53)));
  ASSERT_TRUE(far.send(udp(6, 53)));

  const std::vector<Captured> of_dns = collect_rest(*dns);
  ASSERT_EQ(of_dns.size(), 3U);  // the tag is not part of what this filter looks at
  EXPECT_EQ(of_dns[0].data, udp({}, 53));
  EXPECT_EQ(of_dns[1].data, udp(5, 53));
  const std::vector<Captured> of_vlan = collect_rest(*vlan);
  ASSERT_EQ(of_vlan.size(), 1U);
  EXPECT_EQ(of_vlan[0].data, udp(5, 53));
  const std::vector<Captured> of_untagged = collect_rest(*untagged);
  ASSERT_EQ(of_untagged.size(), 2U);
  EXPECT_EQ(of_untagged[0].data.size(), 50U);
}

TEST_F(LiveSourceTest, DropsTheSentCopyOnLoopback) {
  ASSERT_TRUE(run("ip link set lo up"));
  const auto source = open({.interface = "lo"});
  EXPECT_EQ(source->link_type(), LinkType::Ethernet);
  const Injector self("lo");
  for (size_t i = 0; i < 10; ++i) ASSERT_TRUE(self.send(numbered(i, 100)));
  const std::vector<Captured> captured = collect_rest(*source);
  ASSERT_EQ(captured.size(), 10U);
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(captured[i].data, numbered(i, 100));
    EXPECT_FALSE(captured[i].outgoing);
  }
  EXPECT_EQ(source->drops().loopback_copies, 10U);
}

TEST_F(LiveSourceTest, CountsWhatTheFullRingDrops) {
  const auto source = open({.interface = "v0", .ring_bytes = 2U << 20});
  const Injector far("v1");
  constexpr size_t kSent = 5000;
  for (size_t i = 0; i < kSent; ++i) ASSERT_TRUE(far.send(numbered(i, 1400)));
  const uint64_t unread = source->drops().kernel;
  EXPECT_GT(unread, kSent / 2);
  const size_t read = collect_rest(*source).size();
  EXPECT_GT(read, 0U);
  EXPECT_EQ(source->drops().kernel, unread);
  EXPECT_EQ(read + unread, kSent);
}

TEST_F(LiveSourceTest, LivesThroughTheInterfaceBeingDown) {
  const auto source = open({.interface = "v0"});
  Frame burst[4];
  ASSERT_TRUE(run("ip link set v0 down"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(source->read(burst).status, ReadStatus::Idle);
  ASSERT_TRUE(run("ip link set v0 up"));
  // The kernel starts the queue of the other end up to a second after its carrier is back, and drops what is sent
  // before.
  ASSERT_TRUE(run("for i in $(seq 100); do ip link show v1 | grep -q 'state UP' && exit; sleep 0.05; done; exit 1"));
  ASSERT_TRUE(Injector("v1").send(numbered(1, 100)));
  ASSERT_EQ(collect(*source, 1).size(), 1U);
}

TEST_F(LiveSourceTest, FailsWhenTheInterfaceIsRemoved) {
  const auto source = open({.interface = "v0"});
  ASSERT_TRUE(Injector("v1").send(numbered(1, 100)));
  ASSERT_EQ(collect(*source, 1).size(), 1U);
  Frame burst[4];
  ASSERT_TRUE(run("ip link set v0 down"));
  EXPECT_EQ(source->read(burst).status, ReadStatus::Idle);
  ASSERT_TRUE(run("ip link del v0"));
  EXPECT_EQ(source->read(burst).status, ReadStatus::Failed);
  EXPECT_EQ(source->error(), "interface v0 was removed");
}

TEST_F(LiveSourceTest, IsPromiscuousUnlessToldOtherwise) {
  const auto promiscuous = [] { return run("ip -d link show v0 | grep -q 'promiscuity 1'"); };
  {
    const auto source = open({.interface = "v0", .promiscuous = false});
    EXPECT_FALSE(promiscuous());
  }
  const auto source = open({.interface = "v0"});
  EXPECT_TRUE(promiscuous());
}

TEST_F(LiveSourceTest, RefusesWithOneSentence) {
  EXPECT_EQ(refusal({.interface = "none"}), "no such interface: 'none'");
  EXPECT_EQ(refusal({.interface = "an-interface-with-a-long-name"}),
            "no such interface: 'an-interface-with-a-long-name'");
  EXPECT_EQ(refusal({.interface = "lo"}), "interface lo is down (ip link set lo up)");
  EXPECT_EQ(refusal({.interface = "v0", .bpf_filter = "udp prot 53"}).rfind("bad BPF filter 'udp prot 53': ", 0), 0U);
}

TEST_F(LiveSourceTest, NamesTheCapabilityThatIsMissing) {
  ASSERT_EQ(::seteuid(65534), 0);
  const std::string sentence = refusal({.interface = "v0"});
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_EQ(sentence,
            "capturing on v0 needs the capability CAP_NET_RAW: run as root, or setcap cap_net_raw+ep on the program");
}

/// An interface whose packets have no link header. Written packets are received on it.
class Tun {
 public:
  Tun() : fd_(::open("/dev/net/tun", O_RDWR | O_CLOEXEC)) {
    ifreq request{};
    std::strcpy(request.ifr_name, "t0");
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    made_ = fd_ >= 0 && ::ioctl(fd_, TUNSETIFF, &request) == 0;
  }
  ~Tun() {
    if (fd_ >= 0) ::close(fd_);
  }
  Tun(const Tun&) = delete;
  Tun& operator=(const Tun&) = delete;

  bool made() const { return made_; }
  bool claim(int hardware) const { return ::ioctl(fd_, TUNSETLINK, hardware) == 0; }
  bool write(const Blob& packet) const {
    return ::write(fd_, packet.data(), packet.size()) == static_cast<ssize_t>(packet.size());
  }

 private:
  int fd_;
  bool made_ = false;
};

TEST_F(LiveSourceTest, ReadsAnInterfaceWithoutLinkHeaders) {
  const Tun tun;
  if (!tun.made()) GTEST_SKIP() << "no tun interface could be made";
  ASSERT_TRUE(run("ip link set t0 up"));
  const auto source = open({.interface = "t0"});
  const auto filtered = open({.interface = "t0", .bpf_filter = "udp port 53"});
  EXPECT_EQ(source->link_type(), LinkType::Raw);
  const Blob incoming = Packet().ipv4("10.0.0.1", "10.0.0.2").udp(1, 80).payload("in").bytes();
  const Blob outgoing = Packet().ipv4("10.0.0.2", "10.0.0.1").udp(53, 1).payload("out").bytes();
  ASSERT_TRUE(tun.write(incoming));
  ASSERT_TRUE(PacketFd("t0", SOCK_DGRAM, ETH_P_IP).send(outgoing));
  const std::vector<Captured> captured = collect_rest(*source);
  ASSERT_EQ(captured.size(), 2U);
  EXPECT_EQ(captured[0].data, incoming);
  EXPECT_FALSE(captured[0].outgoing);
  EXPECT_EQ(captured[1].data, outgoing);
  EXPECT_TRUE(captured[1].outgoing);
  const std::vector<Captured> of_filtered = collect_rest(*filtered);
  ASSERT_EQ(of_filtered.size(), 1U);
  EXPECT_EQ(of_filtered[0].data, outgoing);
}

TEST_F(LiveSourceTest, NamesHardwareThatIsNotSupported) {
  const Tun tun;
  if (!tun.made() || !tun.claim(ARPHRD_PPP)) GTEST_SKIP() << "no tun interface could be made";
  ASSERT_TRUE(run("ip link set t0 up"));
  EXPECT_EQ(
      refusal({.interface = "t0"}),
      "interface t0 is of hardware type 512 (PPP), which is not supported: Ethernet, loopback and IP tunnels are");
}

}  // namespace
}  // namespace microcloud
