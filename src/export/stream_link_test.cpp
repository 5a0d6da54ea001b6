// What becomes of records while a connection opens, breaks and opens again: a connection whose fate the test decides.
#include "export/stream_link.h"

#include "export/test_bed.h"

namespace microcloud {
namespace {

using std::chrono::milliseconds;

/// What the test does to connections, and what came of them.
struct Peer {
  bool answers = true;        // else connecting fails
  size_t room = SIZE_MAX;     // octets that connections still take
  size_t departs = SIZE_MAX;  // how much of what is taken leaves, and is acknowledged: of each connection
  size_t acknowledges = SIZE_MAX;
  bool breaks = false;                // the open connection
  std::vector<std::string> received;  // a connection each
};

class FatedConnection final : public Connection {
 public:
  explicit FatedConnection(Peer& peer) : peer_(peer) {
    if (peer.answers) peer.received.emplace_back();
  }
  State poll() override { return !peer_.answers || peer_.breaks ? State::Broken : State::Open; }
  size_t write(const char* bytes, size_t size) override {
    const size_t taken = std::min(size, peer_.room);
    peer_.room -= taken;
    peer_.received.back().append(bytes, taken);
    return taken;
  }
  uint64_t written() const override { return peer_.received.back().size(); }
  Way way() const override {
    return {std::min<uint64_t>(written(), peer_.departs), std::min<uint64_t>(written(), peer_.acknowledges)};
  }
  void close_writing() override { peer_.breaks = true; }
  void abort() override { peer_.breaks = true; }
  std::string why() const override { return peer_.answers ? "broken by the test" : "refused by the test"; }
  bool closed_in_order() const override { return true; }

 private:
  Peer& peer_;
};

/// Each session begins with one message of a template and one of options.
class Introduction final : public Link::Opening {
 public:
  explicit Introduction(Link& link) : link_(link) {}
  void begin_session() override {
    MessageBatch batch;
    batch.bytes.assign(40, 'T');
    MessageInfo templates, options;
    templates.size = options.size = 20;
    templates.count = options.count = options.data_records = 1;
    templates.templates = true;
    batch.messages = {templates, options};
    link_.send(batch);
  }

 private:
  Link& link_;
};

class StreamLinkTest : public ::testing::Test {
 protected:
  static constexpr uint32_t kSize = 100;

  StreamLink make(size_t most_held = size_t{1} << 20) {
    const BackOff back_off({milliseconds(1000), milliseconds(1000)}, 1);
    return StreamLink("tcp://test",
                      Dialer(
                          {"tcp", "127.0.0.1", 4739}, SOCK_STREAM,
                          [this](const SocketAddress&) { return std::make_unique<FatedConnection>(peer_); }, back_off),
                      16384, most_held);
  }
  /// One message of `records` data records.
  static void send(StreamLink& link, uint16_t records) {
    link.counters().offered.add(records);
    MessageBatch batch;
    batch.bytes.assign(kSize, 'D');
    MessageInfo info;
    info.size = kSize;
    info.count = info.data_records = records;
    info.flows = true;
    info.told = {records, 10U * records, 1000U * records};
    batch.messages = {info};
    link.send(batch);
  }
  /// Sequence numbers of all messages of a connection, its first 40 octets being those of the introduction.
  static std::vector<uint32_t> sequences(const std::string& bytes) {
    std::vector<uint32_t> found;
    for (size_t at = 0; at + 16 <= bytes.size(); at += found.size() <= 2 ? 20 : kSize) {
      uint32_t number = 0;
      std::memcpy(&number, bytes.data() + at + 8, sizeof number);
      found.push_back(__builtin_bswap32(number));
    }
    return found;
  }
  static uint64_t lost(const StreamLink& link, ExportLoss why) { return link.counters().lost.get(why); }

  /// The peer answers, and takes everything again.
  void mend() {
    Peer mended;
    mended.received = std::move(peer_.received);
    peer_ = std::move(mended);
  }

