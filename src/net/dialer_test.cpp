#include "net/dialer.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace microcloud {
namespace {

using std::chrono::milliseconds;
using State = Connection::State;

struct Fate {
  State state = State::Opening;
  int begun = 0;
};

class FatedConnection final : public Connection {
 public:
  explicit FatedConnection(Fate& fate) : fate_(fate) { ++fate.begun; }
  State poll() override { return fate_.state; }
  size_t write(const char*, size_t) override { return 0; }
  uint64_t written() const override { return 0; }
  Way way() const override { return {}; }
  void close_writing() override {}
  void abort() override {}
  std::string why() const override { return "by the test"; }
  bool closed_in_order() const override { return true; }

 private:
  Fate& fate_;
};

class DialerTest : public ::testing::Test {
 protected:
  Dialer dialer(const std::string& host = "127.0.0.1") {
    return Dialer(
        {"tcp", host, 4739}, SOCK_STREAM,
        [this](const SocketAddress&) { return std::make_unique<FatedConnection>(fate_); },
        BackOff({milliseconds(1000), milliseconds(8000)}, 1));
  }
  Dialer::Time at(int64_t ms) const { return start_ + milliseconds(ms); }

  Fate fate_;
  Dialer::Time start_ = std::chrono::steady_clock::now();
};

TEST_F(DialerTest, GivesTheConnectionOnceItIsOpen) {
  Dialer to = dialer();
  EXPECT_EQ(to.poll(at(0)), nullptr);
  EXPECT_EQ(to.poll(at(1)), nullptr);
  fate_.state = State::Open;
  EXPECT_NE(to.poll(at(2)), nullptr);
  EXPECT_EQ(fate_.begun, 1);
  EXPECT_EQ(to.why(), "");
}

TEST_F(DialerTest, GivesUpASilentPeerAfterTenSeconds) {
  Dialer to = dialer();
  EXPECT_EQ(to.poll(at(0)), nullptr);
  EXPECT_EQ(to.poll(at(9'999)), nullptr);
  EXPECT_EQ(to.why(), "");
  EXPECT_EQ(to.poll(at(10'000)), nullptr);
  EXPECT_EQ(to.why(), "no answer for 10 s");
}

TEST_F(DialerTest, WaitsLongerAfterEachFailure) {
  Dialer to = dialer();
  fate_.state = State::Broken;
  std::vector<int64_t> tries;
  for (int64_t ms = 0; ms < 20'000; ms += 50) {
    const int before = fate_.begun;
    EXPECT_EQ(to.poll(at(ms)), nullptr);
    if (fate_.begun > before) tries.push_back(ms);
  }
  ASSERT_GE(tries.size(), 4U);
  ASSERT_LE(tries.size(), 6U);
  for (size_t at = 2; at < tries.size(); ++at) EXPECT_GT(tries[at] - tries[at - 1], (tries[at - 1] - tries[at - 2]));
  EXPECT_EQ(to.why(), "by the test");
}

TEST_F(DialerTest, ABrokenConnectionIsGivenUntilItIsDropped) {
  Dialer to = dialer();
  fate_.state = State::Open;
  EXPECT_NE(to.poll(at(0)), nullptr);
  fate_.state = State::Broken;
  EXPECT_NE(to.poll(at(100)), nullptr);
  to.drop(at(100));
  EXPECT_EQ(to.why(), "by the test");
  fate_.state = State::Open;
  EXPECT_EQ(to.poll(at(200)), nullptr);
  EXPECT_NE(to.poll(at(1500)), nullptr);
  EXPECT_EQ(fate_.begun, 2);
}

TEST_F(DialerTest, TellsWhatKeepsAConnectionFromBeginning) {
  Dialer to(
      {"tcp", "127.0.0.1", 4739}, SOCK_STREAM,
      [](const SocketAddress&) -> std::unique_ptr<Connection> { throw std::runtime_error("no sockets left"); },
      BackOff(1));
  EXPECT_EQ(to.poll(at(0)), nullptr);
  EXPECT_EQ(to.why(), "no sockets left");
}

}  // namespace
}  // namespace microcloud
