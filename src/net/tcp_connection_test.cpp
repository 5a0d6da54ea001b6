#include "net/tcp_connection.h"

#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <string>
#include <thread>

namespace microcloud {
namespace {

/// Listens on a port of the loopback interface that the system chooses.
class Listener {
 public:
  Listener() : descriptor_(socket(AF_INET, SOCK_STREAM, 0)) {
    address_ = resolve({"tcp", "127.0.0.1", 1}, SOCK_STREAM).front();
    address_.set_port(0);
    EXPECT_EQ(bind(descriptor_, address_.get(), address_.size), 0);
    EXPECT_EQ(listen(descriptor_, 1), 0);
    void* bytes = &address_.bytes;
    getsockname(descriptor_, static_cast<sockaddr*>(bytes), &address_.size);
  }
  ~Listener() { close(descriptor_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  const SocketAddress& address() const { return address_; }
  int take() const { return accept(descriptor_, nullptr, nullptr); }

 private:
  int descriptor_;
  SocketAddress address_;
};

template <typename Done>
bool wait_for(const Done& done) {
  for (int tries = 0; tries < 2000 && !done(); ++tries) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  return done();
}

TEST(TcpConnection, NobodyListens) {
  SocketAddress address;
  {
    const Listener listener;
    address = listener.address();
  }
  TcpConnection connection(address);
  EXPECT_TRUE(wait_for([&] { return connection.poll() == Connection::State::Broken; }));
  EXPECT_EQ(connection.why(), "Connection refused");
}

TEST(TcpConnection, KnowsWhatThePeersSystemHasTakenAfterAResetToo) {
  const Listener listener;
  TcpConnection connection(listener.address());
  ASSERT_TRUE(wait_for([&] { return connection.poll() == Connection::State::Open; }));
  const int peer = listener.take();
  const std::string piece(10'000, 'x');
  for (int full = 0; full < 3;) {  // until neither system has room
    if (connection.write(piece.data(), piece.size()) > 0) continue;
    ++full;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  int unread = 0;
  ASSERT_EQ(ioctl(peer, FIONREAD, &unread), 0);
  ASSERT_GT(unread, 0);
  EXPECT_EQ(connection.way().acknowledged, static_cast<uint64_t>(unread));
  EXPECT_GE(connection.way().departed, connection.way().acknowledged);
  EXPECT_LT(connection.way().departed, connection.written());
  close(peer);  // with something unread: a reset
  EXPECT_TRUE(wait_for([&] { return connection.poll() == Connection::State::Broken; }));
  EXPECT_FALSE(connection.closed_in_order());
  EXPECT_EQ(connection.way().acknowledged, static_cast<uint64_t>(unread));
  EXPECT_LT(connection.way().departed, connection.written());
  EXPECT_EQ(connection.write("x", 1), 0U);
}

TEST(TcpConnection, SeesThePeerCloseInOrder) {
  const Listener listener;
  TcpConnection connection(listener.address());
  ASSERT_TRUE(wait_for([&] { return connection.poll() == Connection::State::Open; }));
  const int peer = listener.take();
  EXPECT_EQ(connection.write("all", 3), 3U);
  connection.close_writing();
  std::string got(8, '\0');
  EXPECT_EQ(recv(peer, got.data(), got.size(), 0), 3);
  EXPECT_EQ(recv(peer, got.data(), got.size(), 0), 0);
  close(peer);
  EXPECT_TRUE(wait_for([&] { return connection.poll() == Connection::State::Broken; }));
  EXPECT_TRUE(connection.closed_in_order());
  EXPECT_EQ(connection.why(), "the collector closed the connection");
}

TEST(TcpConnection, AbortLeavesNothingToTheSystem) {
  const Listener listener;
  {
    TcpConnection connection(listener.address());
    ASSERT_TRUE(wait_for([&] { return connection.poll() == Connection::State::Open; }));
    connection.abort();
  }
  const int peer = listener.take();
  char byte = 0;
  EXPECT_EQ(recv(peer, &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
  close(peer);
}

}  // namespace
}  // namespace microcloud