  Peer peer_;
  SteadyTime now_ = std::chrono::steady_clock::now();
  void later(StreamLink& link, int64_t ms) {
    now_ += milliseconds(ms);
    link.progress(now_);
  }
};

TEST_F(StreamLinkTest, BeginsWithTemplatesAndCountsWhatIsAcknowledged) {
  StreamLink link = make();
  Introduction introduction(link);
  link.start(introduction);
  send(link, 3);
  send(link, 4);
  peer_.acknowledges = 40 + kSize;
  link.progress(now_);
  ASSERT_EQ(peer_.received.size(), 1U);
  EXPECT_EQ(sequences(peer_.received[0]), (std::vector<uint32_t>{0, 0, 1, 4}));
  EXPECT_EQ(link.counters().sent.get(), 3U);
  EXPECT_TRUE(link.waiting());
  EXPECT_EQ(link.away(), "");
  peer_.acknowledges = SIZE_MAX;
  link.progress(now_);
  EXPECT_EQ(link.counters().sent.get(), 7U);
  EXPECT_FALSE(link.waiting());
  link.finish();
  EXPECT_EQ(link.not_taken(), "");
}

TEST_F(StreamLinkTest, HoldsRecordsWhileTheCollectorIsAwayAndTellsThemWhenItIsThere) {
  peer_.answers = false;
  StreamLink link = make();
  Introduction introduction(link);
  link.start(introduction);
  EXPECT_EQ(link.away(), "refused by the test");
  send(link, 5);
  peer_.answers = true;
  later(link, 100);
  EXPECT_TRUE(peer_.received.empty()) << "back-off";
  later(link, 2000);
  ASSERT_EQ(peer_.received.size(), 1U);
  EXPECT_EQ(sequences(peer_.received[0]), (std::vector<uint32_t>{0, 0, 1}));
  EXPECT_EQ(link.counters().sent.get(), 5U);
}

TEST_F(StreamLinkTest, LosesAndCountsWhatIsMoreThanItMayHold) {
  peer_.answers = false;
  StreamLink link = make(2 * kSize);
  Introduction introduction(link);
  link.start(introduction);
  for (int message = 0; message < 5; ++message) send(link, 2);
  EXPECT_TRUE(link.full());
  EXPECT_EQ(lost(link, ExportLoss::BufferFull), 6U);
  EXPECT_EQ(link.counters().lost_packets.get(), 60U);
  link.finish();
  EXPECT_EQ(lost(link, ExportLoss::EndOfRun), 4U);
  EXPECT_EQ(link.not_taken(), "tcp://test did not take 10 of 10 records: refused by the test");
}

TEST_F(StreamLinkTest, TellsAgainOnlyWhatCannotHaveCome) {
  StreamLink link = make();
  Introduction introduction(link);
  link.start(introduction);
  link.progress(now_);
  peer_.room = 3 * kSize + 50;
  peer_.acknowledges = 40 + kSize;
  peer_.departs = 40 + 2 * kSize + 1;  // the third message has not left whole
  for (uint16_t records = 1; records <= 16; records = static_cast<uint16_t>(2 * records)) send(link, records);
  link.progress(now_);
  EXPECT_EQ(peer_.received[0].size(), 40 + 3 * kSize + 50);
  peer_.breaks = true;
  link.progress(now_);
  EXPECT_EQ(link.counters().sent.get(), 1U);
  EXPECT_EQ(lost(link, ExportLoss::ConnectionBroken), 2U);
  EXPECT_EQ(link.counters().up.get(), 0U);
  EXPECT_EQ(link.away(), "broken by the test");

  mend();
  later(link, 2000);
  ASSERT_EQ(peer_.received.size(), 2U);
  EXPECT_EQ(sequences(peer_.received[1]), (std::vector<uint32_t>{0, 0, 1, 5, 13}));
  EXPECT_EQ(link.counters().sent.get(), 1U + 4 + 8 + 16);
  EXPECT_EQ(link.counters().sessions.get(), 2U);
}

TEST_F(StreamLinkTest, OldTemplatesAndOptionsAreNotToldInTheNextSession) {
  StreamLink link = make();
  Introduction introduction(link);
  peer_.room = 0;
  link.start(introduction);  // the introduction is held
  send(link, 1);
  peer_.breaks = true;
  link.progress(now_);
  introduction.begin_session();  // away: nobody to introduce to
  mend();
  later(link, 2000);
  EXPECT_EQ(peer_.received[1].size(), 40 + kSize);
}

TEST_F(StreamLinkTest, EverythingIsCountedOnceWheneverItBreaks) {
  for (size_t acknowledges = 0; acknowledges < 700; acknowledges += 7) {
    peer_ = {};
    StreamLink link = make(3 * kSize);
    Introduction introduction(link);
    link.start(introduction);
    peer_.acknowledges = acknowledges;
    peer_.departs = acknowledges + 90;
    for (int message = 0; message < 6; ++message) send(link, 1);
    link.progress(now_);
    peer_.breaks = true;
    link.progress(now_);
    mend();
    later(link, 2000);
    link.finish();
    const ExportCounters& counters = link.counters();
    EXPECT_EQ(counters.sent.get() + counters.lost.sum(), 6U) << acknowledges;
    EXPECT_LE(lost(link, ExportLoss::ConnectionBroken), 1U) << acknowledges;
  }
}

}  // namespace
}  // namespace microcloud
