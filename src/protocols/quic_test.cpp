// What a QUIC connection's first packets tell, in as many as they come, and what is no QUIC.
#include <gtest/gtest.h>

#include <string>

#include "protocols/dialogue_test.h"
#include "protocols/protocols.h"
#include "protocols/wire/quic_bytes_test.h"

namespace microcloud {
namespace {

using namespace quic_bytes;
using Told = TestDialogue::Told;

constexpr uint8_t kUdp = 17;
constexpr bool kClient = TestFlow::kInitiator, kServer = TestFlow::kResponder;

struct Quic : TestFlow {
  Quic() : TestFlow(protocol::quic, kUdp, 443) {}
};

Octets8 hello(size_t more = 0) {
  HelloBytes bytes({0x1301, 0x1302});
  bytes.server_name("www.example.test").alpn({"h3", "h3-29"}).versions({0x0304}).algorithms({0x0403});
  if (more > 0) bytes.extension(0x0033, Octets8(more));
  return tls_message(1, bytes.client());
}

Verdict recognised(const Octets8& bytes, size_t captured = SIZE_MAX) {
  const TestDialogue dialogue(kUdp, 4000);
  return protocol::quic.recognise(
      {.bytes = Bytes(bytes).first(std::min(captured, bytes.size())), .octets = static_cast<uint32_t>(bytes.size())},
      dialogue.flow());
}

TEST(Quic, EveryElementIsTold) {
  Quic flow;
  EXPECT_EQ(flow.send(kClient, Initial{}.with(crypto(0, hello()))), Status::Done);
  ASSERT_EQ(flow.dialogue.records.size(), 1U);
  EXPECT_EQ(flow.dialogue.records[0], (Told{{"record", "quic"},
                                            {"from", "initiator"},
                                            {"observationTimeMilliseconds", "1700000000000"},
                                            {"transactionIndex", "1"},
                                            {"tlsServerName", "www.example.test"},
                                            {"tlsAlpn", "h3|h3-29"},
                                            {"quicVersion", "1"},
                                            {"tlsJa4", flow.dialogue.records[0].at("tlsJa4")}}));
  EXPECT_EQ(flow.dialogue.records[0].at("tlsJa4").substr(0, 11), "q13d0204h3_");
  flow.end();
  EXPECT_EQ(flow.dialogue.records.size(), 1U);
}

TEST(Quic, AHelloInSeveralPacketsInAnyOrder) {
  const Octets8 all = hello(1500);
  const Bytes bytes(all);
  for (const bool in_order : {true, false}) {
    Quic flow;
    const Octets8 first =
        Initial{.number = 0}.with(joined({crypto(1000, bytes.subspan(1000, 100)), crypto(0, bytes.first(900))}));
    const Octets8 second = Initial{.number = 1}.with(
        joined({{1}, crypto(900, bytes.subspan(900, 100)), crypto(1100, bytes.subspan(1100))}));
    EXPECT_EQ(flow.send(kClient, in_order ? first : second), Status::More);
    EXPECT_EQ(flow.send(kServer, Initial{.destination = {1}, .keys_of = {9, 9}}.with({1})), Status::More);
    EXPECT_EQ(flow.send(kClient, in_order ? second : first), Status::Done);
    EXPECT_EQ(flow.dialogue.records.at(0).at("tlsServerName"), "www.example.test");
    EXPECT_FALSE(flow.dialogue.records.at(0).contains("partial"));
  }
}

TEST(Quic, LaterPacketsAreForTheServersId) {
  const Octets8 all = hello(1500);
  Quic flow;
  flow.send(kClient, Initial{}.with(crypto(0, Bytes(all).first(1000))));
  const Initial later{.destination = {7, 7, 7, 7}, .keys_of = Initial{}.destination, .number = 3};
  EXPECT_EQ(flow.send(kClient, later.with(crypto(1000, Bytes(all).subspan(1000)))), Status::Done);
  EXPECT_EQ(flow.dialogue.records.size(), 1U);
}

TEST(Quic, ARetryMakesNewKeys) {
  const Octets8 all = hello(1500);
  Quic flow;
  flow.send(kClient, Initial{}.with(crypto(0, Bytes(all).first(1000))), 0);
  const Initial again{.destination = {7, 7, 7, 7, 7, 7, 7, 7}, .token = {1, 2, 3}, .number = 3, .padded_to = 1000};
  flow.send(kClient, again.with(crypto(0, Bytes(all).first(1000))), 5000);
  EXPECT_EQ(flow.send(kClient, again.with(crypto(1000, Bytes(all).subspan(1000)))), Status::Done);
  EXPECT_EQ(flow.dialogue.records.at(0).at("observationTimeMilliseconds"), "1700000000000");
}

TEST(Quic, SeveralPacketsInOneDatagram) {
  const Octets8 all = hello();
  Quic flow;
  const Initial small{.padded_to = 0};
  EXPECT_EQ(flow.send(kClient, joined({small.with(crypto(0, Bytes(all).first(60))),
                                       small.with(crypto(60, Bytes(all).subspan(60)))})),
            Status::Done);
}

TEST(Quic, TheClientIsWhoseKeysOpenIt) {
  Quic flow;
  flow.send(kClient, Initial{.destination = {1}, .keys_of = {9, 9}}.with(
                         {1}));  // the server's: the client's is not in the capture
  EXPECT_EQ(flow.send(kServer, Initial{.version = kQuicV2}.with(crypto(0, hello()))), Status::Done);
  EXPECT_EQ(flow.dialogue.records.at(0).at("from"), "responder");
  EXPECT_EQ(flow.dialogue.records.at(0).at("quicVersion"), "1798521807");
}

TEST(Quic, WhatIsMissingIsSaid) {
  Quic flow;
  const Octets8 all = hello(1500);
  flow.send(kClient, Initial{}.with(crypto(0, Bytes(all).first(1000))));
  EXPECT_EQ(flow.end().at(0).at("partial"), "client hello cut");
  EXPECT_EQ(flow.dialogue.records[0].at("tlsServerName"), "www.example.test");
  EXPECT_FALSE(flow.dialogue.records[0].contains("tlsJa4"));
  Quic ping;
  ping.send(kClient, Initial{}.with({1}));
  EXPECT_EQ(ping.end().at(0).at("partial"), "no client hello");
  Quic nothing;
  for (int at = 0; at < 64; ++at) EXPECT_EQ(nothing.send(kClient, Octets8(1200, 0xc0)), Status::More);
  EXPECT_EQ(nothing.send(kClient, Octets8(1200, 0xc0)), Status::Malformed);
  EXPECT_TRUE(nothing.end().empty());
}

TEST(Quic, RecognisedByWhatOpensWithItsOwnKeys) {
  const Octets8 good = Initial{}.with(crypto(0, hello()));
  EXPECT_EQ(recognised(good), Verdict::Mine);
  EXPECT_EQ(recognised(Initial{.version = kQuicV2}.with(crypto(0, hello()))), Verdict::Mine);
  Octets8 damaged = good;
  damaged.back() ^= 1;
  EXPECT_EQ(recognised(damaged), Verdict::Unsure) << "the next one may open";
  EXPECT_EQ(recognised(Initial{.padded_to = 900}.with(crypto(0, hello()))), Verdict::Unsure)
      << "a client's first one is longer";
  EXPECT_EQ(recognised(good, 700), Verdict::NotMine) << "what the capture cut cannot be opened";
  EXPECT_EQ(recognised(Octets8(1200, 0x40)), Verdict::NotMine);
  EXPECT_EQ(recognised(Octets8(1200, 0xc0)), Verdict::NotMine) << "of no version";
  EXPECT_EQ(recognised({}), Verdict::NotMine);
}

}  // namespace
}  // namespace microcloud
