#include "net/sctp_connection.h"

#include <netinet/in.h>
#include <unistd.h>
#include <usrsctp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <span>
#include <stdexcept>
#include <vector>

#include "base/cursor.h"
#include "net/packet_socket.h"

namespace microcloud {
namespace {

constexpr uint32_t kPathMtu = 1400;
constexpr int kSendBuffer = 256 << 10;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

class SctpConnection;
/// Whom libusrsctp may still call with packets; the address that it knows them by is theirs.
std::vector<SctpConnection*> alive;

class SctpConnection final : public Connection {
 public:
  SctpConnection(std::unique_ptr<PacketSocket> packets, uint16_t port)
      : packets_(std::move(packets)),
        port_(port),
        socket_(usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, note_received, note_room, 0, this)) {
    if (socket_ == nullptr) fail("cannot open an SCTP socket");
    usrsctp_register_address(this);
    alive.push_back(this);
    usrsctp_set_non_blocking(socket_, 1);
    set_options();
    sockaddr_conn peer{};
    peer.sconn_family = AF_CONN;
    peer.sconn_port = htons(port);
    peer.sconn_addr = this;
    void* address = &peer;
    if (usrsctp_connect(socket_, static_cast<sockaddr*>(address), sizeof peer) != 0 && errno != EINPROGRESS)
      break_off(std::strerror(errno));
  }

  ~SctpConnection() override {
    // At once: nothing of the association may be left that would send by way of this.
    set(SOL_SOCKET, SO_LINGER, linger{1, 0});
    usrsctp_close(socket_);
    usrsctp_deregister_address(this);
    std::erase(alive, this);
  }

  State poll() override {
    run_timers();
    for (;;) {
      int error = 0;
      const Bytes packet = packets_->receive_packet(error);
      if (!packet.empty()) {
        if (from_peer(packet)) usrsctp_conninput(this, packet.data(), packet.size(), 0);
      } else if (state_ == State::Broken || error == EAGAIN || error == 0) {
        break;
      } else if (error != EINTR) {
        give_up(std::strerror(error));
      }
    }
    return state_;
  }

  size_t write(const char* bytes, size_t size) override {
    if (state_ != State::Open) return 0;
    sctp_sndinfo info{};
    info.snd_context = static_cast<uint32_t>(written_);  // where the message begins
    if (usrsctp_sendv(socket_, bytes, size, nullptr, 0, &info, sizeof info, SCTP_SENDV_SNDINFO, 0) < 0) return 0;
    written_ += size;
    return size;
  }

  uint64_t written() const override { return written_; }
  Way way() const override { return {std::min(departed_, written_), acknowledged_}; }

  void close_writing() override { usrsctp_shutdown(socket_, SHUT_WR); }
  void abort() override { give_up("given up"); }
  std::string why() const override { return why_; }
  bool closed_in_order() const override { return in_order_; }

  void send_packet(const void* bytes, size_t size) const { packets_->send_packet(bytes, size); }

 private:
  template <typename Value>
  void set(int level, int option, const Value& value) {
    usrsctp_setsockopt(socket_, level, option, &value, sizeof value);
  }

  void set_options() {
    set(SOL_SOCKET, SO_SNDBUF, kSendBuffer);
    set(IPPROTO_SCTP, SCTP_NODELAY, uint32_t{1});
    sctp_initmsg init{};
    init.sinit_num_ostreams = 1;
    init.sinit_max_instreams = 1;
    init.sinit_max_attempts = 4;
    set(IPPROTO_SCTP, SCTP_INITMSG, init);
    // A peer that is gone without a word is noticed within a minute, whether anything is sent or not.
    constexpr uint16_t kMostUnanswered = 5;
    constexpr uint32_t kShortestMs = 250, kFirstMs = 1000, kLongestMs = 5000, kHeartbeatMs = 10'000;
    sctp_paddrparams path{};
    path.spp_address.ss_family = AF_CONN;
    path.spp_flags = SPP_PMTUD_DISABLE | SPP_HB_ENABLE;
    path.spp_pathmtu = kPathMtu;
    path.spp_hbinterval = kHeartbeatMs;
    path.spp_pathmaxrxt = kMostUnanswered;
    set(IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, path);
    sctp_assocparams association{};
    association.sasoc_asocmaxrxt = kMostUnanswered;
    set(IPPROTO_SCTP, SCTP_ASSOCINFO, association);
    sctp_rtoinfo timeouts{};
    timeouts.srto_initial = kFirstMs;
    timeouts.srto_min = kShortestMs;
    timeouts.srto_max = kLongestMs;
    set(IPPROTO_SCTP, SCTP_RTOINFO, timeouts);
    for (const uint16_t type : {uint16_t{SCTP_ASSOC_CHANGE}, uint16_t{SCTP_SEND_FAILED_EVENT}}) {
      sctp_event event{};
      event.se_assoc_id = SCTP_FUTURE_ASSOC;
      event.se_on = 1;
      event.se_type = type;
      set(IPPROTO_SCTP, SCTP_EVENT, event);
    }
  }

  /// A raw socket gets all that comes from the peer's host, and on the loopback interface what we sent ourselves.
  bool from_peer(Bytes packet) const {
    Cursor header(packet);
    return header.u16() == port_;
  }

  /// Ends the association by an ABORT; of what it did not come to tell, note_received() is told.
  void give_up(const std::string& why) {
    if (state_ == State::Broken) return;
    break_off(why);
    sctp_sndinfo info{};
    info.snd_flags = SCTP_ABORT;
    usrsctp_sendv(socket_, why.data(), why.size(), nullptr, 0, &info, sizeof info, SCTP_SENDV_SNDINFO, 0);
  }

  static void run_timers() {
    using Clock = std::chrono::steady_clock;
    static Clock::time_point before = Clock::now();
    const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - before);
    if (elapsed.count() == 0) return;
    before += elapsed;
    usrsctp_handle_timers(static_cast<uint32_t>(elapsed.count()));
  }

  /// So much of the buffer is free: the rest is what has not been acknowledged.
  static int note_room(struct socket*, uint32_t free, void* self) {
    auto& connection = *static_cast<SctpConnection*>(self);
    const uint64_t waiting = free < kSendBuffer ? kSendBuffer - free : 0;
    if (waiting <= connection.written_)
      connection.acknowledged_ = std::max(connection.acknowledged_, connection.written_ - waiting);
    return 1;
  }

  /// What the association has to tell; data of the peer are nothing to us.
  static int note_received(struct socket*, sctp_sockstore, void* data, size_t size, sctp_rcvinfo, int flags,
                           void* self) {
    auto& connection = *static_cast<SctpConnection*>(self);
    if (data == nullptr) {
      connection.in_order_ = connection.state_ == State::Open;
      connection.break_off("the collector closed the connection");
    } else if ((flags & MSG_NOTIFICATION) != 0) {
      connection.heed({static_cast<const char*>(data), size});
    }
    std::free(data);  // NOLINT: it is ours by the library's rule
    return 1;
  }

  void heed(std::span<const char> bytes) {
    sctp_notification notice{};
    std::memcpy(&notice, bytes.data(), std::min(bytes.size(), sizeof notice));
    if (notice.sn_header.sn_type == SCTP_SEND_FAILED_EVENT) {
      heed_failure(notice.sn_send_failed_event);
    } else if (notice.sn_header.sn_type == SCTP_ASSOC_CHANGE) {
      switch (notice.sn_assoc_change.sac_state) {
        case SCTP_COMM_UP:
          if (state_ == State::Opening) state_ = State::Open;
          break;
        case SCTP_COMM_LOST:
          break_off("the association was lost");
          break;
        case SCTP_SHUTDOWN_COMP:
          in_order_ = state_ == State::Open;
          break_off("the collector closed the connection");
          break;
        case SCTP_CANT_STR_ASSOC:
          break_off("no SCTP association there");
          break;
        default:
          break;
      }
    }
  }

  /// Told of every message that is left when an association ends: those that were sent, then those that never were.
  void heed_failure(const sctp_send_failed_event& event) {
    const auto behind = static_cast<uint32_t>(static_cast<uint32_t>(written_) - event.ssfe_info.snd_context);
    const uint64_t begin = written_ - behind;
    if (event.ssfe_flags == SCTP_DATA_UNSENT) departed_ = std::min(departed_, begin);
  }

  void break_off(std::string why) {
    if (state_ == State::Broken) return;
    state_ = State::Broken;
    why_ = std::move(why);
  }

  std::unique_ptr<PacketSocket> packets_;
  uint16_t port_;  // the peer's, of SCTP
  struct socket* socket_;
  State state_ = State::Opening;
  uint64_t written_ = 0;
  uint64_t acknowledged_ = 0;
  uint64_t departed_ = UINT64_MAX;
  bool in_order_ = false;
  std::string why_;
};

int send_packet(void* address, void* bytes, size_t size, uint8_t, uint8_t) {
  const auto found = std::find(alive.begin(), alive.end(), address);
  if (found != alive.end()) (*found)->send_packet(bytes, size);
  return 0;
}

void begin_once() {
  static const bool begun = [] {
    usrsctp_init_nothreads(0, send_packet, nullptr);
    usrsctp_sysctl_set_sctp_ecn_enable(0);  // the sockets do not tell of it
    return true;
  }();
  (void)begun;
}

int open_raw(int family) {
  return socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_SCTP);
}

}  // namespace

SctpWay::SctpWay(uint16_t udp_port) : udp_port_(udp_port) {
  begin_once();
  if (udp_port != 0) return;
  raw_v4_ = open_raw(AF_INET);
  if (raw_v4_ < 0) fail("SCTP in IP itself needs root or CAP_NET_RAW (SCTP in UDP, ?udp=9899, does not)");
  raw_v6_ = open_raw(AF_INET6);  // where there is no IPv6 there is no such peer
}

SctpWay::~SctpWay() {
  if (raw_v4_ >= 0) close(raw_v4_);
  if (raw_v6_ >= 0) close(raw_v6_);
}

std::unique_ptr<Connection> SctpWay::connect(const SocketAddress& peer) {
  const bool v6 = peer.family() == AF_INET6;
  const bool raw = udp_port_ == 0;
  const int descriptor =
      raw ? (v6 ? raw_v6_ : raw_v4_) : socket(peer.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  auto packets = std::make_unique<PacketSocket>(descriptor, !raw, raw && !v6);
  SocketAddress to = peer;
  to.set_port(udp_port_);
  if (descriptor < 0 || ::connect(descriptor, to.get(), to.size) != 0) fail("cannot reach it by SCTP");
  return std::make_unique<SctpConnection>(std::move(packets), peer.port());
}

}  // namespace microcloud
